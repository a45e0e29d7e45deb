//! A raw stream to another node.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

use super::framed::Framed;
use crate::config::NodeId;
use crate::link::message::Message;

/// A byte stream to another node, a socket of its own: what `on_node_stream` hands out.
///
/// Reads end when the other node drops its end, shuts it down or dies.
///
/// ```
/// use multi_node::NodeStream;
/// use tokio::io::AsyncWriteExt;
///
/// async fn handler(mut stream: NodeStream) {
///     if let Err(error) = stream.write_all(b"hello\n").await {
///         eprintln!("node {}: {error}", stream.id());
///     }
/// }
/// # let _ = handler;
/// ```
#[derive(Debug)]
pub struct NodeStream {
    peer: NodeId,
    socket: UnixStream,
}

impl NodeStream {
    pub(crate) fn new(peer: NodeId, socket: UnixStream) -> Self {
        NodeStream { peer, socket }
    }

    /// The node at the other end.
    pub fn id(&self) -> NodeId {
        self.peer
    }

    /// Sends and receives messages of one type over this stream; the other end must do the same.
    pub fn framed<M: Message>(self) -> Framed<M> {
        Framed::new(self)
    }
}

impl AsyncRead for NodeStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for NodeStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
