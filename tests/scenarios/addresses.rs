//! Reloads to options that listen elsewhere, or that count otherwise.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;

use multi_node_tests::{
    HttpClient, LineClient, Load, Running, Scratch, Who, eventually, process, unused_port,
};
use nix::sys::signal::Signal;

use crate::deployed::Deployed;
use crate::support::{
    freeze, is_refused, notice, reach, reload, replace, send, soon, successor, wait_gone, workers,
};

#[test]
fn a_second_listener_appears_and_goes_and_nobody_is_reset() {
    let (a, b) = (local(unused_port()), local(unused_port()));
    for options in ["", "master_listen false\n", "master_listen false\nmax_surge 1\n"] {
        let one = format!("nodes 3\n{options}listen a {a}\n");
        let both = format!("{one}listen b {b}\n");
        let mut configured = Configured::start("http", &one);
        let program = &configured.program;
        program.wait_for_nodes(3);
        let load = Load::steady(a, 2, 2, 100);
        assert!(is_refused(b));
        configured.reload(&both);
        HttpClient::connect(b).expect("it listens").get("/").expect("an answer");
        for _ in 0..3 {
            let dropped = Load::steady(b, 4, 4, 400);
            dropped.wait_for_ok(50, soon());
            configured.reload(&one);
            eventually(soon(), "what was dropped is refused", || is_refused(b));
            let counts = dropped.stop();
            assert_eq!(counts.failed(), counts.refused, "{counts:?}");
            configured.reload(&both);
        }
        load.stop_without_loss();
        configured.program.stop();
    }
}

#[test]
fn what_was_dropped_is_refused_while_the_master_still_drains() {
    let (a, b) = (local(unused_port()), local(unused_port()));
    let configured = Configured::start("", &format!("nodes 2\nlisten a {a}\nlisten b {b}\n"));
    let program = &configured.program;
    program.wait_for_nodes(2);
    let mut held = reach(program, |who| who.pid == program.pid());
    configured.deployed.configure(&format!("nodes 2\nlisten a {a}\n"));
    program.signal(Signal::SIGHUP);
    eventually(soon(), "what was dropped is refused", || is_refused(b));
    assert_eq!(held.who().expect("an answer").generation, 0, "it still drains");
    drop(held);
    let program = configured.program;
    program.wait_for_node("the new master", |who| who.pid == program.pid() && who.generation == 1);
    program.stop();
}

#[test]
fn the_port_changes_and_changes_back_while_an_old_worker_still_serves() {
    let (a, b) = (local(unused_port()), local(unused_port()));
    let mut configured = Configured::start("", &format!("nodes 2\nport {}\n", a.port()));
    let worker = workers(&configured.program.wait_for_nodes(2))[0];
    let mut held = reach(&configured.program, |who| who.pid == worker.pid);
    for (generation, (here, there)) in (1..=4).zip([(b, a), (a, b), (b, a), (a, b)]) {
        configured.reload(&format!("nodes 2\nport {}\n", here.port()));
        eventually(soon(), "the old port is refused", || is_refused(there));
        for _ in 0..20 {
            let who = LineClient::connect(here).and_then(|mut client| client.who());
            assert_eq!(who.expect("an answer").generation, generation);
        }
        assert_eq!(held.who().expect("an answer"), worker, "it is served to its end");
    }
    drop(held);
    wait_gone(&configured.program, worker.pid);
    configured.program.stop();
}

#[test]
fn the_path_of_a_unix_socket_changes_and_changes_back() {
    let scratch = Scratch::new();
    let path = |name: &str| scratch.path().join(name);
    let options = |path: &Path| format!("nodes 2\nlisten local unix:{}\n", path.display());
    let (a, b) = (path("a.sock"), path("b.sock"));
    let mut configured = Configured::start("", &options(&a));
    configured.program.wait_for_nodes(2);
    UnixStream::connect(&a).expect("it listens");
    for (here, there) in [(&b, &a), (&a, &b)] {
        configured.reload(&options(here));
        UnixStream::connect(here).expect("it listens");
        eventually(soon(), "the old file is gone", || !there.exists());
    }
    configured.program.stop();
    assert!(!a.exists());
}

#[test]
fn a_new_address_that_is_taken_fails_the_reload_and_nothing_of_the_new_version_holds() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = other.local_addr().expect("it is bound");
    let (a, c) = (local(unused_port()), local(unused_port()));
    let old = format!("nodes 2\nlisten a {a}\n");
    let mut configured = Configured::start("", &old);
    let nodes = configured.program.wait_for_nodes(2);
    let new = format!("nodes 4\nlisten a {a}\nlisten c {c}\nlisten b {taken}\nmax_connections 5\n");
    configured.deployed.configure(&new);
    let program = &configured.program;
    program.signal(Signal::SIGHUP);
    let line = notice(program, &["reload to generation 1 failed", "cannot listen on"]);
    assert!(line.contains(&taken.to_string()) && line.contains("taken"), "{line}");
    assert!(is_refused(c), "what was bound before the failure is free again");
    let worker = replace(program, workers(&nodes)[0]);
    for _ in 0..10 {
        reach(program, |who| who.pid == worker.pid);
    }
    assert!(process::is_alive(worker.pid));
    configured.generation += 1;
    configured.reload(&old);
    eventually(soon(), "one worker is left", || configured.program.others().len() == 1);
    configured.program.stop();
}

#[test]
fn a_master_that_comes_to_listen_is_one_of_those_that_look_after_each_other() {
    let mut configured = Configured::start("", "nodes 2\nmaster_listen false\nport 0\n");
    configured.program.wait_for_nodes(3);
    let nodes = configured.reload("nodes 4\nmaster_listen true\nport 0\n");
    let workers = workers(&nodes);
    assert_eq!(workers.len(), 3, "{nodes:?}");
    let program = &configured.program;
    for who in workers.iter().map(|who| who.pid).chain([program.pid()]) {
        reach(program, |reached| reached.pid == who);
    }
    freeze(program.pid());
    let addr = program.addr();
    let mut queued: Vec<_> =
        (0..60).map(|_| LineClient::connect(addr).expect("someone listens")).collect();
    for client in &mut queued {
        assert_ne!(client.who().expect("the others take it").pid, program.pid());
    }
    send(program.pid(), Signal::SIGCONT);
    drop(queued);
    // And back, with one node less.
    let nodes = configured.reload("nodes 3\nmaster_listen false\nport 0\n");
    let workers = crate::support::workers(&nodes);
    assert_eq!(workers.len(), 3);
    for _ in 0..60 {
        let mut client = LineClient::connect(addr).expect("someone listens");
        assert!(workers.contains(&client.who().expect("an answer")));
    }
    configured.program.stop();
}

#[test]
fn the_limits_of_the_new_version_hold() {
    let mut configured = Configured::start("", "nodes 2\nport 0\n");
    configured.program.wait_for_nodes(2);
    let nodes = configured.reload("nodes 2\nport 0\nmax_connections 20\n");
    let program = &configured.program;
    let worker = workers(&nodes)[0];
    let (addr, mut next) = (program.addr(), None);
    eventually(soon(), "it has served enough", || {
        // Its connections are cut when it has to leave.
        let _ = LineClient::connect(addr).and_then(|mut client| client.who());
        next = program.nodes().into_iter().find(|who| who.slot == 1 && who.node > worker.node);
        next.is_some()
    });
    assert_eq!(next.expect("it was found").generation, 1);
    wait_gone(program, worker.pid);
    configured.program.stop();
}

#[test]
fn the_hang_timeout_of_the_new_version_holds() {
    let mut configured = Configured::start("", "nodes 2\nport 0\n");
    configured.program.wait_for_nodes(2);
    let nodes = configured.reload("nodes 2\nport 0\nhang_timeout_ms 400\n");
    let program = &configured.program;
    let worker = workers(&nodes)[0];
    let mut client = reach(program, |who| who.pid == worker.pid);
    client.ask("block").expect("an answer");
    successor(program, worker);
    notice(program, &["hung", &format!("pid {}", worker.pid)]);
    configured.program.stop();
}

/// A program that is reloaded to other options.
struct Configured {
    program: Running,
    deployed: Deployed,
    generation: u32,
}

impl Configured {
    #[track_caller]
    fn start(serves: &str, options: &str) -> Configured {
        let deployed = Deployed::new(options);
        Configured { program: deployed.program(serves).start(), deployed, generation: 0 }
    }

    /// Reloads to other options; the new nodes, who stood in for the master among them.
    #[track_caller]
    fn reload(&mut self, options: &str) -> Vec<Who> {
        self.deployed.configure(options);
        self.generation += 1;
        reload(&self.program, self.generation)
    }
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
