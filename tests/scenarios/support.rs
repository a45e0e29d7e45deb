//! What the scenarios share: the program under test, and ways to meet a certain node of it.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use multi_node_tests::{
    Deadline, Exit, LineClient, Load, Program, Running, Scratch, Who, eventually, process, stderr,
};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, geteuid};

/// The program of all scenarios.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_program");

/// The first half of a request of the scenario `http`: `def` makes it whole, and the answer is 6.
pub(crate) const HALF: &str = "POST /count HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\n\r\nabc";

/// A scenario of it, not started yet.
pub(crate) fn scenario(name: &str) -> Program {
    Program::new(PROGRAM).arg(name)
}

/// A scenario whose messages go the way that the copy of the tests in this module is for.
pub(crate) fn talking(module: &str, name: &str) -> Program {
    scenario(name).env("MULTI_NODE_RING", way(module))
}

/// What `MULTI_NODE_RING` is in this module.
pub(crate) fn way(module: &str) -> &'static str {
    if module.ends_with("over_rings") { "on" } else { "off" }
}

/// A scenario of a program that every user may run, not started yet; `None` when not root asks.
pub(crate) fn as_root(name: &str) -> Option<(Scratch, Program)> {
    if !geteuid().is_root() {
        eprintln!("not tried: only root can become another user");
        return None;
    }
    let scratch = Scratch::new();
    let program = Program::new(scratch.copy(PROGRAM, "program")).arg(name);
    Some((scratch, program))
}

/// A connection to a node for which `wanted` holds.
#[track_caller]
pub(crate) fn reach(program: &Running, wanted: impl Fn(&Who) -> bool) -> LineClient {
    let addr = program.addr();
    reach_by(program, || LineClient::connect(addr), wanted)
}

/// The same by another way to connect.
///
/// Connections to other nodes are held meanwhile, some at a time, so that fair accept goes on to
/// the next node.
#[track_caller]
pub(crate) fn reach_by(
    program: &Running,
    connect: impl Fn() -> io::Result<LineClient>,
    wanted: impl Fn(&Who) -> bool,
) -> LineClient {
    const AT_A_TIME: usize = 64;
    let mut elsewhere: BTreeMap<Who, usize> = BTreeMap::new();
    let mut held = Vec::new();
    while !program.deadline().passed() {
        let mut client = connect().expect("nobody listens");
        match client.who() {
            Ok(who) if wanted(&who) => return client,
            Ok(who) => {
                *elsewhere.entry(who).or_default() += 1;
                held.push(client);
            }
            // A node that dies takes its connections along.
            Err(_) => {}
        }
        if held.len() == AT_A_TIME {
            held.clear();
        }
    }
    panic!("no connection to the node wanted, these took all: {elsewhere:?}");
}

/// Kills a worker and waits for its successor.
#[track_caller]
pub(crate) fn replace(program: &Running, worker: Who) -> Who {
    send(worker.pid, Signal::SIGKILL);
    successor(program, worker)
}

/// Waits for the node that has this one's slot next.
#[track_caller]
pub(crate) fn successor(program: &Running, of: Who) -> Who {
    let what = format!("the successor of {of:?}");
    program.wait_for_node(&what, |who| who.slot == of.slot && who.node > of.node)
}

/// Reloads and waits until all nodes of the generation said that they are up and the reload is
/// over: the workers, who stood in for the master if somebody had to, and the master.
#[track_caller]
pub(crate) fn reload(program: &Running, generation: u32) -> Vec<Who> {
    program.signal(Signal::SIGHUP);
    program.wait_for_node("the new master", |who| {
        who.pid == program.pid() && who.generation == generation
    });
    of_generation(program, generation)
}

/// The nodes of a generation that have said that they are up.
pub(crate) fn of_generation(program: &Running, generation: u32) -> Vec<Who> {
    program.nodes().into_iter().filter(|who| who.generation == generation).collect()
}

#[track_caller]
pub(crate) fn send(pid: Pid, signal: Signal) {
    nix::sys::signal::kill(pid, signal).expect("it cannot be signalled");
}

/// Stops a process, and waits until all of it stands still.
#[track_caller]
pub(crate) fn freeze(pid: Pid) {
    send(pid, Signal::SIGSTOP);
    eventually(soon(), &format!("{pid} stands still"), || process::is_stopped(pid));
}

/// Waits until a process has ended.
#[track_caller]
pub(crate) fn wait_gone(program: &Running, pid: Pid) {
    eventually(program.deadline(), &format!("{pid} is gone"), || !process::is_alive(pid));
}

/// What `look` sees once nothing has changed for a number of looks.
#[track_caller]
pub(crate) fn settled<T: PartialEq>(program: &Running, look: impl Fn() -> T) -> T {
    const LOOKS: usize = 20;
    let mut last = look();
    let mut same = 0;
    eventually(program.deadline(), "nothing changes any more", || {
        let now = look();
        same = if now == last { same + 1 } else { 0 };
        last = now;
        same == LOOKS
    });
    last
}

/// The workers among nodes.
pub(crate) fn workers(nodes: &[Who]) -> Vec<Who> {
    nodes.iter().copied().filter(|who| who.slot != 0).collect()
}

/// The one line of supervision that has all these words.
pub(crate) fn notice(program: &Running, words: &[&str]) -> String {
    program.wait_for(&format!("a notice with {words:?}"), |line| {
        let all = words.iter().all(|word| line.text.contains(word));
        (line.text.starts_with("multi-node[") && all).then(|| line.text.clone())
    })
}

/// A deadline for what takes no time at all on a machine that is not busy.
pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

/// Waits until clients are refused and nobody listens any more: the drain has begun everywhere.
#[track_caller]
pub(crate) fn refuses(program: &Running) {
    let addr = program.addr();
    eventually(soon(), "connections are refused", || is_refused(addr));
    eventually(soon(), "nobody listens", || {
        let others = program.others().into_iter().map(|process| process.pid);
        others.chain([program.pid()]).all(|pid| process::listening(pid).is_empty())
    });
}

/// Tells the program to stop: clients are answered until they are refused, never reset. How long
/// that took.
#[track_caller]
pub(crate) fn refuses_under_load(program: &Running, tell: impl FnOnce()) -> Duration {
    let load = Load::start(program.addr(), 3, 3);
    load.wait_for_ok(200, soon());
    let told = Instant::now();
    tell();
    let counts = load.until_refused();
    let took = told.elapsed();
    assert_eq!(program.wait_exit(), Exit::Code(0));
    assert_eq!((counts.reset, counts.timeout, counts.wrong), (0, 0, 0), "{counts:?}");
    assert_eq!(counts.refused, 6);
    took
}

/// Tells the program to stop, again and again: within 250 ms of the first, signals are taken for
/// the same.
#[track_caller]
pub(crate) fn signals_until_it_ends(program: &Running, tell: impl Fn()) {
    eventually(soon(), "a second signal ends the program", || {
        tell();
        program.exit().is_some()
    });
}

pub(crate) fn is_refused(addr: SocketAddr) -> bool {
    TcpStream::connect(addr).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// The program fails before a node ran, with one line that has all these words; its exit code.
#[track_caller]
pub(crate) fn fails_to_start(program: Running, words: &[&str]) -> i32 {
    let Exit::Code(code @ 1..) = program.wait_exit() else { panic!("{:?}", program.exit()) };
    let lines = program.finish();
    let [line] = stderr(&lines)[..] else { panic!("{lines:?} in place of one line") };
    assert!(words.iter().all(|word| line.contains(word)), "{line}");
    assert_eq!(lines.len(), 1, "no node ran");
    code
}

/// Choices that differ from run to run. A test that fails shows where they began.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new() -> Chance {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        let seed = since.as_nanos() as u64 | 1;
        eprintln!("chance begins at {seed}");
        Chance(seed)
    }

    /// A number below `end`, which is not 0 (xorshift64).
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}
