//! Scenarios with real processes, one file an operation.

mod attribute;
mod deaths;
mod descriptors;
mod endings;
mod harness;
mod init;
mod listeners;
mod listening;
mod log;
mod mesh;
mod messages;
mod options;
mod orphans;
mod ports;
mod reload;
mod spread;
mod start;
mod stop;
mod support;
mod user_children;
