//! Signals that mean something else by who sent them: under a terminal, and after it closed.

use multi_node_tests::{Exit, Program, Running, Terminal, Who, eventually, process};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::support::{PROGRAM, reach, scenario, send, soon, wait_gone, workers};

#[test]
fn sigusr2_reloads_as_sighup_does() {
    let program = scenario("lines").start();
    program.wait_for_nodes(4);
    program.signal(Signal::SIGUSR2);
    program.wait_for_lines("generation=1 ", 3);
    program.stop();
}

#[test]
fn sigttin_adds_a_worker_and_sigttou_retires_the_youngest() {
    let program = scenario("lines").env("MULTI_NODE_NODES", "2").start();
    let nodes = program.wait_for_nodes(2);
    program.signal(Signal::SIGTTIN);
    let added = program.wait_for_node("one more", |who| who.slot == 2);
    program.signal(Signal::SIGTTOU);
    wait_gone(&program, added.pid);
    for who in nodes {
        reach(&program, |reached| reached.pid == who.pid);
    }
    program.stop();
}

#[test]
fn a_worker_that_is_sent_what_is_the_masters_goes_on() {
    let program = scenario("lines").start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[0];
    for signal in [Signal::SIGHUP, Signal::SIGUSR2, Signal::SIGTTIN, Signal::SIGTTOU] {
        send(worker.pid, signal);
    }
    reach(&program, |who| who.pid == worker.pid);
    assert_eq!(process::children(program.pid()).len(), 3);
    program.stop();
}

#[test]
fn a_terminal_that_closes_stops_the_program_that_leads_its_session() {
    let terminal = Terminal::new();
    let program = scenario("lines").on(&terminal).start();
    program.wait_for_nodes(4);
    drop(terminal);
    assert_eq!(program.wait_exit(), Exit::Code(0));
    program.finish();
}

#[test]
fn a_terminal_that_closes_stops_the_job_of_a_shell() {
    for (shell, job) in [(BASH, ""), (BASH, " &"), (DASH, "")] {
        let (shell, terminal) = shell_with(shell, &format!("{PROGRAM} lines{job}"));
        let _job = Job::of(&shell);
        let nodes = shell.wait_for_nodes(4);
        drop(terminal);
        for who in nodes {
            wait_gone(&shell, who.pid);
        }
        shell.finish();
    }
}

#[test]
fn sighup_typed_into_a_shell_reloads() {
    let (shell, mut terminal) = shell_with(BASH, &format!("{PROGRAM} lines &"));
    let job = Job::of(&shell);
    shell.wait_for_nodes(4);
    terminal.type_line("kill -HUP %1");
    shell.wait_for_lines("generation=1 ", 3);
    job.stop(&shell);
}

#[test]
fn under_nohup_a_closed_terminal_stops_nothing_and_sighup_reloads() {
    let (shell, terminal) = shell_with(BASH, &format!("(trap '' HUP; exec {PROGRAM} lines) &"));
    let job = Job::of(&shell);
    shell.wait_for_nodes(4);
    drop(terminal);
    // The shell tells its jobs, then ends. Until that is taken in, a second SIGHUP is the same one.
    shell.wait_exit();
    eventually(soon(), "a reload begins", || {
        job.signal(Signal::SIGHUP);
        shell.lines().iter().any(|line| line.text.contains("generation=1 "))
    });
    reach(&shell, |who| who.generation > 0);
    job.stop(&shell);
}

#[test]
fn a_closed_terminal_does_not_keep_an_operators_sighup_from_reloading() {
    // dash tells jobs in the background nothing: they outlive the terminal.
    let (shell, terminal) = shell_with(DASH, &format!("{PROGRAM} lines &"));
    let job = Job::of(&shell);
    shell.wait_for_nodes(4);
    drop(terminal);
    shell.wait_exit();
    job.signal(Signal::SIGHUP);
    shell.wait_for_lines("generation=1 ", 3);
    job.stop(&shell);
}

#[test]
fn a_job_in_the_background_that_reads_its_terminal_is_stopped_and_not_scaled() {
    let (shell, mut terminal) = shell_with(BASH, &format!("{PROGRAM} reads-terminal &"));
    let reads = shell.wait_for_line("reads ");
    let job = Job(Who::parse(&reads.text).expect("it says who reads").pid);
    eventually(soon(), "the job is stopped", || {
        process::group(job.0).iter().all(|process| process.state == 'T')
    });
    // `fg` continues only a job of whose stop the shell has heard.
    for asked in 1.. {
        terminal.type_line("jobs");
        if shell.wait_for_lines("[1]+", asked)[asked - 1].text.contains("Stopped") {
            break;
        }
    }
    terminal.type_line("fg");
    terminal.type_line("hello");
    shell.wait_for_line("typed hello");
    shell.wait_for_nodes(2);
    assert_eq!(process::children(job.0).len(), 1);
    job.stop(&shell);
}

const BASH: &[&str] = &["bash", "--norc", "--noediting", "-i"];
const DASH: &[&str] = &["dash", "-i"];

/// A shell that leads the session of a terminal, where `line` was typed.
#[track_caller]
fn shell_with(shell: &[&str], line: &str) -> (Running, Terminal) {
    let mut terminal = Terminal::new();
    let running = Program::new(shell[0]).args(&shell[1..]).on(&terminal).start();
    terminal.type_line(line);
    (running, terminal)
}

/// A program that a shell started, in a process group of its own: killed with it when dropped.
struct Job(Pid);

impl Job {
    /// The one whose master has said that it is up.
    #[track_caller]
    fn of(shell: &Running) -> Job {
        Job(shell.wait_for_node("the master", |who| who.slot == 0).pid)
    }

    fn signal(&self, signal: Signal) {
        send(self.0, signal);
    }

    /// Stops it; the shell goes with its terminal.
    #[track_caller]
    fn stop(self, shell: &Running) {
        self.signal(Signal::SIGTERM);
        wait_gone(shell, self.0);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // A program that has stopped has nobody left in its group.
        let _ = killpg(self.0, Signal::SIGKILL);
    }
}
