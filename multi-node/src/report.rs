//! What supervision has to say: a `tracing` event that carries the node's id and, for warnings
//! and errors in a program that set no subscriber, a line on stderr. Decides nothing.

use std::fmt::Arguments;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::NodeId;

/// The node that this process is; the master's, until a worker knows better.
static NODE: AtomicU64 = AtomicU64::new(NodeId::MASTER.0);

/// Whose events they are from now on.
pub(crate) fn speak_as(node: NodeId) {
    NODE.store(node.0, Ordering::Relaxed);
}

fn node() -> u64 {
    NODE.load(Ordering::Relaxed)
}

pub(crate) fn debug(text: Arguments<'_>) {
    tracing::debug!(target: "multi_node", node = node(), "{text}");
}

pub(crate) fn info(text: Arguments<'_>) {
    tracing::info!(target: "multi_node", node = node(), "{text}");
}

pub(crate) fn warn(text: Arguments<'_>) {
    tracing::warn!(target: "multi_node", node = node(), "{text}");
    unless_subscribed(text);
}

pub(crate) fn error(text: Arguments<'_>) {
    tracing::error!(target: "multi_node", node = node(), "{text}");
    unless_subscribed(text);
}

fn unless_subscribed(text: Arguments<'_>) {
    if !tracing::dispatcher::has_been_set() {
        line(text);
    }
}

/// One whole line on stderr, in one write, so that those of several nodes do not mix.
pub(crate) fn line(text: Arguments<'_>) {
    let line = format!("multi-node[{}]: {text}\n", node());
    // With stderr closed there is nobody to tell.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// `warn!("slot {slot} …")`: something went wrong that supervision deals with.
macro_rules! warn_ {
    ($($text:tt)*) => { $crate::report::warn(format_args!($($text)*)) };
}
/// `error!(…)`: something went wrong that ends a node or the program.
macro_rules! error_ {
    ($($text:tt)*) => { $crate::report::error(format_args!($($text)*)) };
}
/// `info!(…)`: something went as it should.
macro_rules! info_ {
    ($($text:tt)*) => { $crate::report::info(format_args!($($text)*)) };
}
/// `debug!(…)`: something that only who looks for it wants to know.
macro_rules! debug_ {
    ($($text:tt)*) => { $crate::report::debug(format_args!($($text)*)) };
}
pub(crate) use {debug_ as debug, error_ as error, info_ as info, warn_ as warn};
