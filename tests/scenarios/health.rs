//! Nodes that hang, and those that only seem to.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use multi_node_tests::{LineClient, Program, Running, Who, eventually, process};
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::support::{notice, reach, scenario, send, soon, successor, wait_gone, workers};

const HANG_TIMEOUT: Duration = Duration::from_secs(1);

/// What is long for whoever hangs.
const LONG: Duration = HANG_TIMEOUT.saturating_mul(3);

#[test]
fn a_worker_that_blocks_its_runtime_is_named_and_replaced_while_others_go_on() {
    let program = watched("lines").start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[0];
    let mut held = block(&program, worker, "block");
    reach(&program, |who| who.slot != worker.slot);
    let line = hung(&program, worker);
    assert!(line.contains("1 open connection"), "{line}");
    assert!(line.contains("of CPU since") && line.contains("sleeps (S)"), "{line}");
    held.closed().expect("it died");
    let next = successor(&program, worker);
    reach(&program, |who| who.pid == next.pid);
    program.stop();
}

#[test]
fn a_worker_that_spins_is_seen_to_run() {
    let program = watched("lines").start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[0];
    let _held = block(&program, worker, "spin");
    let line = hung(&program, worker);
    assert!(line.contains("runs (R)"), "{line}");
    successor(&program, worker);
    program.stop();
}

#[test]
fn a_worker_that_is_stopped_alone_serves_nobody_and_is_replaced() {
    let program = watched("lines").start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[0];
    send(worker.pid, Signal::SIGSTOP);
    let line = hung(&program, worker);
    assert!(line.contains("is stopped (T)"), "{line}");
    eventually(soon(), "it is to abort when it goes on", || pending(worker.pid, Signal::SIGABRT));
    successor(&program, worker);
    wait_gone(&program, worker.pid);
    program.stop();
}

#[test]
fn a_stopped_master_blames_nobody_when_it_goes_on() {
    let program = watched("lines").start();
    let nodes = program.wait_for_nodes(4);
    program.signal(Signal::SIGSTOP);
    pass(LONG);
    program.signal(Signal::SIGCONT);
    pass(LONG);
    assert_unharmed(&program, &nodes);
    program.stop();
}

#[test]
fn when_everything_is_stopped_nobody_is_blamed() {
    let program = watched("lines").start();
    let nodes = program.wait_for_nodes(4);
    program.signal_group(Signal::SIGSTOP);
    pass(LONG);
    program.signal_group(Signal::SIGCONT);
    pass(LONG);
    assert_unharmed(&program, &nodes);
    program.stop();
}

#[test]
fn the_masters_own_node_is_named_once_and_goes_on() {
    let program = watched("lines").start();
    let nodes = program.wait_for_nodes(4);
    let master = nodes[0];
    let (gate, order) = gate();
    let mut held = block(&program, master, &order);
    let line = hung(&program, master);
    assert!(line.contains("open connection"), "{line}");
    reach(&program, |who| who.slot != master.slot);
    pass(LONG);
    drop(gate.accept().expect("it waits at the gate"));
    notice(&program, &[&format!("node {}", master.node), "no longer hangs"]);
    assert_eq!(held.who().expect("an answer"), master);
    let lines = program.stop();
    let named = lines.iter().filter(|line| line.text.contains("hung")).count();
    assert_eq!(named, 1, "{lines:?}");
}

#[test]
fn what_a_debugger_holds_is_not_hung() {
    let program = watched("lines").start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[0];
    let debugger = Debugger::attach(worker.pid);
    let (gate, order) = gate();
    let mut held = block(&program, worker, &order);
    pass(LONG);
    drop(gate.accept().expect("it waits at the gate"));
    assert_eq!(held.who().expect("an answer"), worker);
    assert_unharmed(&program, &nodes);
    debugger.detach();
    program.stop();
}

/// A thread that traces a process; the kernel lets go of it when the thread ends.
struct Debugger {
    detach: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Debugger {
    fn attach(pid: Pid) -> Debugger {
        let (detach, told) = mpsc::channel();
        let (tell, attached) = mpsc::channel();
        let thread = thread::spawn(move || {
            ptrace::seize(pid, ptrace::Options::empty()).expect("a child may be traced");
            tell.send(()).expect("the test waits");
            // An error is as good: the test is over.
            let _ = told.recv();
        });
        attached.recv().expect("it attaches");
        Debugger { detach, thread }
    }

    fn detach(self) {
        drop(self.detach);
        self.thread.join().expect("it attached");
    }
}

#[test]
fn off_is_off_and_so_is_a_main_that_nobody_can_ask() {
    assert!(beats(watched("lines")));
    assert!(!beats(watched("lines").env("MULTI_NODE_HANG_TIMEOUT", "off")));
    assert!(!beats(watched("blocking-main")));
    assert!(beats(watched("blocking-main").env("MULTI_NODE_MAX_MEMORY", "1G")), "for its memory");
}

/// Whether the workers of a program tick.
fn beats(program: Program) -> bool {
    let program = program.start();
    let worker = workers(&program.wait_for_nodes(2))[0];
    // Its runtime had more turns than the one in which it asks for its timer.
    for _ in 0..2 {
        reach(&program, |who| who.pid == worker.pid);
    }
    let beats = has_timer(worker.pid);
    program.stop();
    beats
}

#[test]
fn an_idle_worker_wakes_up_once_a_beat() {
    let program = watched("lines").start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[0];
    eventually(soon(), "it beats", || has_timer(worker.pid));
    pass(HANG_TIMEOUT);
    let (before, since) = (wake_ups(worker.pid), Instant::now());
    pass(LONG);
    let woke = wake_ups(worker.pid) - before;
    let beats = since.elapsed().as_millis() / (HANG_TIMEOUT.as_millis() / 4);
    assert!(woke <= beats + 2, "{woke} wake-ups in the time of {beats} beats");
    assert!(woke >= beats / 2, "{woke} wake-ups in the time of {beats} beats");
    program.stop();
}

/// A program whose nodes may hang no longer than a second.
fn watched(name: &str) -> Program {
    scenario(name).env("MULTI_NODE_HANG_TIMEOUT", format!("{}ms", HANG_TIMEOUT.as_millis()))
}

/// Has a node's runtime blocked by one of its handlers.
#[track_caller]
fn block(program: &Running, node: Who, order: &str) -> LineClient {
    let mut client = reach(program, |who| who.pid == node.pid);
    assert_eq!(client.ask(order).expect("an answer"), "blocking");
    client
}

/// Where a blocked handler waits to be let go, and the order that sends it there.
fn gate() -> (TcpListener, String) {
    let gate = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = gate.local_addr().expect("it is bound").port();
    (gate, format!("hold {port}"))
}

/// The line that names a node that hangs.
#[track_caller]
fn hung(program: &Running, node: Who) -> String {
    let Who { node, slot, pid, .. } = node;
    notice(program, &[&format!("node {node}, slot {slot}, pid {pid}: hung, no answer for")])
}

/// Lets time pass: what does not happen meanwhile is what the test is about.
fn pass(time: Duration) {
    let since = Instant::now();
    eventually(soon(), "time has passed", || since.elapsed() >= time);
}

#[track_caller]
fn assert_unharmed(program: &Running, nodes: &[Who]) {
    for line in program.lines() {
        assert!(!line.text.contains("hung"), "{}", line.text);
    }
    for node in nodes {
        assert!(process::is_alive(node.pid), "{node:?}");
    }
}

/// Whether a process has a timer of the kernel's that ticks: what its beats come from.
fn has_timer(pid: Pid) -> bool {
    let fds = std::fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("it lives");
    // Some are closed while they are looked through.
    let infos = fds.filter_map(|fd| std::fs::read_to_string(fd.ok()?.path()).ok());
    infos.into_iter().any(|info| {
        let interval = info.lines().find_map(|line| line.strip_prefix("it_interval: "));
        interval.is_some_and(|interval| interval != "(0, 0)")
    })
}

/// Whether a signal was sent to a process that has not taken it yet.
fn pending(pid: Pid, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let set = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).expect("a line");
    let set = u64::from_str_radix(set.trim(), 16).expect("a set of signals");
    set & (1 << (signal as i32 - 1)) != 0
}

/// How often the threads of a process went to sleep, and so woke up.
fn wake_ups(pid: Pid) -> u128 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    let switches = tasks.map(|task| {
        let status = std::fs::read_to_string(task.expect("a thread").path().join("status"));
        let status = status.expect("the thread lives");
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        count.expect("the kernel counts").trim().parse::<u128>().expect("a number")
    });
    switches.sum()
}
