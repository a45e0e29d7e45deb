use super::{Surroundings, Wish, wish};
use crate::signal::{Arrived, Beginning, Handled, Sender};

const MASTER: u32 = 10;
const SHELL: u32 = 9;
const STRANGER: u32 = 77;

/// Started by a shell in a terminal that is still there.
fn in_a_terminal() -> Surroundings {
    let beginning = Beginning { hangups_ignored: false, terminal: true };
    Surroundings { beginning, pid: MASTER, leader: SHELL, terminal: true }
}

fn terminal_closed() -> Surroundings {
    Surroundings { terminal: false, ..in_a_terminal() }
}

/// As nohup(1) starts it.
fn ignoring(around: Surroundings) -> Surroundings {
    let beginning = Beginning { hangups_ignored: true, ..around.beginning };
    Surroundings { beginning, ..around }
}

fn hangup(sender: Sender, around: &Surroundings) -> Option<Wish> {
    wish(Arrived { signal: Handled::Hangup, sender }, around)
}

#[test]
fn a_hangup_of_the_kernel_stops() {
    assert_eq!(hangup(Sender::Kernel, &terminal_closed()), Some(Wish::Stop));
    assert_eq!(hangup(Sender::Kernel, &in_a_terminal()), Some(Wish::Stop));
}

#[test]
fn a_hangup_of_the_shell_whose_terminal_is_gone_stops() {
    assert_eq!(hangup(Sender::Process(SHELL), &terminal_closed()), Some(Wish::Stop));
}

#[test]
fn kill_typed_into_the_shell_reloads() {
    assert_eq!(hangup(Sender::Process(SHELL), &in_a_terminal()), Some(Wish::Reload));
}

#[test]
fn a_hangup_of_anybody_else_reloads_even_without_a_terminal() {
    for around in [in_a_terminal(), terminal_closed()] {
        assert_eq!(hangup(Sender::Process(STRANGER), &around), Some(Wish::Reload));
        assert_eq!(hangup(Sender::Process(0), &around), Some(Wish::Reload));
    }
}

#[test]
fn a_leader_that_never_had_a_terminal_reloads() {
    let beginning = Beginning { hangups_ignored: false, terminal: false };
    let service = Surroundings { beginning, ..terminal_closed() };
    assert_eq!(hangup(Sender::Process(SHELL), &service), Some(Wish::Reload));
}

#[test]
fn a_program_that_leads_its_session_may_send_itself_a_reload() {
    let leading = Surroundings { leader: MASTER, ..terminal_closed() };
    assert_eq!(hangup(Sender::Process(MASTER), &leading), Some(Wish::Reload));
}

#[test]
fn ignored_at_the_start_hangups_are_ignored_but_reloads_are_not() {
    let around = ignoring(terminal_closed());
    assert_eq!(hangup(Sender::Kernel, &around), None);
    assert_eq!(hangup(Sender::Process(SHELL), &around), None);
    assert_eq!(hangup(Sender::Process(STRANGER), &around), Some(Wish::Reload));
    let typed = ignoring(in_a_terminal());
    assert_eq!(hangup(Sender::Process(SHELL), &typed), Some(Wish::Reload));
}

#[test]
fn every_other_signal_means_one_thing_whoever_sent_it() {
    for sender in [Sender::Kernel, Sender::Process(SHELL), Sender::Process(STRANGER)] {
        for around in [in_a_terminal(), ignoring(terminal_closed())] {
            let means = |signal| wish(Arrived { signal, sender }, &around);
            assert_eq!(means(Handled::User2), Some(Wish::Reload));
            assert_eq!(means(Handled::Interrupt), Some(Wish::Stop));
            assert_eq!(means(Handled::Quit), Some(Wish::Stop));
            assert_eq!(means(Handled::Terminate), Some(Wish::Stop));
            assert_eq!(means(Handled::TerminalInput), Some(Wish::Grow));
            assert_eq!(means(Handled::TerminalOutput), Some(Wish::Shrink));
        }
    }
}
