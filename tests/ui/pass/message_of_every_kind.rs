use std::collections::HashMap;

use multi_node::Message;
use serde::{Deserialize, Serialize};

const LENGTH: usize = 3;

#[derive(Serialize, Deserialize, Message)]
struct Unit;

#[derive(Serialize, Deserialize, Message)]
struct Tuple(u8, (Unit, [Unit; LENGTH]), Option<Box<str>>);

#[derive(Serialize, Deserialize, Message)]
struct Named {
    r#type: u8,
    map: HashMap<String, Tuple>,
    nested: Vec<Option<Result<Unit, std::num::NonZeroU8>>>,
}

#[derive(Serialize, Deserialize, Message)]
enum Empty {}

#[derive(Serialize, Deserialize, Message)]
#[serde(rename_all = "kebab-case")]
enum Every {
    Unit,
    Tuple(Named, Unit),
    Named {
        #[serde(default)]
        empty: Option<Empty>,
    },
}

#[derive(Serialize, Deserialize, Message)]
enum Numbered {
    Seven = 7,
}

#[derive(Serialize, Deserialize, Message)]
#[message(name = "chat", version = 2)]
struct Named2;

#[derive(Serialize, Deserialize, Message)]
#[message(name = "raw")]
struct r#Raw;

fn sent<M: Message>() -> (&'static str, u64) {
    (M::NAME, M::FINGERPRINT)
}

fn main() {
    let all = [
        sent::<Unit>(),
        sent::<Tuple>(),
        sent::<Named>(),
        sent::<Empty>(),
        sent::<Every>(),
        sent::<Numbered>(),
        sent::<Named2>(),
    ];
    for (at, (name, fingerprint)) in all.iter().enumerate() {
        for (other, other_fingerprint) in &all[at + 1..] {
            assert_ne!(name, other);
            assert_ne!(fingerprint, other_fingerprint);
        }
    }
    assert_eq!(Every::NAME, "Every");
    assert_eq!(Named2::NAME, "chat");
    assert_eq!(r#Raw::NAME, "raw");
    let _ = (Every::Unit, Numbered::Seven, Every::Named { empty: None });
}
