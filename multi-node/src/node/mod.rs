//! What user code holds.

pub(crate) mod accept;
pub(crate) mod connection;
pub(crate) mod listener;

pub use accept::OpenGuard;
pub use connection::Connection;
pub use listener::Listener;
