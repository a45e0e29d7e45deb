#[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
struct Ping;

fn main() {
    is_answered::<Ping>();
}

fn is_answered<Q: multi_node::Request>() {}
