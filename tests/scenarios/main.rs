//! Scenarios with real processes, one file an operation.

mod attribute;
mod deaths;
mod descriptors;
mod endings;
mod events;
mod harness;
mod init;
mod listeners;
mod log;
mod manager;
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
