#[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
#[message(reply = Pong)]
struct Ping;

#[derive(serde::Serialize, serde::Deserialize)]
struct Pong;

fn main() {}
