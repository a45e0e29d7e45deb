//! gunicorn: HUP replaces the workers.

use std::fs;
use std::process::Command;

use multi_node_tests::{Program, Running, Scratch, unused_port};

use crate::peer::{Peer, WORKERS};
use crate::rows::Subject;

/// The answer of a multi-node program, in WSGI.
const SITE: &str = "import os
WORDS = 'node=0 slot=0 generation=0 pid=%d version=gunicorn %s'
def site(environ, start_response):
    body = (WORDS % (os.getpid(), environ['QUERY_STRING'])).encode()
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]
";

/// Each of the 64 clients may keep a connection, and all may meet in one worker.
const THREADS: &str = "64";

pub(crate) fn reload() -> Result<Box<dyn Subject>, String> {
    if Command::new("gunicorn").arg("--version").output().is_err() {
        return Err("not installed".to_owned());
    }
    let scratch = Scratch::new();
    let port = unused_port();
    fs::write(scratch.path().join("site_under_proof.py"), SITE)
        .map_err(|error| error.to_string())?;
    let program = Program::new("gunicorn")
        .arg("--chdir")
        .arg(scratch.path())
        .args(["--worker-class", "gthread", "--threads", THREADS, "--keep-alive", "3600"])
        .args(["--workers", &WORKERS.to_string(), "--bind", &format!("127.0.0.1:{port}")])
        .arg("site_under_proof:site");
    let master = |running: &Running, _: &Scratch| Some(running.pid());
    Ok(Peer::start(program, port, scratch, master, Peer::reload))
}
