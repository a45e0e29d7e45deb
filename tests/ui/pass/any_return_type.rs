use std::error::Error;
use std::fmt::Display;
use std::process::{ExitCode, Termination};

use multi_node::Nodes;

#[multi_node::main]
async fn result(nodes: Nodes) -> Result<(), Box<dyn Error>> {
    nodes.shutdown().await;
    "1".parse::<u8>()?;
    Ok(())
}

#[multi_node::main]
async fn io(_: Nodes) -> std::io::Result<()> {
    std::fs::read("/dev/null")?;
    Ok(())
}

#[multi_node::main]
async fn code() -> ExitCode {
    ExitCode::from(3)
}

#[multi_node::main]
async fn never(nodes: Nodes) -> ! {
    loop {
        nodes.shutdown().await;
    }
}

#[multi_node::main]
async fn opaque(_: Nodes) -> impl Termination {
    ExitCode::SUCCESS
}

#[multi_node::main]
fn blocking(_: Nodes) -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    Err("no")?
}

fn described<T: Display>(value: T) -> String {
    value.to_string()
}

fn main() {
    let _: fn() -> Result<(), Box<dyn Error>> = result;
    let _: fn() -> std::io::Result<()> = io;
    let _: fn() -> ExitCode = code;
    let _: fn() -> ! = never;
    let _: fn() -> Result<ExitCode, Box<dyn Error + Send + Sync>> = blocking;
    let _ = || {
        let _ = opaque();
    };
    assert_eq!(described(1), "1");
}
