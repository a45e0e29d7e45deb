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
    /// Another server, by its name, under the same load: it is as it is.
    Theirs(&'static str, fn() -> Result<Box<dyn Subject>, String>),
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
    Requests(Halves),
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
        let subject = match self.kind {
            Kind::Resources => return Finding::Resources(resources::after(times)),
            Kind::Stops(delay) => return Finding::Requests(stops::of(delay, times)),
            Kind::Ours(change) => subject::start(change),
            Kind::Theirs(_, start) => match start() {
                Ok(subject) => subject,
                Err(reason) => return Finding::Missing(reason),
            },
        };
        Finding::Requests(Halves::of(subject, times, rate))
    }

    /// The name of the program when it is another server, which may fail.
    pub(crate) fn other(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Theirs(program, _) => Some(program),
            Kind::Ours(_) | Kind::Stops(_) | Kind::Resources => None,
        }
    }
}

const fn row(name: &'static str, times: usize, what: &'static str, kind: Kind) -> Row {
    Row { name, what, times, kind }
}

const fn ours(name: &'static str, times: usize, what: &'static str, change: Change) -> Row {
    row(name, times, what, Kind::Ours(change))
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
    row("stop", 20, "stop (TERM)", Kind::Stops(Duration::ZERO)),
    row("delayed-stop", 20, "stop (TERM), `drain_delay` 500 ms", Kind::Stops(DELAY)),
    row("resources", 200, "reload (HUP), no load", Kind::Resources),
    row("nginx-reload", 50, "reload (HUP)", Kind::Theirs("nginx", nginx::reload)),
    row("nginx-upgrade", 20, "upgrade (USR2, QUIT)", Kind::Theirs("nginx", nginx::upgrade)),
    row("gunicorn-reload", 50, "reload (HUP)", Kind::Theirs("gunicorn", gunicorn::reload)),
];

/// `drain_delay` of the stops that have one.
const DELAY: Duration = Duration::from_millis(500);
