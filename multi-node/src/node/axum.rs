//! A [`Listener`] goes straight into `axum::serve`, for those who want axum's own server.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Connection, Listener};

/// How long to wait after an error of the listener, as axum's own listeners do.
const AFTER_ERROR: Duration = Duration::from_secs(1);

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            match Listener::accept(self).await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections");
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Listener::local_addr(self)
    }
}
