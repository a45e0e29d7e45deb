//! The harness for tests that run real processes.
//!
//! [`Program`] starts a program in a process group of its own and collects what it prints;
//! [`Running`] waits for lines, signals processes, and after the end checks that nothing is left
//! behind. The clients ([`LineClient`], [`HttpClient`], [`Load`]) block, with deadlines. Nothing
//! here waits by sleeping, and no wait is without a deadline.

mod harness;

pub use harness::deadline::{Deadline, eventually};
pub use harness::http::{HttpClient, Response};
pub use harness::line::LineClient;
pub use harness::load::{Counts, Failure, Failures, Load, Outcome};
pub use harness::output::{Exit, Line, Stream};
pub use harness::ports::unused_port;
pub use harness::process;
pub use harness::program::Program;
pub use harness::running::{Running, stderr};
pub use harness::scratch::Scratch;
pub use harness::terminal::Terminal;
pub use harness::who::Who;
