//! What the measured programs have in common, so that each answers with the same code.
//!
//! Nothing here measures what the table says: that is the harness in `main.rs`. What the messaging
//! programs say of themselves is measured in `talk`, `crowd` and `raw`.

mod answer;
mod crowd;
mod follower;
mod packet;
mod raw;
mod report;
mod talk;
mod task;

pub use answer::{Answer, GREETING, Site, compute};
pub use crowd::{Crowd, Mesh};
pub use follower::Follower;
pub use packet::Packet;
pub use raw::{Head, RawLink, Spin, follow_raw, lead_raw};
pub use report::{announce, cpu_nanos, die_with_parent, say_ready};
pub use talk::{Link, follow, lead};
pub use task::{Kind, Task, WINDOW, say_rate, say_trips};
