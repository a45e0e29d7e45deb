// These numbers were worked out apart from the derive. They never change by accident: nodes of two
// builds talk only while they agree.

use multi_node::Message;
use serde::{Deserialize, Serialize};

const SIZE: usize = 3;

#[derive(Serialize, Deserialize, Message)]
struct Ping;

#[derive(Serialize, Deserialize, Message)]
struct Job {
    id: u64,
}

#[derive(Serialize, Deserialize, Message)]
struct Batch {
    jobs: Vec<Job>,
    ping: Option<(Ping, u8)>,
    table: [u8; SIZE],
}

#[derive(Serialize, Deserialize, Message)]
enum Chat {
    Said { who: String, text: String },
    #[serde(rename = "bye")]
    Left(String, Vec<(u8, [u64; 4])>),
    Idle,
}

#[derive(Serialize, Deserialize, Message)]
#[message(name = "chat", version = 2)]
struct Versioned;

mod elsewhere {
    use super::{Deserialize, Message, Job, Ping, SIZE, Serialize};

    /// Laid out in another way, of the same definition.
    #[derive(Serialize, Deserialize, Message)]
    pub struct Batch {
        pub jobs: Vec<Job,>,
        pub ping: Option<(Ping, u8,)>,
        pub table: [u8; SIZE],
    }

}

fn main() {
    assert_eq!(Ping::FINGERPRINT, 14_058_172_984_575_203_104);
    assert_eq!(Job::FINGERPRINT, 16_084_488_205_399_722_670);
    assert_eq!(Batch::FINGERPRINT, 9_260_945_341_164_664_182);
    assert_eq!(Chat::FINGERPRINT, 5_657_443_662_532_827_049);
    assert_eq!(Versioned::FINGERPRINT, 13_951_146_415_443_573_577);

    assert_eq!(Batch::NAME, elsewhere::Batch::NAME);
    assert_eq!(Batch::FINGERPRINT, elsewhere::Batch::FINGERPRINT);
}
