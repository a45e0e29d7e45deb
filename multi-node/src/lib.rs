//! One attribute turns an async `main` into a supervised family of processes that serve one port
//! and talk to each other.
#![allow(dead_code)]

mod config;
mod link;
mod node;
mod policy;
mod sys;

pub use node::{Connection, Listener, OpenGuard};
