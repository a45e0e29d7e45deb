//! The kernel: sockets, fd passing, processes, signals, shared memory.
//!
//! All `unsafe` and all `nix` of the crate is here. Plain fds and plain values go in and out; no
//! module here knows tokio, a node's role, or why it was called.
#![allow(unsafe_code)]

pub(crate) mod bell;
pub(crate) mod cpu;
pub(crate) mod init;
mod mapping;
pub(crate) mod packet;
pub(crate) mod page;
pub(crate) mod pid_file;
pub(crate) mod poll;
pub(crate) mod proc;
pub(crate) mod process;
pub(crate) mod replace;
pub(crate) mod ring;
pub(crate) mod sealed;
pub(crate) mod shared;
pub(crate) mod signal;
pub(crate) mod socket;
pub(crate) mod terminal;
pub(crate) mod timer;
pub(crate) mod user;
pub(crate) mod watch;
