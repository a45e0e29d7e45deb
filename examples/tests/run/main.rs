//! Runs every example as its header says: `cargo test -p examples`.

mod builder;
mod chat;
mod deploy;
mod echo;
mod header;
mod hello;
mod leader;
mod sessions;
mod streams;
mod support;
