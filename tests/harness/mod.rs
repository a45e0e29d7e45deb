//! The parts of the harness; `lib.rs` names what tests use.

pub(crate) mod deadline;
pub(crate) mod http;
pub(crate) mod line;
pub(crate) mod load;
pub(crate) mod output;
pub(crate) mod ports;
pub mod process;
pub(crate) mod program;
pub(crate) mod running;
pub(crate) mod scratch;
pub(crate) mod terminal;
pub(crate) mod who;
