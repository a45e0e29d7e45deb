//! nginx: HUP replaces the workers, USR2 and QUIT the program.

use std::env;
use std::fs;
use std::path::PathBuf;

use multi_node_proof::soon;
use multi_node_tests::{Program, Scratch, eventually, process, unused_port};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::peer::{Peer, WORKERS, workers_of};
use crate::rows::Subject;

pub(crate) fn reload() -> Result<Box<dyn Subject>, String> {
    start(Peer::reload)
}

pub(crate) fn upgrade() -> Result<Box<dyn Subject>, String> {
    start(replace)
}

fn start(change: fn(&mut Peer)) -> Result<Box<dyn Subject>, String> {
    let nginx = nginx().ok_or("not installed")?;
    let scratch = Scratch::new();
    let port = unused_port();
    let file = scratch.path().join("nginx.conf");
    fs::write(&file, configuration(&scratch, port)).map_err(|error| error.to_string())?;
    // In the background of a shell that leaves once nginx is there: it refuses to change its
    // program while the process that started it lives.
    let program = Program::new("/bin/sh")
        .args(["-c", "\"$0\" -p \"$1\" -c \"$2\" & until [ -s \"$1/pid\" ]; do sleep 0.01; done"])
        .args([nginx.as_path(), scratch.path(), &file]);
    Ok(Peer::start(program, port, scratch, |_, scratch| named(scratch), change))
}

/// The whole path: nginx executes itself anew by the name that it was started by.
fn nginx() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join("nginx")).find(|file| file.is_file())
}

/// As it comes, but with no end to a kept connection but by a reload.
fn configuration(scratch: &Scratch, port: u16) -> String {
    let folder = scratch.path().display();
    format!(
        "daemon off; worker_processes {WORKERS}; pid {folder}/pid; error_log {folder}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;\n\
         client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path \
         {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;\n\
         server {{ listen 127.0.0.1:{port}; location / {{ return 200 \"node=0 slot=0 \
         generation=0 pid=$pid version=nginx $args\"; }} }} }}\n"
    )
}

/// As nginx's documentation has it: the new master and its workers first, then the old ones leave.
fn replace(peer: &mut Peer) {
    let old = peer.master;
    peer.signal(Signal::SIGUSR2);
    eventually(soon(), "the new master has its workers", || {
        let new = named(&peer.scratch).filter(|new| *new != old);
        new.is_some_and(|new| workers_of(new).len() == WORKERS)
    });
    peer.signal(Signal::SIGQUIT);
    eventually(soon(), "the old master has gone", || !process::is_alive(old));
    peer.master = named(&peer.scratch).expect("the new master names itself");
}

/// The master that the pid file names.
fn named(scratch: &Scratch) -> Option<Pid> {
    let text = fs::read_to_string(scratch.path().join("pid")).ok()?;
    text.trim().parse().ok().map(Pid::from_raw)
}
