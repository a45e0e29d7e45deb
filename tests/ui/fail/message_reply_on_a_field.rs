#[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
struct Ping(#[message(reply = u8)] u8);

fn main() {}
