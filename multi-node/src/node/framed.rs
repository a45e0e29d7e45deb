//! Messages of one type over a raw stream: the frames of a link, without channels or windows.
//!
//! Each side says first which type it sends, so that two generations whose definitions differ
//! find out before the first message.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWrite};

use super::stream::NodeStream;
use crate::config::NodeId;
use crate::link::channel::ChannelConfig;
use crate::link::codec::{self, EncodeError};
use crate::link::frame::{self, Broken, Found, HEADER, Kind};
use crate::link::hello::{self, Offer};
use crate::link::message::Message;

/// Bytes that a `Sink` collects before it writes.
const HIGH_WATER: usize = 64 * 1024;

/// Bytes that a read takes at least.
const READ: usize = 16 * 1024;

/// Messages of one type over a [`NodeStream`]: `send` and `recv`, a `Stream` and a `Sink`.
///
/// The stream itself is the only window: when the other side does not read, `send` waits. Frames
/// have 16 MiB at most.
///
/// ```
/// use multi_node::{FramedRecvError, Message, NodeStream};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize, Message)]
/// struct Line(String);
///
/// async fn print_all(stream: NodeStream) -> Result<(), FramedRecvError> {
///     let mut lines = stream.framed::<Line>();
///     while let Some(Line(text)) = lines.recv().await? {
///         println!("{text}");
///     }
///     Ok(())
/// }
/// # let _ = print_all;
/// ```
pub struct Framed<M> {
    stream: NodeStream,
    /// Whole frames, written up to `written`.
    outgoing: Vec<u8>,
    written: usize,
    /// What was read; up to `taken` it has been received, up to `whole` it is whole messages.
    incoming: Vec<u8>,
    taken: usize,
    whole: usize,
    greeted: bool,
    /// It ended or broke: nothing more is received.
    ended: bool,
    max_frame: usize,
    message: PhantomData<fn() -> M>,
}

impl<M: Message> Framed<M> {
    pub(super) fn new(stream: NodeStream) -> Self {
        let max_frame = ChannelConfig::new().max_frame;
        let mut framed = Framed {
            stream,
            outgoing: Vec::new(),
            written: 0,
            incoming: Vec::new(),
            taken: 0,
            whole: 0,
            greeted: false,
            ended: false,
            max_frame,
            message: PhantomData,
        };
        // Goes out with the first message. A name too long for a frame is never greeted with,
        // and the other side says so.
        let _ = frame::append(&mut framed.outgoing, 0, Kind::Open, |buffer| {
            codec::encode_into(buffer, &offer::<M>(max_frame), frame::MAX_CONTROL)
        });
        framed
    }

    /// The node at the other end.
    pub fn id(&self) -> NodeId {
        self.stream.id()
    }

    /// Sends a message, and waits until the kernel has it.
    ///
    /// Cancel-safe: dropped before it is done, the message is sent whole, with the next one at
    /// the latest.
    ///
    /// # Errors
    /// When this message cannot be encoded (nothing of it is sent), or the other side is gone.
    pub async fn send(&mut self, message: &M) -> Result<(), FramedSendError> {
        std::future::poll_fn(|cx| self.poll_room(cx)).await?;
        self.encode(message)?;
        std::future::poll_fn(|cx| self.poll_drain(cx)).await
    }

    /// Receives the next message; `None` when the other side has closed the stream.
    ///
    /// Cancel-safe: dropped before it is done, it took nothing.
    ///
    /// # Errors
    /// When what came is no message of this type, or the stream broke; it then says `None`.
    pub async fn recv(&mut self) -> Result<Option<M>, FramedRecvError> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await.transpose()
    }

    fn encode(&mut self, message: &M) -> Result<(), FramedSendError> {
        let max = self.max_frame;
        let encode = |buffer: &mut Vec<u8>| codec::encode_into(buffer, message, max);
        Ok(frame::append(&mut self.outgoing, 0, Kind::Data, encode)?)
    }

    /// Ready when another message may be added.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), FramedSendError>> {
        if self.outgoing.len() - self.written < HIGH_WATER {
            return Poll::Ready(Ok(()));
        }
        self.poll_drain(cx)
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), FramedSendError>> {
        while self.written < self.outgoing.len() {
            let rest = &self.outgoing[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into())),
                bytes => self.written += bytes,
            }
        }
        self.outgoing.clear();
        self.outgoing.shrink_to(HIGH_WATER);
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<M, FramedRecvError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let received = ready!(self.poll_message(cx));
        self.ended = !matches!(received, Ok(Some(_)));
        Poll::Ready(received.transpose())
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<M>, FramedRecvError>> {
        while self.taken == self.whole {
            if ready!(self.poll_whole(cx))? == 0 {
                return Poll::Ready(Ok(None));
            }
        }
        let payload = frame::payload(&self.incoming[self.taken..]);
        self.taken += HEADER + payload.len();
        let message = codec::decode(payload);
        Poll::Ready(message.map(Some).map_err(|error| malformed(error.to_string())))
    }

    /// Ready when there is a whole frame, with its length, or nothing more will come.
    fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, FramedRecvError>> {
        loop {
            let at = self.taken;
            let cap = |channel| (channel == 0 && self.greeted).then_some(self.max_frame);
            let need = match frame::scan(&self.incoming[at..], cap).map_err(broken)? {
                Found::Run { len, .. } => {
                    self.whole = at + len;
                    return Poll::Ready(Ok(len));
                }
                Found::Control { kind, len, .. } => {
                    self.greet(kind, at + HEADER..at + len)?;
                    (self.taken, self.whole) = (at + len, at + len);
                    continue;
                }
                Found::WithFds { .. } => {
                    return Poll::Ready(Err(malformed("a stream carries no fds".to_owned())));
                }
                Found::Partial { need } => need,
            };
            self.incoming.drain(..at);
            (self.taken, self.whole) = (0, 0);
            self.incoming.reserve(need.max(READ) - self.incoming.len());
            let read = pin!(self.stream.read_buf(&mut self.incoming));
            if ready!(read.poll(cx))? == 0 {
                return Poll::Ready(self.end());
            }
        }
    }

    fn end(&self) -> Result<usize, FramedRecvError> {
        if self.incoming.is_empty() {
            Ok(0)
        } else {
            Err(malformed("it ends within a frame".to_owned()))
        }
    }

    /// The first frame of the other side, and the only one that is no message.
    fn greet(
        &mut self,
        kind: Kind,
        payload: std::ops::Range<usize>,
    ) -> Result<(), FramedRecvError> {
        if kind != Kind::Open || self.greeted {
            return Err(broken(Broken::Turn(kind)));
        }
        let theirs: Offer = hello::read(kind, &self.incoming[payload]).map_err(broken)?;
        if (theirs.name.as_str(), theirs.fingerprint) != (M::NAME, M::FINGERPRINT) {
            let (name, fingerprint) = (theirs.name, theirs.fingerprint);
            return Err(FramedRecvError::Mismatch { expected: M::NAME, name, fingerprint });
        }
        self.greeted = true;
        Ok(())
    }
}

fn offer<M: Message>(max_frame: usize) -> Offer {
    let (name, fingerprint) = (M::NAME.to_owned(), M::FINGERPRINT);
    Offer { name, fingerprint, window: 0, max_frame: max_frame as u64 }
}

fn broken(broken: Broken) -> FramedRecvError {
    malformed(broken.to_string())
}

fn malformed(what: String) -> FramedRecvError {
    FramedRecvError::Malformed { what }
}

impl<M: Message> Stream for Framed<M> {
    type Item = Result<M, FramedRecvError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(cx)
    }
}

impl<M: Message> Sink<M> for Framed<M> {
    type Error = FramedSendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), FramedSendError>> {
        self.get_mut().poll_room(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: M) -> Result<(), FramedSendError> {
        self.get_mut().encode(&message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), FramedSendError>> {
        self.get_mut().poll_drain(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), FramedSendError>> {
        let framed = self.get_mut();
        ready!(framed.poll_drain(cx))?;
        Pin::new(&mut framed.stream).poll_shutdown(cx).map_err(FramedSendError::from)
    }
}

impl<M> fmt::Debug for Framed<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framed").field("id", &self.stream.id()).finish_non_exhaustive()
    }
}

/// Why [`Framed::send`] did not send.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FramedSendError {
    /// The encoded message is larger than a frame may be.
    #[error("the message is larger than the {max} bytes that a frame may have")]
    TooLarge {
        /// The most bytes an encoded message may have.
        max: usize,
    },
    /// The `Serialize` of the message failed; nothing was sent.
    #[error("the message could not be encoded: {message}")]
    Encode {
        /// What `Serialize` said.
        message: String,
    },
    /// The stream takes no more.
    #[error("the stream is closed: {0}")]
    Io(#[from] io::Error),
}

impl From<EncodeError> for FramedSendError {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::TooLarge { max } => FramedSendError::TooLarge { max },
            EncodeError::Failed(message) => FramedSendError::Encode { message },
        }
    }
}

/// Why [`Framed::recv`] did not receive; it receives no more.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FramedRecvError {
    /// The other side sends another type, or another definition of it.
    #[error(
        "the other node sends {name} ({fingerprint:016x}), this one expects its own {expected}"
    )]
    Mismatch {
        /// The name of the type on this side.
        expected: &'static str,
        /// The name of the type on the other side.
        name: String,
        /// The fingerprint of the type on the other side.
        fingerprint: u64,
    },
    /// What came is no message of this type.
    #[error("not a message: {what}")]
    Malformed {
        /// What was wrong with it.
        what: String,
    },
    /// The stream broke.
    #[error("the stream broke: {0}")]
    Io(#[from] io::Error),
}
