//! Children of the program that ran in this process before, started by its user code: nobody in
//! this program knows them, so they are reaped here, or they would stay as zombies.

use tokio::io;

use crate::link::readable::Readable;
use crate::report;
use crate::sys::process::{self, Child};

/// Reaps every child that is not `ours` once it ends. Right after an exec alone: whoever is
/// started later has a parent that knows it.
pub(super) fn reap_all(ours: impl Fn(u32) -> bool) {
    for pid in process::children().into_iter().filter(|pid| !ours(*pid)) {
        let watched = Child::open(pid).and_then(|child| {
            let exit = Readable::new(child.handle()?)?;
            io::Result::Ok((child, exit))
        });
        match watched {
            Ok((child, exit)) => drop(tokio::spawn(reap(child, exit))),
            Err(error) => report::warn!("process {pid}, a child from before: {error}"),
        }
    }
}

async fn reap(child: Child, exit: Readable) {
    // Only a runtime that is shut down fails here: it is over in any case.
    let _ = exit.readable().await;
    let _ = child.reap();
}
