#![deny(deprecated)]

#[deprecated]
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Old;

#[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
#[allow(deprecated)]
pub struct New {
    pub old: Vec<Old>,
}

fn main() {}
