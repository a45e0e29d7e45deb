//! [`Listener`] in `axum::serve`.

use std::net::SocketAddr;

use super::{Connection, Listener};

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    /// Never returns once accepting has failed for good; the log says why.
    async fn accept(&mut self) -> (Connection, SocketAddr) {
        match Listener::accept(self).await {
            Ok(accepted) => accepted,
            Err(error) => {
                crate::report::error!("cannot accept any more: {error}");
                std::future::pending().await
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Listener::local_addr(self)
    }
}
