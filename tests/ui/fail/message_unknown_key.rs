#[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
#[message(nmae = "chat")]
struct Chat;

fn main() {}
