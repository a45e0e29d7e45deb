//! Under a service manager: exactly what it is told, and when. A socket of the test's takes its
//! place.

use std::fs;
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use multi_node_tests::{Exit, Program, Running, Scratch};
use nix::sys::signal::Signal;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

use crate::support::{PROGRAM, notice, reach, refuses, replace, scenario, workers};

/// A service manager that only listens.
struct Manager {
    socket: UnixDatagram,
    folder: Scratch,
}

impl Manager {
    fn listen() -> Manager {
        let folder = Scratch::new();
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("the folder is ours");
        Manager { folder, ..Manager::of_socket(socket) }
    }

    fn of_socket(socket: UnixDatagram) -> Manager {
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("it is not zero");
        Manager { socket, folder: Scratch::new() }
    }

    /// Lets the program know of it.
    fn of(&self, program: Program) -> Program {
        program.env("NOTIFY_SOCKET", self.folder.path().join("notify"))
    }

    /// The next message.
    #[track_caller]
    fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("it is told something");
        String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned()
    }

    /// The messages up to the first that begins with `change`.
    #[track_caller]
    fn until(&self, change: &str) -> Vec<String> {
        let mut messages = Vec::new();
        while messages.last().is_none_or(|last: &String| !last.starts_with(change)) {
            messages.push(self.next());
        }
        messages
    }

    /// The messages that are there already: all of them, once the program has ended.
    #[track_caller]
    fn rest(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).expect("it can be");
        let mut buffer = [0; 4096];
        let mut messages = Vec::new();
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(length) => {
                    messages.push(String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned())
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return messages,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// What a good start tells at its end.
const READY: &str = "READY=1\nSTATUS=4 of 4 nodes, generation 0";

const STOPPED: &str = "STOPPING=1\nSTATUS=stopping";

/// Waits for the end of a start.
#[track_caller]
fn started(manager: &Manager) -> String {
    manager.until("READY=1").pop().expect("it ends with it")
}

#[test]
fn ready_is_told_when_all_nodes_are_and_the_stop_when_it_begins() {
    let manager = Manager::listen();
    let program = manager.of(scenario("lines")).start();
    let mut messages = manager.until("READY=1");
    assert_eq!(messages.pop().as_deref(), Some(READY));
    // One by one, or several at once.
    let counts: Vec<u16> = messages.iter().map(|message| live(message)).collect();
    assert!(counts.is_sorted_by(|a, b| a < b) && counts.iter().all(|live| *live < 4), "{counts:?}");
    program.stop();
    assert_eq!(manager.rest(), [STOPPED]);
}

/// How many of four nodes the status says there are.
#[track_caller]
fn live(message: &str) -> u16 {
    let live = message.strip_prefix("STATUS=");
    let live = live.and_then(|text| text.strip_suffix(" of 4 nodes, generation 0"));
    live.and_then(|live| live.parse().ok()).unwrap_or_else(|| panic!("{message:?}"))
}

#[test]
fn a_death_and_its_successor_change_the_status_and_nothing_else() {
    let manager = Manager::listen();
    let program = manager.of(scenario("lines")).start();
    started(&manager);
    let worker = workers(&program.wait_for_nodes(4))[0];
    replace(&program, worker);
    assert_eq!(manager.next(), "STATUS=3 of 4 nodes, generation 0");
    assert_eq!(manager.next(), "STATUS=4 of 4 nodes, generation 0");
    program.stop();
    assert_eq!(manager.rest(), [STOPPED]);
}

#[test]
fn one_node_more_and_one_less_change_the_status_and_nothing_else() {
    let manager = Manager::listen();
    let program = manager.of(scenario("lines")).start();
    started(&manager);
    program.signal(Signal::SIGTTIN);
    let more = manager.until("STATUS=5 of 5 nodes, generation 0");
    // Either change may be told alone, or both at once.
    let [.., last] = &more[..] else { panic!("{more:?}") };
    assert!(more.iter().all(|said| said == "STATUS=4 of 5 nodes, generation 0" || said == last));
    program.signal(Signal::SIGTTOU);
    assert_eq!(manager.next(), "STATUS=4 of 4 nodes, generation 0");
    program.stop();
    assert_eq!(manager.rest(), [STOPPED]);
}

#[test]
fn a_reload_is_told_with_its_time_and_ends_ready() {
    let manager = Manager::listen();
    let program = manager.of(scenario("lines")).start();
    started(&manager);
    for generation in 1..=3 {
        let before = now();
        program.signal(Signal::SIGHUP);
        let reloading = manager.until("RELOADING=1").pop().expect("it ends with it");
        let lines: Vec<&str> = reloading.lines().collect();
        let [_, time, status] = lines[..] else { panic!("{reloading:?}") };
        let time = time.strip_prefix("MONOTONIC_USEC=").and_then(|time| time.parse().ok());
        assert!(time.is_some_and(|time: i64| before <= time && time <= now()), "{reloading:?}");
        let old = generation - 1;
        let expected =
            format!("STATUS=4 of 4 nodes, generation {old}, reloading to generation {generation}");
        assert_eq!(status, expected);
        let ready = manager.until("READY=1").pop().expect("it ends with it");
        assert_eq!(ready, format!("READY=1\nSTATUS=4 of 4 nodes, generation {generation}"));
    }
    program.stop();
    assert_eq!(manager.until("STOPPING=1").pop().as_deref(), Some(STOPPED));
    assert_eq!(manager.rest(), [""; 0]);
}

/// The time that the service manager compares with, in microseconds.
fn now() -> i64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("there is such a clock");
    now.tv_sec() * 1_000_000 + now.tv_nsec() / 1_000
}

#[test]
fn a_failed_reload_ends_ready_with_its_reason_in_the_status() {
    let manager = Manager::listen();
    let scratch = Scratch::new();
    let path = scratch.copy(PROGRAM, "program");
    let program = manager.of(Program::new(&path).arg("lines")).start();
    started(&manager);
    fs::remove_file(&path).expect("it is ours");
    program.signal(Signal::SIGHUP);
    manager.until("RELOADING=1");
    let ready = manager.until("READY=1").pop().expect("it ends with it");
    let why = ready.strip_prefix("READY=1\nSTATUS=4 of 4 nodes, generation 0; ");
    assert!(
        why.is_some_and(|why| why.starts_with("the reload to generation 1 failed: ")),
        "{ready}"
    );
    program.stop();
}

#[test]
fn what_follows_a_failed_reload_is_told_as_if_it_had_not_been() {
    let manager = Manager::listen();
    let scratch = Scratch::new();
    let path = scratch.copy(PROGRAM, "program");
    let program = manager.of(Program::new(&path).arg("lines")).start();
    started(&manager);
    reloads(&manager, &program, 1);
    fs::rename(&path, scratch.path().join("aside")).expect("it is ours");
    program.signal(Signal::SIGHUP);
    let failed = manager.until("READY=1").pop().expect("it ends with it");
    assert!(failed.starts_with("READY=1\nSTATUS=4 of 4 nodes, generation 1; "), "{failed}");
    fs::rename(scratch.path().join("aside"), &path).expect("it is ours");
    // The number of one that failed is not used again.
    reloads(&manager, &program, 3);
    program.stop();
}

#[test]
fn a_count_that_changes_is_a_status_and_outlives_a_reload() {
    let manager = Manager::listen();
    let program = manager.of(scenario("lines")).start();
    started(&manager);
    program.signal(Signal::SIGTTIN);
    manager.until("STATUS=5 of 5 nodes, generation 0");
    program.signal(Signal::SIGHUP);
    let ready = manager.until("READY=1").pop().expect("it ends with it");
    assert_eq!(ready, "READY=1\nSTATUS=5 of 5 nodes, generation 1");
    program.signal(Signal::SIGTTOU);
    manager.until("STATUS=4 of 4 nodes, generation 1");
    program.stop();
}

/// Reloads to `generation`, and expects to be told of its end.
#[track_caller]
fn reloads(manager: &Manager, program: &Running, generation: u32) {
    program.signal(Signal::SIGHUP);
    let ready = manager.until("READY=1").pop().expect("it ends with it");
    assert_eq!(ready, format!("READY=1\nSTATUS=4 of 4 nodes, generation {generation}"));
}

#[test]
fn a_program_that_cannot_start_says_why_and_is_never_ready() {
    let manager = Manager::listen();
    let program = manager.of(scenario("never-starts")).may_panic().start();
    assert_eq!(program.wait_exit(), Exit::Code(1));
    let last = manager.rest().pop().expect("it is told");
    assert!(last.contains("STATUS=no worker ever got ready, the last one "), "{last}");
    assert!(!last.contains("READY=1"));
    program.finish();
}

#[test]
fn the_watchdog_hears_of_supervision_while_the_main_of_the_master_is_stuck() {
    let manager = Manager::listen();
    let program = manager.of(watched("400000", "$$")).start();
    assert_eq!(manager.next().lines().next(), Some("WATCHDOG=1"), "at once");
    let mut client = reach(&program, |who| who.pid == program.pid());
    client.tell("block").expect("it is open");
    assert_eq!(client.read().expect("an answer"), "blocking");
    for _ in 0..3 {
        manager.until("WATCHDOG=1");
    }
    program.signal(Signal::SIGKILL);
    program.wait_exit();
    program.finish();
}

#[test]
fn the_watchdog_hears_of_the_master_that_replaced_itself() {
    let manager = Manager::listen();
    let program = manager.of(watched("400000", "$$")).start();
    started(&manager);
    program.signal(Signal::SIGHUP);
    manager.until("RELOADING=1");
    manager.until("READY=1");
    for _ in 0..2 {
        manager.until("WATCHDOG=1");
    }
    program.stop();
}

#[test]
fn the_watchdog_of_another_process_hears_nothing() {
    let manager = Manager::listen();
    let program = manager.of(watched("400000", "1")).start();
    started(&manager);
    program.stop();
    assert_eq!(manager.rest(), [STOPPED]);
}

/// The program with a watchdog that wants to hear of process `pid`, `$$` for its own, at least
/// every `within` microseconds.
fn watched(within: &str, pid: &str) -> Program {
    let script = format!("WATCHDOG_USEC={within} WATCHDOG_PID={pid} exec {PROGRAM} lines");
    Program::new("/bin/sh").arg("-c").arg(script)
}

#[test]
fn the_workers_do_not_know_of_the_service_manager() {
    let manager = Manager::listen();
    let program = manager.of(scenario("lines")).start();
    let nodes = program.wait_for_nodes(4);
    assert!(knows(program.pid()));
    for worker in workers(&nodes) {
        assert!(!knows(worker.pid), "{worker:?}");
    }
    program.stop();
}

/// Whether the process was started with NOTIFY_SOCKET.
fn knows(pid: Pid) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).expect("it lives");
    environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(b"NOTIFY_SOCKET="))
}

#[test]
fn a_service_manager_that_is_gone_is_one_line_in_the_log_and_harms_nobody() {
    let manager = Manager::listen();
    let program = manager.of(scenario("lines"));
    drop(manager);
    let program = program.start();
    program.wait_for_nodes(4);
    notice(&program, &["cannot tell the service manager (NOTIFY_SOCKET): "]);
    // The next master would have a line of its own: this one cannot be replaced before its drain
    // is over.
    let held = reach(&program, |who| who.pid == program.pid());
    program.signal(Signal::SIGHUP);
    program.wait_for_lines("generation=1 ", 3);
    program.signal(Signal::SIGTERM);
    refuses(&program);
    drop(held);
    assert_eq!(program.wait_exit(), Exit::Code(0));
    let lines = program.finish();
    let complaints = lines.iter().filter(|line| line.text.contains("NOTIFY_SOCKET"));
    assert_eq!(complaints.count(), 1);
}

#[test]
fn a_service_manager_with_a_name_in_no_file_system_is_told_as_well() {
    let name = format!("multi-node-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("it is short");
    let socket = UnixDatagram::bind_addr(&address).expect("the name is ours");
    let manager = Manager::of_socket(socket);
    let program = scenario("lines").env("NOTIFY_SOCKET", format!("@{name}")).start();
    assert_eq!(started(&manager), READY);
    program.stop();
}

#[test]
fn a_service_manager_that_does_not_read_is_named_and_holds_up_nobody() {
    let manager = Manager::listen();
    // Two messages every 2 ms soon fill its socket, and then what may wait.
    let program = manager.of(watched("2000", "$$")).start();
    program.wait_for_nodes(4);
    notice(&program, &["cannot tell the service manager (NOTIFY_SOCKET): it does not read"]);
    program.signal(Signal::SIGHUP);
    program.wait_for_lines("generation=1 ", 3);
    program.stop();
    assert!(manager.next().starts_with("WATCHDOG=1"), "it was told while it could be");
}
