#[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
#[message(reply = "Pong")]
struct Ping;

fn main() {}
