//! What the measured programs have in common, so that each answers with the same code.
//!
//! Nothing here measures: that is the harness in `main.rs` and the client in `bin/load`.

mod answer;
mod packet;
mod report;
mod task;

pub use answer::{Answer, GREETING, Site, compute};
pub use packet::Packet;
pub use report::{announce, cpu_nanos, die_with_parent, say_ready};
pub use task::{Kind, Task, say_rate, say_trips};
