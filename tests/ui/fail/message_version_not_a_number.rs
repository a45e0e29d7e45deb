#[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
#[message(version = "2")]
struct Chat;

fn main() {}
