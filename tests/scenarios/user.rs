//! The options `user` and `group`: bound as root, served as somebody else. Only root can try them.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use multi_node_tests::{Line, Program, stderr};
use nix::sys::signal::Signal;
use nix::unistd::User;

use crate::support::{
    PROGRAM, as_root, fails_to_start, notice, reach, refuses_under_load, reload, replace, workers,
};

#[test]
fn every_process_is_the_user_for_good_before_main_runs() {
    let Some((_scratch, program)) = as_root("identity") else { return };
    let program = program.env("MULTI_NODE_USER", "nobody").start();
    let nobody = User::from_name("nobody").expect("a database").expect("everybody has one");
    let (uid, gid) = (nobody.uid.as_raw(), nobody.gid.as_raw());
    program.wait_for_nodes(3);
    let after = reload(&program, 1).len();
    for said in program.wait_for_lines("identity ", 3 + after) {
        is(&said, &format!("uid={uid},{uid},{uid},{uid} gid={gid},{gid},{gid},{gid}"));
        is(&said, &format!("groups={gid} capabilities=0000000000000000"));
        is(&said, "dumpable=true returns=false");
    }
    // The threads of the master that no user code runs on, too.
    for task in fs::read_dir(format!("/proc/{}/task", program.pid())).expect("it lives") {
        let status = fs::read_to_string(task.expect("a thread").path().join("status"));
        let status = status.expect("it lives");
        assert!(status.contains(&format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n")), "{status}");
    }
    program.stop();
}

#[test]
fn a_privileged_port_is_served_through_respawns_and_reloads() {
    let Some((_scratch, program)) = as_root("lines") else { return };
    let free = (600..1_024).find(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok());
    let port = free.expect("a port that nobody has");
    let program = program.env("MULTI_NODE_USER", "nobody").env("MULTI_NODE_PORT", port.to_string());
    let program = program.start();
    let nodes = program.wait_for_nodes(4);
    assert_eq!(program.addr().port(), port);
    let respawned = replace(&program, workers(&nodes)[0]);
    reach(&program, |who| who.pid == respawned.pid);
    for generation in 1..=2 {
        reload(&program, generation);
        reach(&program, |who| who.pid == program.pid() && who.generation == generation);
    }
    // There are sockets for more than there were at first.
    program.signal(Signal::SIGTTIN);
    let added = program.wait_for_node("one more", |who| who.slot == 4);
    reach(&program, |who| who.pid == added.pid);
    program.stop();
}

#[test]
fn a_stop_refuses_and_resets_nobody_without_a_capability_too() {
    let Some((_scratch, program)) = as_root("http") else { return };
    let program = program.env("MULTI_NODE_USER", "nobody").start();
    program.wait_for_nodes(4);
    refuses_under_load(&program, || program.signal(Signal::SIGTERM));
    let lines = program.finish();
    assert_eq!(stderr(&lines), [""; 0]);
}

#[test]
fn numbers_will_do_even_those_that_no_user_has() {
    let Some((_scratch, program)) = as_root("identity") else { return };
    let program = program.env("MULTI_NODE_USER", "54321").env("MULTI_NODE_GROUP", "12345").start();
    for said in program.wait_for_lines("identity ", 3) {
        is(&said, "uid=54321,54321,54321,54321 gid=12345,12345,12345,12345 groups=12345 ");
    }
    program.stop();
}

#[test]
fn a_group_alone_leaves_the_user() {
    let Some((_scratch, program)) = as_root("identity") else { return };
    let program = program.env("MULTI_NODE_GROUP", "12345").start();
    for said in program.wait_for_lines("identity ", 3) {
        is(&said, "uid=0,0,0,0 gid=12345,12345,12345,12345 groups=12345 ");
    }
    program.stop();
}

#[test]
fn a_group_overrides_that_of_the_user() {
    let Some((_scratch, program)) = as_root("identity") else { return };
    let program =
        program.env("MULTI_NODE_USER", "nobody").env("MULTI_NODE_GROUP", "daemon").start();
    for said in program.wait_for_lines("identity ", 3) {
        is(&said, "gid=1,1,1,1 groups=1 ");
    }
    program.stop();
}

#[test]
fn a_user_or_group_that_is_not_there_ends_the_start_with_one_line() {
    refused(Program::new(PROGRAM).env("MULTI_NODE_USER", "nobdoy"), 78, "user=\"nobdoy\"");
    refused(Program::new(PROGRAM).env("MULTI_NODE_GROUP", "nogruop"), 78, "group=\"nogruop\"");
    refused(Program::new(PROGRAM).env("MULTI_NODE_USER", "54321"), 78, "the option group");
}

#[test]
fn who_is_not_root_cannot_become_another() {
    let Some((_scratch, program)) = as_root("lines") else { return };
    refused(program.user(65_534).env("MULTI_NODE_USER", "daemon"), 1, "not permitted");
}

#[test]
fn who_is_that_user_already_need_not_be_root() {
    let Some((_scratch, program)) = as_root("identity") else { return };
    let program = program.user(54_321).env("MULTI_NODE_USER", "54321");
    let program = program.env("MULTI_NODE_GROUP", "54321").start();
    for said in program.wait_for_lines("identity ", 3) {
        is(&said, "uid=54321,54321,54321,54321 gid=54321,54321,54321,54321 ");
    }
    program.stop();
}

#[test]
fn a_program_file_that_makes_its_owner_of_whoever_runs_it_is_refused() {
    let Some((scratch, program)) = as_root("identity") else { return };
    let set_user_id = fs::Permissions::from_mode(0o4755);
    let file = scratch.path().join("program");
    fs::set_permissions(file, set_user_id).expect("it is ours");
    refused(program.env("MULTI_NODE_USER", "nobody"), 1, "set-user-ID");
}

#[test]
fn a_program_file_out_of_the_users_reach_is_said_at_the_start() {
    let Some((scratch, program)) = as_root("lines") else { return };
    let roots_alone = fs::Permissions::from_mode(0o700);
    fs::set_permissions(scratch.path(), roots_alone).expect("it is ours");
    let program = program.env("MULTI_NODE_USER", "nobody").start();
    notice(&program, &["no reload can work", "program", "ermission denied"]);
    // What runs already is pinned: it goes on, and comes back.
    let nodes = program.wait_for_nodes(4);
    replace(&program, workers(&nodes)[0]);
    program.signal(Signal::SIGHUP);
    notice(&program, &["reload", "generation 1"]);
    reach(&program, |who| who.generation == 0);
    program.stop();
}

#[track_caller]
fn is(said: &Line, words: &str) {
    assert!(said.text.contains(words), "{:?} without {words:?}", said.text);
}

#[track_caller]
fn refused(program: Program, code: i32, says: &str) {
    assert_eq!(fails_to_start(program.arg("lines").start(), &[says]), code);
}
