//! Scenarios with real processes, one file an operation.

mod attribute;
mod deaths;
mod descriptors;
mod endings;
mod harness;
mod health;
mod init;
mod limits;
mod listeners;
mod log;
mod mesh;
mod messages;
mod options;
mod orphans;
mod pid_file;
mod ports;
mod reload;
mod signals;
mod spread;
mod start;
mod stop;
mod support;
mod upgrade;
mod user;
mod user_children;
