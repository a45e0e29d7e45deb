//! Builds the programs that are changed, so that one command does everything.

use std::env;
use std::process::{Command, Stdio};

/// Builds every program of this package as this one was built: `cargo run` builds only what it
/// runs.
pub(crate) fn programs() -> Result<(), String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build
        .args(["build", "--quiet", "--bins", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .stdin(Stdio::null());
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    match build.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo build of the programs: {status}")),
        Err(error) => Err(format!("cargo build of the programs: {error}")),
    }
}
