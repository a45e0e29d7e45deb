//! `ready = "explicit"`: a node that serves is not ready before it says so.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use multi_node_tests::{Exit, HttpClient, Load, Program, Scratch, Who, process};
use nix::sys::signal::Signal;

use crate::support::{notice, scenario, soon, wait_gone, workers};

#[test]
fn no_connection_comes_to_a_node_that_is_not_ready_and_none_waits_for_it() {
    let gate = Gate::holding(|who| who.slot == 1);
    let program = gate.program().start();
    program.wait_for_nodes(4);
    let (addr, held) = (program.addr(), gate.next());
    // Of a hundred connections the kernel brings some to its slot.
    for _ in 0..100 {
        assert_ne!(get(addr).pid, held.who.pid);
    }
    held.let_go();
    while get(addr).slot != 1 {
        assert!(!program.deadline().passed(), "a node that is ready gets connections");
    }
    program.stop();
}

#[test]
fn what_comes_before_any_node_is_ready_waits_and_is_answered() {
    let gate = Gate::holding(|_| true);
    let program = gate.program().env("MULTI_NODE_NODES", "1").start();
    let held = gate.next();
    let mut early = HttpClient::connect(program.addr()).expect("the kernel takes it");
    early.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").expect("it is open");
    held.let_go();
    assert_eq!(early.receive().expect("an answer").status, 200);
    program.stop();
}

#[test]
fn a_reload_waits_until_the_last_successor_says_that_it_is_ready() {
    let gate = Gate::holding(|who| who.generation == 1 && who.slot == 2);
    let program = gate.program().start();
    let old = program.wait_for_nodes(4);
    let load = Load::start(program.addr(), 2, 2);
    load.wait_for_ok(100, soon());
    program.signal(Signal::SIGHUP);
    let held = gate.next();
    load.wait_for_ok(500, soon());
    for worker in workers(&old) {
        assert!(process::is_alive(worker.pid), "{worker:?} left before its successor was ready");
    }
    held.let_go();
    for worker in workers(&old) {
        wait_gone(&program, worker.pid);
    }
    load.wait_for_ok(100, soon());
    load.stop_without_loss();
    program.stop();
}

#[test]
fn reloads_under_load_lose_nothing() {
    let gate = Gate::holding(|_| false);
    let program = gate.program().start();
    let mut old = program.wait_for_nodes(4);
    let load = Load::start(program.addr(), 3, 3);
    for generation in 1..=5 {
        program.signal(Signal::SIGHUP);
        let new: Vec<Who> = (1..=3)
            .map(|slot| {
                program.wait_for_node("a successor", |who| {
                    who.generation == generation && who.slot == slot
                })
            })
            .collect();
        for worker in workers(&old) {
            wait_gone(&program, worker.pid);
        }
        load.wait_for_ok(50, soon());
        old = new;
    }
    load.stop_without_loss();
    program.stop();
}

#[test]
fn a_successor_that_never_says_so_fails_the_reload_and_takes_no_request_along() {
    let gate = Gate::holding(|who| who.generation == 1 && who.slot == 2);
    let program = gate.program().env("MULTI_NODE_START_TIMEOUT", "2s").start();
    let old = program.wait_for_nodes(4);
    let load = Load::start(program.addr(), 3, 3);
    load.wait_for_ok(100, soon());
    program.signal(Signal::SIGHUP);
    let held = gate.next();
    notice(&program, &["reload", "generation 1"]);
    wait_gone(&program, held.who.pid);
    load.wait_for_ok(100, soon());
    let counts = load.stop_without_loss();
    assert!(!counts.by_process.contains_key(&held.who.pid), "it was never ready");
    for worker in workers(&old) {
        assert!(process::is_alive(worker.pid), "{worker:?} goes on");
    }
    program.stop();
}

#[test]
fn a_worker_that_never_says_so_at_the_start_is_killed_and_named() {
    for name in ["lines", "std-listener", "tokio-listener"] {
        let program = scenario(name)
            .env("MULTI_NODE_READY", "explicit")
            .env("MULTI_NODE_NODES", "2")
            .env("MULTI_NODE_START_TIMEOUT", "500ms")
            .start();
        notice(&program, &["slot 1", "500ms"]);
        let exit = program.wait_exit();
        assert!(matches!(exit, Exit::Code(code) if code != 0), "{name}: {exit:?}");
        program.finish();
    }
}

#[test]
fn the_environment_takes_an_explicit_ready_back() {
    let gate = Gate::holding(|_| true);
    let program = gate.program().env("MULTI_NODE_READY", "implicit").start();
    program.wait_for_nodes(4);
    get(program.addr());
    program.stop();
}

#[test]
fn a_stop_does_not_wait_for_a_node_that_is_not_ready() {
    let gate = Gate::holding(|_| true);
    let program = gate.program().start();
    let _held: Vec<Held> = (0..4).map(|_| gate.next()).collect();
    program.stop();
}

/// Where the nodes of `warms-up` report, each to be held before it is ready or let go at once.
struct Gate {
    scratch: Scratch,
    held: Receiver<Held>,
}

/// A node that is not ready until it is let go.
struct Held {
    who: Who,
    /// It waits for the end of this.
    report: UnixStream,
}

impl Gate {
    fn holding(holds: impl Fn(&Who) -> bool + Send + 'static) -> Gate {
        let scratch = Scratch::new();
        let listener = UnixListener::bind(scratch.path().join("gate")).expect("a new directory");
        let (holding, held) = mpsc::channel();
        // It ends with the process: nothing tells it of the end of its test.
        thread::spawn(move || {
            for report in listener.incoming() {
                let mut report = BufReader::new(report.expect("a connection"));
                let mut line = String::new();
                // A node that was killed meanwhile says nothing.
                if report.read_line(&mut line).is_err() || line.is_empty() {
                    continue;
                }
                let who = Who::parse(&line).expect("it names the node");
                assert!(line.contains("ready=false"), "{line}");
                if holds(&who) && holding.send(Held { who, report: report.into_inner() }).is_err() {
                    return;
                }
            }
        });
        Gate { scratch, held }
    }

    fn program(&self) -> Program {
        scenario("warms-up").arg(self.scratch.path().join("gate"))
    }

    #[track_caller]
    fn next(&self) -> Held {
        self.held.recv_timeout(Duration::from_secs(20)).expect("a node reports")
    }
}

impl Held {
    fn let_go(self) {
        drop(self.report);
    }
}

/// Asks on a connection of its own which node answers.
#[track_caller]
fn get(addr: SocketAddr) -> Who {
    let mut client = HttpClient::connect(addr).expect("someone listens");
    Who::parse(&client.get_once("/").expect("an answer").body).expect("it names the node")
}
