//! The rows of the table: what is changed, how often, and by whom.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use multi_node_proof::{Broken, Death};
use multi_node_tests::Load;

use crate::arguments::Arguments;
use crate::halves::Halves;
use crate::subject::{self, Change};
use crate::{gunicorn, nginx, resources, stops};

/// A server that runs, and the change that it goes through.
pub(crate) trait Subject {
    fn addr(&self) -> SocketAddr;

    /// Changes it once and returns when that is done; a node that it killed.
    fn change(&mut self, load: &Load) -> Option<Death>;

    /// Ends it and checks that nothing is left of it.
    fn end(self: Box<Self>);
}

/// A row of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// How often it is changed, both halves together.
    pub(crate) times: usize,
    kind: Kind,
}

enum Kind {
    /// multi-node, under load: no request may fail.
    Ours(Change),
    /// multi-node, stopped so long after it was asked to (`drain_delay`) under clients that ask
    /// until they are refused: nothing else may happen to them.
    Stops(Duration),
    /// Another server under the same load: it is as it is.
    Theirs(fn() -> Result<Box<dyn Subject>, String>),
    /// multi-node without load: what its master holds.
    Resources,
}

/// What came of a row.
pub(crate) struct Proved {
    pub(crate) row: &'static Row,
    pub(crate) times: usize,
    pub(crate) result: Result<Finding, String>,
}

/// What a row is about.
pub(crate) enum Finding {
    Requests {
        halves: Halves,
        ours: bool,
    },
    Resources(resources::Growth),
    /// It could not be tried.
    Missing(String),
}

impl Row {
    /// Runs it; a check that fails is its result.
    pub(crate) fn prove(&'static self, arguments: &Arguments) -> Proved {
        let times = arguments.times.unwrap_or(self.times);
        let found = catch_unwind(AssertUnwindSafe(|| self.find(times, arguments.rate)));
        let result = found.map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_default()
        });
        Proved { row: self, times, result }
    }

    fn find(&self, times: usize, rate: u32) -> Finding {
        let (subject, ours) = match self.kind {
            Kind::Resources => return Finding::Resources(resources::after(times)),
            Kind::Stops(delay) => {
                return Finding::Requests { halves: stops::of(delay, times), ours: true };
            }
            Kind::Ours(change) => (subject::start(change), true),
            Kind::Theirs(start) => match start() {
                Ok(subject) => (subject, false),
                Err(reason) => return Finding::Missing(reason),
            },
        };
        Finding::Requests { halves: Halves::of(subject, times, rate), ours }
    }
}

const fn ours(name: &'static str, times: usize, what: &'static str, change: Change) -> Row {
    Row { name, what, times, kind: Kind::Ours(change) }
}

const fn broken(name: &'static str, what: &'static str, broken: Broken) -> Row {
    ours(name, 20, what, Change::UpgradeTo(broken))
}

pub(crate) const ROWS: [Row; 18] = [
    ours("nothing", 20, "nothing", Change::Nothing),
    ours("reload", 50, "reload (HUP)", Change::Reload),
    ours("upgrade", 20, "upgrade to another binary (HUP)", Change::Upgrade),
    ours("scale", 50, "scale up and down (TTIN, TTOU)", Change::Scale),
    ours("kill", 100, "`kill -9` of a random worker", Change::Kill),
    broken("crashes-at-start", "upgrade that crashes at start", Broken::CrashesAtStart),
    broken("panics-in-options", "upgrade that panics in its options", Broken::PanicsInOptions),
    broken("never-ready", "upgrade that never gets ready", Broken::NeverReady),
    broken("missing", "upgrade to no file", Broken::Missing),
    broken("not-executable", "upgrade to a file not executable", Broken::NotExecutable),
    broken("garbage", "upgrade to what is no program", Broken::Garbage),
    broken("speaks-nonsense", "upgrade that speaks another protocol", Broken::SpeaksNonsense),
    Row { name: "stop", what: "stop (TERM)", times: 20, kind: Kind::Stops(Duration::ZERO) },
    Row {
        name: "delayed-stop",
        what: "stop (TERM), `drain_delay` 500 ms",
        times: 20,
        kind: Kind::Stops(Duration::from_millis(500)),
    },
    Row { name: "resources", what: "reload (HUP), no load", times: 200, kind: Kind::Resources },
    Row {
        name: "nginx-reload",
        what: "reload (HUP)",
        times: 50,
        kind: Kind::Theirs(nginx::reload),
    },
    Row {
        name: "nginx-upgrade",
        what: "upgrade (USR2, QUIT)",
        times: 20,
        kind: Kind::Theirs(nginx::upgrade),
    },
    Row {
        name: "gunicorn-reload",
        what: "reload (HUP)",
        times: 50,
        kind: Kind::Theirs(gunicorn::reload),
    },
];
