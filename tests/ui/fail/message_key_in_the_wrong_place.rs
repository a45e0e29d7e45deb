#[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
enum Chat {
    #[message(opaque)]
    Said(#[message(version = 2)] String),
}

fn main() {}
