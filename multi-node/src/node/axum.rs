//! [`Listener`] in `axum::serve`.

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;

use super::{Connection, Listener};
use crate::config::Addr;

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = Addr;

    /// Never returns once accepting has failed for good; the log says why.
    async fn accept(&mut self) -> (Connection, Addr) {
        match Listener::accept(self).await {
            Ok(accepted) => accepted,
            Err(error) => {
                crate::report::error!("cannot accept any more: {error}");
                std::future::pending().await
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Addr> {
        Listener::local_addr(self)
    }
}

/// For `into_make_service_with_connect_info::<Addr>()`.
impl Connected<IncomingStream<'_, Listener>> for Addr {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Addr {
        stream.remote_addr().clone()
    }
}
