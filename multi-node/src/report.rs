//! What supervision has to say: a `tracing` event with the node that it is about and, for warnings
//! and errors in a program that set no subscriber, a line on stderr. Decides nothing.

use std::fmt::Arguments;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::{Generation, NodeId, Slot};

/// The node that this process is; the master's, until a worker knows better.
static NODE: AtomicU64 = AtomicU64::new(NodeId::MASTER.0);

/// Whose events they are from now on.
pub(crate) fn speak_as(node: NodeId) {
    NODE.store(node.0, Ordering::Relaxed);
}

fn speaker() -> u64 {
    NODE.load(Ordering::Relaxed)
}

/// What an event is about, as its fields; by default it is about the node that says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) node: Option<NodeId>,
    pub(crate) slot: Option<Slot>,
    pub(crate) generation: Option<Generation>,
    pub(crate) pid: Option<u32>,
    /// How a process ended.
    pub(crate) status: Option<String>,
}

/// An event of a level; the fields that are not known are left out.
macro_rules! event {
    ($level:ident, $about:ident, $text:ident) => {
        tracing::$level!(
            target: "multi_node",
            node = $about.node.map_or_else(speaker, |node| node.0),
            slot = $about.slot,
            generation = $about.generation,
            pid = $about.pid,
            status = $about.status.as_deref(),
            "{}",
            $text
        )
    };
}

pub(crate) fn debug(about: &About, text: Arguments<'_>) {
    event!(debug, about, text);
}

pub(crate) fn info(about: &About, text: Arguments<'_>) {
    event!(info, about, text);
}

pub(crate) fn warn(about: &About, text: Arguments<'_>) {
    event!(warn, about, text);
    unless_subscribed(text);
}

pub(crate) fn news(about: &About, text: Arguments<'_>) {
    event!(info, about, text);
    unless_subscribed(text);
}

pub(crate) fn error(about: &About, text: Arguments<'_>) {
    event!(error, about, text);
    unless_subscribed(text);
}

fn unless_subscribed(text: Arguments<'_>) {
    if !tracing::dispatcher::has_been_set() {
        line(text);
    }
}

/// One whole line on stderr, in one write, so that those of several nodes do not mix.
pub(crate) fn line(text: Arguments<'_>) {
    let line = format!("multi-node[{}]: {text}\n", speaker());
    // With stderr closed there is nobody to tell.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// `warn!("slot {slot} …")`, or `warn!(about: about, "…")`: something went wrong that supervision
/// deals with.
macro_rules! warn_ {
    ($($words:tt)*) => { $crate::report::say!(warn, $($words)*) };
}
/// `error!(…)`: something went wrong that ends a node or the program.
macro_rules! error_ {
    ($($words:tt)*) => { $crate::report::say!(error, $($words)*) };
}
/// `news!(…)`: something went as it should, and whoever asked for it waits to hear so.
macro_rules! news_ {
    ($($words:tt)*) => { $crate::report::say!(news, $($words)*) };
}
/// `info!(…)`: something went as it should.
macro_rules! info_ {
    ($($words:tt)*) => { $crate::report::say!(info, $($words)*) };
}
/// `debug!(…)`: something that only who looks for it wants to know.
macro_rules! debug_ {
    ($($words:tt)*) => { $crate::report::say!(debug, $($words)*) };
}
/// The function for a level, called with what it is about.
macro_rules! say {
    ($level:ident, about: $about:expr, $($text:tt)*) => {
        $crate::report::$level($about, format_args!($($text)*))
    };
    ($level:ident, $($text:tt)*) => {
        $crate::report::$level(&$crate::report::About::default(), format_args!($($text)*))
    };
}
pub(crate) use {
    debug_ as debug, error_ as error, info_ as info, news_ as news, say, warn_ as warn,
};
