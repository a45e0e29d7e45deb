#[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
#[message(name = "", version = 2, version = 3)]
struct Chat;

fn main() {}
