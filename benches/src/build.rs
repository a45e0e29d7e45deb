//! Builds the programs that are measured, so that one command does everything.

use std::env;
use std::process::{Command, Stdio};

/// Builds every program of this package as this one was built.
///
/// `cargo run` builds only the program that it runs, and the others must not be parts of that
/// one: what is linked into a program is part of its start time and of its memory.
pub(crate) fn programs() -> Result<(), String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build
        .args(["build", "--quiet", "--bins", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .stdin(Stdio::null());
    if cfg!(debug_assertions) {
        eprintln!("built without --release: the figures will say nothing about multi-node");
    } else {
        build.arg("--release");
    }
    if !cfg!(feature = "peers") {
        build.arg("--no-default-features");
    }
    match build.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo build of the programs: {status}")),
        Err(error) => Err(format!("cargo build of the programs: {error}")),
    }
}
