//! Scenarios with real processes, one file an operation.

mod addresses;
mod attribute;
mod deaths;
mod deployed;
mod descriptors;
mod drain;
mod endings;
mod events;
mod growth;
mod hand_over;
#[path = "hand_over.rs"]
#[allow(clippy::duplicate_mod)]
mod hand_over_over_rings;
mod harness;
mod health;
mod init;
mod limits;
mod listeners;
mod listening;
mod log;
mod manager;
mod membership;
mod mesh;
#[path = "mesh.rs"]
#[allow(clippy::duplicate_mod)]
mod mesh_over_rings;
mod messages;
#[path = "messages.rs"]
#[allow(clippy::duplicate_mod)]
mod messages_over_rings;
mod options;
mod orphans;
mod pid_file;
mod ports;
mod ready;
mod reload;
mod replacement;
mod requests;
mod scale;
mod shares;
mod signals;
mod spread;
mod start;
mod stop;
mod support;
mod surge;
mod topics;
#[path = "topics.rs"]
#[allow(clippy::duplicate_mod)]
mod topics_over_rings;
mod upgrade;
mod user;
mod user_children;
