//! One attribute turns an async `main` into a supervised family of processes that serve one port
//! and talk to each other.
#![allow(dead_code)]

mod config;
mod link;
mod node;
mod sys;

pub use config::NodeId;
pub use link::channel::ChannelConfig;
pub use link::error::{BroadcastError, CloseReason, SendError, SendToError, TrySendError};
pub use link::message::Message;
pub use node::broadcast::Broadcast;
pub use node::framed::{Framed, FramedRecvError, FramedSendError};
pub use node::peer::{Peer, Sender};
pub use node::stream::NodeStream;
