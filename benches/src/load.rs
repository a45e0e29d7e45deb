//! Puts a server under load with the client, and reads its CPU time around that.

use std::time::Duration;

use crate::bench::Bench;
use crate::peer::Server;
use crate::proc_fs;
use crate::process::{Line, Running};

/// How the client is to load a server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Load {
    /// As fast as it answers, on connections that are kept.
    Keep { connections: usize },
    /// As fast as it answers, on a new connection each time.
    Close { connections: usize },
    /// So many requests a second on connections that are kept.
    Rate { connections: usize, rate: u64 },
}

/// What came of one stretch of load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Requests a second.
    pub(crate) rate: f64,
    /// CPU time of all the server's processes for a request, in µs.
    pub(crate) cpu: f64,
    /// The 99th percentile of the latency, in µs.
    pub(crate) p99: f64,
    pub(crate) failed: u64,
}

impl Load {
    /// Loads the server for `length`, after a warm-up.
    pub(crate) fn put_on(
        self,
        bench: &Bench,
        server: &Server,
        length: Duration,
    ) -> Result<Sample, String> {
        let mut client = bench.program("load");
        let address = server.address.to_string();
        match self {
            Self::Keep { connections } => {
                client.args(["closed", &address, &connections.to_string(), "keep"]);
            }
            Self::Close { connections } => {
                client.args(["closed", &address, &connections.to_string(), "close"]);
            }
            Self::Rate { connections, rate } => {
                client.args(["open", &address, &connections.to_string(), &rate.to_string()]);
            }
        }
        client.args([bench.plan.warm_up, length].map(|time| time.as_millis().to_string()));
        let mut client = Running::start(&mut client, bench.scratch())?;
        client.line("warm")?;
        let family = server.running.family();
        let before = proc_fs::cpu(&family)?;
        client.go_on()?;
        let done = client.line("done")?;
        let spent = proc_fs::cpu(&family)?.saturating_sub(before);
        client.go_on()?;
        Sample::read(&done, spent)
    }
}

impl Sample {
    fn read(done: &Line, cpu: Duration) -> Result<Self, String> {
        let ok = field(done, "ok")?;
        if ok == 0.0 {
            return Err(format!("no request was answered: `{}`", done.text));
        }
        Ok(Self {
            rate: ok / (field(done, "elapsed")? / 1e9),
            cpu: cpu.as_secs_f64() * 1e6 / ok,
            p99: field(done, "p99")? / 1e3,
            failed: field(done, "failed")? as u64,
        })
    }
}

/// The number after `name=` in a line of figures.
pub(crate) fn field(line: &Line, name: &str) -> Result<f64, String> {
    line.text
        .split(' ')
        .find_map(|field| field.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
        .ok_or_else(|| format!("no `{name}=` in `{}`", line.text))
}
