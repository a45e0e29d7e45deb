//! Runs every example as its header says: `cargo test -p examples`.

mod builder;
mod chat;
mod chromium;
mod deploy;
mod echo;
mod header;
mod hello;
mod leader;
mod sessions;
mod streams;
mod support;
mod windows;
