//! What carries the messages that are measured, and how each is started.

use std::process::Command;

use multi_node_benches::Kind;

use crate::bench::{Bench, installed};
use crate::load::field;
use crate::process::{Line, Running};

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// As it comes.
    MultiNode,
    /// As it comes, with a request and a reply for each message there and back.
    Requests,
    /// Rings from the first message on.
    RingOn,
    /// Sockets alone.
    RingOff,
    /// Rings from the first message on, and 20 µs of looking before each sleep.
    BusyPoll,
    IpcChannel,
    Remoc,
    /// A notification after each message.
    Iceoryx,
    /// The receiver looks without end.
    IceoryxBusy,
    /// A write for each message.
    WriteEach,
    ProcessSend,
    /// The limits.
    BareSocket,
    BareRing,
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    pub(crate) kind: Kind,
    /// Bytes of a message's text.
    pub(crate) size: usize,
    pub(crate) processes: usize,
}

impl Carrier {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::MultiNode => "multi-node",
            Self::Requests => "multi-node, `request`",
            Self::RingOn => "multi-node, `ring=on`",
            Self::RingOff => "multi-node, `ring=off`",
            Self::BusyPoll => "multi-node, `ring=on`, `busy_poll=20us`",
            Self::IpcChannel => "ipc-channel",
            Self::Remoc => "remoc",
            Self::Iceoryx => "iceoryx2, events, bytes",
            Self::IceoryxBusy => "iceoryx2, busy, bytes",
            Self::WriteEach => "a write for each",
            Self::ProcessSend => "Node's process.send",
            Self::BareSocket => "limit: bare socket",
            Self::BareRing => "limit: bare busy ring",
        }
    }

    /// Why it cannot be measured here, if it cannot.
    fn missing(self) -> Option<&'static str> {
        match self {
            Self::IpcChannel | Self::Remoc | Self::Iceoryx | Self::IceoryxBusy => {
                (!cfg!(feature = "peers")).then_some("left out, built without the feature `peers`")
            }
            Self::ProcessSend => (!installed("node", "--version")).then_some("not installed"),
            Self::MultiNode
            | Self::Requests
            | Self::RingOn
            | Self::RingOff
            | Self::BusyPoll
            | Self::WriteEach
            | Self::BareSocket
            | Self::BareRing => None,
        }
    }

    /// Those of the carriers that are there to be measured; a note says which are not.
    pub(crate) fn present(bench: &Bench, carriers: &[Self]) -> Vec<Self> {
        let mut present = carriers.to_vec();
        present.retain(|carrier| {
            let missing = carrier.missing();
            if let Some(reason) = missing {
                bench.note(format!("{}: {reason}", carrier.label()));
            }
            missing.is_none()
        });
        present
    }

    /// Does the job once and returns the figures that the program said.
    pub(crate) fn run(self, bench: &Bench, job: Job) -> Result<Line, String> {
        let mut command = self.command(bench);
        let millis = bench.plan.length.as_millis().to_string();
        command.args([job.kind.word(), &job.size.to_string(), &millis]);
        match self {
            Self::WriteEach => command.arg(job.processes.to_string()),
            _ => command.env("MULTI_NODE_NODES", job.processes.to_string()),
        };
        let running = Running::start(&mut command, bench.scratch())?;
        let done = running.line("done");
        done.map_err(|reason| format!("{}: {reason}", self.label()))
    }

    fn command(self, bench: &Bench) -> Command {
        let nodes = |program: &str, settings: &[(&str, &str)]| {
            let mut command = bench.program(program);
            command.env_remove("MULTI_NODE_RING").env_remove("MULTI_NODE_BUSY_POLL");
            command.envs(settings.iter().copied());
            command
        };
        let with = |program: &str, argument: &str| {
            let mut command = bench.program(program);
            command.arg(argument);
            command
        };
        match self {
            Self::MultiNode => nodes("node_messages", &[]),
            Self::Requests => nodes("node_requests", &[]),
            Self::RingOn => nodes("node_messages", &[("MULTI_NODE_RING", "on")]),
            Self::RingOff => nodes("node_messages", &[("MULTI_NODE_RING", "off")]),
            Self::BusyPoll => nodes(
                "node_messages",
                &[("MULTI_NODE_RING", "on"), ("MULTI_NODE_BUSY_POLL", "20us")],
            ),
            Self::IpcChannel => bench.program("peer_ipc"),
            Self::Remoc => bench.program("peer_remoc"),
            Self::Iceoryx => with("peer_iceoryx", "events"),
            Self::IceoryxBusy => with("peer_iceoryx", "busy"),
            Self::WriteEach => bench.program("peer_naive"),
            Self::ProcessSend => {
                let mut node = Command::new("node");
                node.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/messages.js"));
                node
            }
            Self::BareSocket => with("peer_bare", "socket"),
            Self::BareRing => with("peer_bare", "ring"),
        }
    }
}

/// What came of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) figure: f64,
    /// CPU time of all processes for one message, in µs.
    pub(crate) cpu: f64,
}

impl Sample {
    /// Messages a second, from what a program said.
    pub(crate) fn rate(done: &Line) -> Result<Self, String> {
        let count = some(done, "messages")?;
        let figure = count / (field(done, "elapsed")? / 1e9);
        Ok(Self { figure, cpu: field(done, "cpu")? / 1e3 / count })
    }

    /// The median of the round trips, in µs.
    pub(crate) fn trip(done: &Line) -> Result<Self, String> {
        let count = some(done, "trips")?;
        Ok(Self { figure: field(done, "p50")? / 1e3, cpu: field(done, "cpu")? / 1e3 / count })
    }
}

fn some(done: &Line, name: &str) -> Result<f64, String> {
    let count = field(done, name)?;
    if count > 0.0 { Ok(count) } else { Err(format!("nothing came through: `{}`", done.text)) }
}
