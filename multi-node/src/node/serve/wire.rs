//! The bytes of one connection, between the socket and hyper: finds out which protocol the client
//! speaks from its first read, at no cost to HTTP/1, and closes without cutting off what was sent.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::connection::Server;
use super::patience::Waiting;
use super::silence::Traffic;

/// What an HTTP/2 client sends first; no HTTP/1 request begins like that.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long a client that was told to close may take to do so.
const LINGER: Duration = Duration::from_secs(1);

/// What the parts of one connection share; the connection is open for as long as it exists.
pub(super) struct Open {
    pub(super) server: Arc<Server>,
    /// Of HTTP/1.
    pub(super) waiting: Waiting,
    /// Of HTTP/2.
    pub(super) traffic: Traffic,
    http2: AtomicBool,
    told_to_close: AtomicBool,
}

impl Open {
    pub(super) fn new(server: Arc<Server>) -> Arc<Open> {
        server.drain.opened();
        Arc::new(Open {
            server,
            waiting: Waiting::new(),
            traffic: Traffic::default(),
            http2: AtomicBool::new(false),
            told_to_close: AtomicBool::new(false),
        })
    }

    /// Whether the client opened with the preface of HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.http2.load(Ordering::Relaxed)
    }

    /// A request has come.
    pub(super) fn request(&self) {
        if self.is_http2() { self.traffic.request() } else { self.waiting.request() }
    }

    /// The response to a request, with or without a body, has been made.
    pub(super) fn response(&self, request_had_body: bool) {
        if self.is_http2() {
            self.traffic.response();
        } else {
            self.waiting.response(request_had_body);
        }
    }

    /// Notes that the client has been, or is just being told that this connection ends.
    pub(super) fn tell_to_close(&self) {
        self.told_to_close.store(true, Ordering::Relaxed);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.server.drain.closed();
    }
}

/// One connection's bytes.
pub(super) struct Wire<T> {
    io: T,
    first: First,
    open: Arc<Open>,
    linger: Option<Pin<Box<Sleep>>>,
}

/// What is known of the client's first bytes.
enum First {
    /// Only so many bytes have come, and they are the preface's.
    Preface(usize),
    /// HTTP/1: bytes pass through.
    Http1,
    /// HTTP/2, and what was read to find out; empty once hyper has it.
    Http2(Vec<u8>),
}

impl<T> Wire<T> {
    pub(super) fn new(io: T, open: Arc<Open>) -> Self {
        Wire { io, first: First::Preface(0), open, linger: None }
    }
}

impl<T: AsyncRead + Unpin> Wire<T> {
    /// Reads until the first bytes tell the protocol; for HTTP/2 it keeps them and stays pending,
    /// and the task takes the wire out of the HTTP/1 connection.
    fn poll_first_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        mut matched: usize,
    ) -> Poll<io::Result<()>> {
        let start = buf.filled().len();
        loop {
            buf.put_slice(&PREFACE[..matched]);
            let read = Pin::new(&mut self.io).poll_read(cx, buf);
            let first = &buf.filled()[start..];
            let eof = first.len() == matched;
            if read.is_pending() {
                buf.set_filled(start);
                return Poll::Pending;
            }
            self.open.waiting.has_read();
            let compared = first.len().min(PREFACE.len());
            if matches!(read, Poll::Ready(Err(_)))
                || eof
                || first[..compared] != PREFACE[..compared]
            {
                self.first = First::Http1;
                return read;
            }
            if compared == PREFACE.len() {
                self.first = First::Http2(first.to_vec());
                self.open.http2.store(true, Ordering::Relaxed);
                buf.set_filled(start);
                return Poll::Pending;
            }
            matched = compared;
            self.first = First::Preface(matched);
            buf.set_filled(start);
        }
    }

    /// Reads away what still comes until the client closes too: closing a socket with unread bytes
    /// resets it, and the reset can overtake the response.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = self.linger.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        if until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut bytes = [MaybeUninit::uninit(); 4096];
        loop {
            let mut buf = ReadBuf::uninit(&mut bytes);
            let read = ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf));
            if read.is_err() || buf.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Wire<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match &mut this.first {
            First::Http2(kept) if !kept.is_empty() => {
                let fits = kept.len().min(buf.remaining());
                buf.put_slice(&kept[..fits]);
                kept.drain(..fits);
                Poll::Ready(Ok(()))
            }
            First::Http1 => {
                ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
                this.open.waiting.has_read();
                Poll::Ready(Ok(()))
            }
            First::Http2(_) => {
                ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
                this.open.traffic.has_read();
                Poll::Ready(Ok(()))
            }
            First::Preface(matched) => {
                let matched = *matched;
                this.poll_first_read(cx, buf, matched)
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.io).poll_write(cx, buf))?;
        this.open.waiting.has_written();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.io).poll_write_vectored(cx, bufs))?;
        this.open.waiting.has_written();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
        }
        if this.open.told_to_close.load(Ordering::Relaxed) {
            ready!(this.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}
