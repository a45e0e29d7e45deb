//! The options: from the attribute or the builder, overridden by the environment, checked.
//!
//! Ends with [`Settings`] or with the one line that says what is wrong; binds and starts nothing.

mod environment;
mod listening;
mod units;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Flavor, MAX_NODES, Readiness, RingUse, Settings};
use crate::error::OptionError;

use environment::Environment;
use listening::Listening;

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
    listening: Listening,
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
            listening: Listening::default(),
            nodes: NodeCount::Exactly(1),
            multi_thread: false,
            worker_threads: None,
        }
    }

    /// The TCP port to listen on; 0 lets the kernel choose (`Nodes::local_addr` tells). Default 80.
    pub fn port(mut self, port: u16) -> Builder {
        self.listening.port = Some(port);
        self
    }

    /// The address or host name to listen on. Default "0.0.0.0": every IPv4 address.
    pub fn host(mut self, host: impl Into<String>) -> Builder {
        self.listening.host = Some(host.into());
        self
    }

    /// No port at all, for programs that only compute and talk.
    pub fn listen_none(mut self) -> Builder {
        self.listening.none = true;
        self
    }

    /// One more listener, with a name for `Nodes::listener_named`, at an address such as
    /// `0.0.0.0:80`, `[::]:80` or `unix:/run/app.sock`. Up to 16, the first of which is
    /// `Nodes::listener`.
    ///
    /// - `[::]:80` listens on IPv4 too, unless another listener has `0.0.0.0:80` or it says
    ///   `[::]:80?v6only=true`.
    /// - `unix:/run/app.sock?mode=0660` gives the file these permissions; a file that nobody
    ///   listens at any more is replaced. `unix:@name` is in the abstract namespace.
    ///
    /// Without [`port`](Builder::port) and [`host`](Builder::host) these are all there are; with
    /// one of them, that listener comes first and is called "main".
    pub fn listen(mut self, name: impl Into<String>, address: impl Into<String>) -> Builder {
        self.listening.named.push((name.into(), address.into()));
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

    /// A node is ready at its first `accept` or `serve`, or when its listener is taken away by
    /// `into_std` or `into_tokio`: the default.
    pub fn ready_implicit(mut self) -> Builder {
        self.settings.readiness = Readiness::Implicit;
        self
    }

    /// A node is ready when it calls [`Nodes::ready`], which it has to within
    /// [`start_timeout`](Builder::start_timeout); until then its `accept` and `serve` wait, and
    /// other nodes take the connections of its slot.
    ///
    /// [`Nodes::ready`]: crate::Nodes::ready
    pub fn ready_explicit(mut self) -> Builder {
        self.settings.readiness = Readiness::Explicit;
        self
    }

    /// How long a node may take to get ready before it is killed; above zero. Default 60 s.
    pub fn start_timeout(mut self, timeout: Duration) -> Builder {
        self.settings.start_timeout = timeout;
        self
    }

    /// How long a program that was told to stop goes on accepting before it drains, while
    /// [`Nodes::is_ready`] says no already: for load balancers that look away late. Default 0.
    ///
    /// [`Nodes::is_ready`]: crate::Nodes::is_ready
    pub fn drain_delay(mut self, delay: Duration) -> Builder {
        self.settings.drain_delay = delay;
        self
    }

    /// How long a node that drains keeps HTTP connections that idle, so that a request that is on
    /// its way is answered; 0 closes them at once. Default 1 s.
    pub fn drain_grace(mut self, grace: Duration) -> Builder {
        self.settings.drain_grace = grace;
        self
    }

    /// How long a node that drains may take, its grace included, before it is killed. Default 30 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Builder {
        self.settings.drain_timeout = timeout;
        self
    }

    /// How many workers a reload replaces at a time, 1 to 65535: so many processes more than
    /// nodes there are meanwhile. Default: all at once.
    pub fn max_surge(mut self, workers: u16) -> Builder {
        self.settings.max_surge = Some(workers);
        self
    }

    /// How long the runtime of a node may be stuck before the node is killed, above zero; `None`:
    /// for ever. Default 60 s.
    ///
    /// There is no such limit with [`listen_none`](Builder::listen_none), for a plain `fn main`,
    /// and while a debugger is attached.
    pub fn hang_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Builder {
        self.settings.hang_timeout = timeout.into();
        self
    }

    /// A worker that is older, give or take a tenth, is replaced; above zero. Default: none is.
    pub fn max_lifetime(mut self, age: Duration) -> Builder {
        self.settings.limits.lifetime = Some(age);
        self
    }

    /// A worker that has accepted so many connections, give or take a tenth, is replaced; 1 or
    /// more. Default: none is.
    pub fn max_connections(mut self, connections: u64) -> Builder {
        self.settings.limits.connections = Some(connections);
        self
    }

    /// A worker with more resident memory than so many bytes, give or take a tenth, is replaced; 1
    /// or more. Default: none is.
    pub fn max_memory(mut self, bytes: u64) -> Builder {
        self.settings.limits.memory = Some(bytes);
        self
    }

    /// Whom every process becomes, by name or number, once the port is bound and before `main`
    /// runs. Default: whoever starts the program.
    pub fn user(mut self, user: impl Into<String>) -> Builder {
        self.settings.user = Some(user.into());
        self
    }

    /// The group of every process, by name or number. Default: that of [`user`](Builder::user).
    pub fn group(mut self, group: impl Into<String>) -> Builder {
        self.settings.group = Some(group.into());
        self
    }

    /// Links between nodes carry their messages through shared memory while they are busy (the
    /// default): 1 MiB each way, to 8 other nodes at most.
    pub fn ring_auto(mut self) -> Builder {
        self.settings.messaging.ring = RingUse::Auto;
        self
    }

    /// As [`ring_auto`](Builder::ring_auto), from the first message on: less latency for messages
    /// that are seldom.
    pub fn ring_on(mut self) -> Builder {
        self.settings.messaging.ring = RingUse::On;
        self
    }

    /// Messages go through sockets alone.
    pub fn ring_off(mut self) -> Builder {
        self.settings.messaging.ring = RingUse::Off;
        self
    }

    /// How long a node that has read all messages looks for more before it sleeps, 1 ms at most:
    /// it buys latency with CPU time, on links with a ring. Default 0.
    pub fn busy_poll(mut self, time: Duration) -> Builder {
        self.settings.messaging.busy_poll = time;
        self
    }

    /// Where the master writes its pid when it is ready; removed at the end. Default: nowhere.
    pub fn pid_file(mut self, path: impl Into<PathBuf>) -> Builder {
        self.settings.pid_file = Some(path.into());
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

    /// How many threads the pool of a [`multi_thread`](Builder::multi_thread) node has, 1 to 65535.
    /// Default: one a CPU.
    pub fn worker_threads(mut self, threads: usize) -> Builder {
        self.worker_threads = Some(threads);
        self
    }

    /// Lets the environment override, and checks everything.
    pub(crate) fn settle(
        mut self,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Settings, OptionError> {
        Environment(&variable).override_all(&mut self)?;
        self.check()
    }

    fn check(self) -> Result<Settings, OptionError> {
        let mut settings = self.settings;
        settings.nodes = match self.nodes {
            NodeCount::Auto => std::thread::available_parallelism()
                .map_or(1, |cpus| u16::try_from(cpus.get()).unwrap_or(MAX_NODES).min(MAX_NODES)),
            NodeCount::Exactly(nodes) => u16::try_from(nodes)
                .ok()
                .filter(|nodes| (1..=MAX_NODES).contains(nodes))
                .ok_or_else(|| wrong("nodes", nodes, NODES))?,
        };
        settings.flavor = flavor(self.multi_thread, self.worker_threads)?;
        settings.listen = listening::check(self.listening)?;
        check_numbers(&settings)?;
        check_names(&settings)?;
        Ok(settings)
    }
}

fn flavor(multi_thread: bool, worker_threads: Option<usize>) -> Result<Flavor, OptionError> {
    match (multi_thread, worker_threads) {
        (false, None) => Ok(Flavor::CurrentThread),
        (false, Some(threads)) => {
            Err(wrong("worker_threads", threads, "flavor = \"multi_thread\" with it"))
        }
        (true, Some(threads)) if !(1..=MAX_THREADS).contains(&threads) => {
            Err(wrong("worker_threads", threads, "1 to 65535"))
        }
        (true, worker_threads) => Ok(Flavor::MultiThread { worker_threads }),
    }
}

fn check_numbers(settings: &Settings) -> Result<(), OptionError> {
    let Settings { backlog, start_timeout, hang_timeout, max_surge, limits, messaging, .. } =
        settings;
    let zero = Some(Duration::ZERO);
    if !backlog_is_valid(*backlog) {
        Err(wrong("backlog", backlog, BACKLOG))
    } else if start_timeout.is_zero() {
        Err(wrong("start_timeout", "0s", TIMEOUT))
    } else if *hang_timeout == zero {
        Err(wrong("hang_timeout", "0s", OFF_OR_TIMEOUT))
    } else if messaging.busy_poll > MAX_BUSY_POLL {
        Err(wrong("busy_poll", format!("{:?}", messaging.busy_poll), BUSY_POLL))
    } else if *max_surge == Some(0) {
        Err(wrong("max_surge", 0, SURGE))
    } else if limits.lifetime == zero {
        Err(wrong("max_lifetime", "0s", TIMEOUT))
    } else if limits.connections == Some(0) {
        Err(wrong("max_connections", 0, "a number above zero"))
    } else if limits.memory == Some(0) {
        Err(wrong("max_memory", 0, "a number of bytes above zero"))
    } else {
        Ok(())
    }
}

fn check_names(settings: &Settings) -> Result<(), OptionError> {
    let Settings { user, group, pid_file, .. } = settings;
    if user.as_ref().is_some_and(String::is_empty) {
        Err(wrong("user", "", USER))
    } else if group.as_ref().is_some_and(String::is_empty) {
        Err(wrong("group", "", GROUP))
    } else if pid_file.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
        Err(wrong("pid_file", "", PATH))
    } else {
        Ok(())
    }
}

fn wrong(name: &str, value: impl ToString, expected: &str) -> OptionError {
    OptionError { name: name.to_owned(), value: value.to_string(), expected: expected.to_owned() }
}

/// tokio cannot count more.
const MAX_THREADS: usize = 65_535;

const BOOL: &str = "true or false";
const NODES: &str = "1 to 256, or auto";
const BACKLOG: &str = "1 to 2147483647";
const SURGE: &str = "1 to 65535";
const DURATION: &str = "a time such as 500ms, 30s, 5m or 1h";
const TIMEOUT: &str = "a time above zero such as 500ms, 30s, 5m or 1h";
const OFF_OR_TIMEOUT: &str = "off, or a time above zero such as 500ms, 30s, 5m or 1h";
const READY: &str = "implicit or explicit";
const RING: &str = "auto, on or off";
const BUSY_POLL: &str = "a time up to 1ms, such as 20us";

/// The longest that may be asked for: nothing else of the node runs meanwhile.
const MAX_BUSY_POLL: Duration = Duration::from_millis(1);
const USER: &str = "a user's name or number";
const GROUP: &str = "a group's name or number";
const PATH: &str = "a path";

fn backlog_is_valid(backlog: u32) -> bool {
    backlog > 0 && i32::try_from(backlog).is_ok()
}

#[cfg(test)]
mod tests;
