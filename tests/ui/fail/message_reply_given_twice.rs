#[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
#[message(reply = Pong, reply = Pong)]
struct Ping;

#[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
struct Pong;

fn main() {}
