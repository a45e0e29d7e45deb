//! The options: from the attribute or the builder, overridden by the environment, checked.
//!
//! Ends with [`Settings`] or with the one line that says what is wrong; binds and starts nothing.

use std::ffi::OsString;
use std::time::Duration;

use crate::config::{Flavor, MAX_NODES, Settings};
use crate::error::OptionError;

/// How many nodes serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeCount {
    /// As many as the CPUs that this process may use: its affinity and its cgroup's quota count.
    Auto,
    /// This many, 1 to 256.
    Exactly(usize),
}

impl From<usize> for NodeCount {
    fn from(nodes: usize) -> Self {
        NodeCount::Exactly(nodes)
    }
}

/// The options of a program, without the macro.
///
/// Each has the default of the attribute; the environment (`MULTI_NODE_PORT`, …) overrides all.
///
/// ```no_run
/// use multi_node::{Builder, Nodes};
///
/// async fn serve(nodes: Nodes) {
///     println!("node {} of {}", nodes.id(), nodes.len());
///     nodes.shutdown().await;
/// }
///
/// fn main() {
///     multi_node::run(|| Builder::new().port(8080).nodes(4), serve)
/// }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `multi_node::run` gets it"]
pub struct Builder {
    settings: Settings,
    host: String,
    port: u16,
    listens: bool,
    nodes: NodeCount,
    multi_thread: bool,
    worker_threads: Option<usize>,
}

impl Default for Builder {
    fn default() -> Self {
        Builder::new()
    }
}

impl Builder {
    /// Port 80 on 0.0.0.0, one node, which is the master.
    pub fn new() -> Builder {
        Builder {
            settings: Settings::default(),
            host: "0.0.0.0".to_owned(),
            port: 80,
            listens: true,
            nodes: NodeCount::Exactly(1),
            multi_thread: false,
            worker_threads: None,
        }
    }

    /// The TCP port to listen on; 0 lets the kernel choose (`Nodes::local_addr` tells). Default 80.
    pub fn port(mut self, port: u16) -> Builder {
        self.port = port;
        self
    }

    /// The address or host name to listen on. Default "0.0.0.0": every IPv4 address.
    pub fn host(mut self, host: impl Into<String>) -> Builder {
        self.host = host.into();
        self
    }

    /// No port at all, for programs that only compute and talk.
    pub fn listen_none(mut self) -> Builder {
        self.listens = false;
        self
    }

    /// How many nodes serve, 1 to 256 or [`NodeCount::Auto`]. Default 1.
    ///
    /// The master is one of them, unless [`master_listen`](Builder::master_listen) is false.
    pub fn nodes(mut self, nodes: impl Into<NodeCount>) -> Builder {
        self.nodes = nodes.into();
        self
    }

    /// Whether the master serves too, as one of the nodes. Default true.
    pub fn master_listen(mut self, listen: bool) -> Builder {
        self.settings.master_listen = listen;
        self
    }

    /// Whether a worker that dies is replaced. Default true.
    pub fn restart_children(mut self, restart: bool) -> Builder {
        self.settings.restart_children = restart;
        self
    }

    /// How many connections the kernel queues for each node. Default 4096; the kernel's own
    /// limit, `net.core.somaxconn`, cuts it down.
    pub fn backlog(mut self, connections: u32) -> Builder {
        self.settings.backlog = connections;
        self
    }

    /// How long a node that drains may take before it is killed. Default 30 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Builder {
        self.settings.drain_timeout = timeout;
        self
    }

    /// How long a node may take to get ready before it is killed. Default 60 s.
    pub fn start_timeout(mut self, timeout: Duration) -> Builder {
        self.settings.start_timeout = timeout;
        self
    }

    /// One thread a node: the default.
    pub fn current_thread(mut self) -> Builder {
        self.multi_thread = false;
        self
    }

    /// A thread pool in every node.
    pub fn multi_thread(mut self) -> Builder {
        self.multi_thread = true;
        self
    }

    /// How many threads the pool of a [`multi_thread`](Builder::multi_thread) node has. Default:
    /// one a CPU.
    pub fn worker_threads(mut self, threads: usize) -> Builder {
        self.worker_threads = Some(threads);
        self
    }

    /// Lets the environment override, and checks everything.
    pub(crate) fn settle(
        mut self,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Settings, OptionError> {
        self.override_from(&Environment(&variable))?;
        self.check()
    }

    fn override_from(&mut self, env: &Environment<'_>) -> Result<(), OptionError> {
        let settings = &mut self.settings;
        env.set("PORT", "a port, 0 to 65535", number, &mut self.port)?;
        env.set("HOST", "an address or a host name", text, &mut self.host)?;
        env.set("NODES", "1 to 256, or auto", node_count, &mut self.nodes)?;
        env.set("MASTER_LISTEN", BOOL, boolean, &mut settings.master_listen)?;
        env.set("RESTART_CHILDREN", BOOL, boolean, &mut settings.restart_children)?;
        env.set("BACKLOG", BACKLOG, backlog, &mut settings.backlog)?;
        env.set("DRAIN_TIMEOUT", DURATION, duration, &mut settings.drain_timeout)?;
        env.set("START_TIMEOUT", TIMEOUT, timeout, &mut settings.start_timeout)
    }

    fn check(self) -> Result<Settings, OptionError> {
        let mut settings = self.settings;
        settings.nodes = match self.nodes {
            NodeCount::Auto => std::thread::available_parallelism()
                .map_or(1, |cpus| u16::try_from(cpus.get()).unwrap_or(MAX_NODES).min(MAX_NODES)),
            NodeCount::Exactly(nodes) => u16::try_from(nodes)
                .ok()
                .filter(|nodes| (1..=MAX_NODES).contains(nodes))
                .ok_or_else(|| wrong("nodes", nodes, "1 to 256, or auto"))?,
        };
        if !backlog_is_valid(settings.backlog) {
            return Err(wrong("backlog", settings.backlog, BACKLOG));
        }
        if settings.start_timeout.is_zero() {
            return Err(wrong("start_timeout", "0s", TIMEOUT));
        }
        settings.flavor = match (self.multi_thread, self.worker_threads) {
            (false, None) => Flavor::CurrentThread,
            (false, Some(threads)) => {
                return Err(wrong("worker_threads", threads, "flavor = \"multi_thread\" with it"));
            }
            (true, Some(0)) => return Err(wrong("worker_threads", 0, "1 or more")),
            (true, worker_threads) => Flavor::MultiThread { worker_threads },
        };
        settings.listen = self.listens.then_some((self.host, self.port));
        Ok(settings)
    }
}

fn wrong(name: &str, value: impl ToString, expected: &str) -> OptionError {
    OptionError { name: name.to_owned(), value: value.to_string(), expected: expected.to_owned() }
}

const BOOL: &str = "true or false";
const BACKLOG: &str = "1 to 2147483647";
const DURATION: &str = "a time such as 500ms, 30s, 5m or 1h";
const TIMEOUT: &str = "a time above zero such as 500ms, 30s, 5m or 1h";

fn backlog_is_valid(backlog: u32) -> bool {
    backlog > 0 && i32::try_from(backlog).is_ok()
}

/// The variables `MULTI_NODE_…`.
struct Environment<'a>(&'a dyn Fn(&str) -> Option<OsString>);

impl Environment<'_> {
    fn set<T>(
        &self,
        option: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
        value: &mut T,
    ) -> Result<(), OptionError> {
        let name = format!("MULTI_NODE_{option}");
        let Some(given) = (self.0)(&name) else {
            return Ok(());
        };
        let parsed = given.to_str().and_then(|given| parse(given.trim()));
        *value = parsed.ok_or_else(|| wrong(&name, given.to_string_lossy(), expected))?;
        Ok(())
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn backlog(text: &str) -> Option<u32> {
    number(text).filter(|backlog| backlog_is_valid(*backlog))
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn node_count(text: &str) -> Option<NodeCount> {
    if text == "auto" {
        return Some(NodeCount::Auto);
    }
    let nodes = text.parse().ok().filter(|nodes| (1..=usize::from(MAX_NODES)).contains(nodes))?;
    Some(NodeCount::Exactly(nodes))
}

/// A whole number and its unit: ms, s, m or h.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let milliseconds: u64 = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(milliseconds).map(Duration::from_millis)
}

fn timeout(text: &str) -> Option<Duration> {
    duration(text).filter(|timeout| !timeout.is_zero())
}

#[cfg(test)]
mod tests;
