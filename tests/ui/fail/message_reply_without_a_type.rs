#[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
#[message(reply)]
struct Ping;

#[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
#[message(reply = )]
struct Pang;

fn main() {}
