macro_rules! server {
    ($name:ident, $port:expr, $nodes:literal, $timeout:literal, $argument:ident: $ty:ty, $body:block) => {
        #[multi_node::main(port = $port, nodes = $nodes, drain_timeout = $timeout)]
        async fn $name($argument: $ty) $body
    };
}

server!(serve, 8080, 4, "1s", nodes: multi_node::Nodes, { nodes.shutdown().await });

macro_rules! message {
    ($name:ident { $($field:ident: $ty:ty),* }) => {
        #[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
        struct $name { $($field: $ty),* }
    };
}

message!(Inner { text: String });
message!(Written { inner: Option<Inner>, numbers: Vec<u8> });

mod by_hand {
    #[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
    pub struct Written {
        pub inner: Option<super::Inner>,
        pub numbers: Vec<u8>,
    }

    #[allow(unused_imports)]
    use super::Inner;
}

fn main() {
    use multi_node::Message;

    let _: fn() = serve;
    let written = Written { inner: Some(Inner { text: String::new() }), numbers: vec![] };
    let _ = (written.numbers, written.inner.map(|inner| inner.text));
    let hand = by_hand::Written { inner: None, numbers: vec![] };
    let _ = (hand.inner, hand.numbers);
    assert_eq!(Written::NAME, by_hand::Written::NAME);
}
