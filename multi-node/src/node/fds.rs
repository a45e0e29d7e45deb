//! Descriptors beside messages, where they are sent and received: every [`Peer`] and [`Sender`].

use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use super::peer::encoder;
use super::{Peer, Sender};
use crate::link::error::{FdsLost, SendError, TrySendError};
use crate::link::fds::Passed;
use crate::link::message::Message;

/// A message and its descriptors.
type WithFds<M> = (M, Result<Vec<OwnedFd>, FdsLost>);

impl<M: Message> Peer<M> {
    /// Sends a message with descriptors: files, sockets, memfds, pidfds, whatever a process has
    /// open. The other node gets its own, close-on-exec, of the same open files.
    ///
    /// At most 16 go with one message. Each takes a 64th of the channel's window beside the bytes
    /// until it has been received, so no more than some 64 are on their way or wait there, and this
    /// waits as [`Peer::send`] does. Messages with and without descriptors arrive in the order they
    /// were sent. Those that were sent are closed here; `try_clone` keeps one.
    ///
    /// Cancel-safe: dropped before it is done, it sent the whole message with all of them, or
    /// nothing and closed them.
    ///
    /// ```
    /// use std::fs::File;
    ///
    /// use multi_node::{Message, Peer};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Message)]
    /// struct Upload {
    ///     name: String,
    /// }
    ///
    /// async fn store(peer: &Peer<Upload>, name: &str, file: File) {
    ///     let upload = Upload { name: name.to_owned() };
    ///     if let Err(error) = peer.send_with_fds(&upload, vec![file.into()]).await {
    ///         eprintln!("{error}");
    ///     }
    /// }
    ///
    /// async fn stored(mut peer: Peer<Upload>) {
    ///     while let Some((upload, fds)) = peer.recv_with_fds().await {
    ///         match fds {
    ///             Ok(fds) => println!("{} has {} files", upload.name, fds.len()),
    ///             Err(lost) => println!("{}: {lost}", upload.name),
    ///         }
    ///     }
    /// }
    /// # let _ = (store, stored);
    /// ```
    ///
    /// # Errors
    /// As [`Peer::send`], and [`SendError::TooManyFds`]; the descriptors are closed then.
    pub async fn send_with_fds(&self, message: &M, fds: Vec<OwnedFd>) -> Result<(), SendError> {
        self.channel.send_with_fds(fds, encoder(message)).await
    }

    /// As [`Peer::send_with_fds`], if the window has room for it now. What it takes is sent and
    /// removed from `fds`; otherwise they stay there.
    ///
    /// # Errors
    /// As [`Peer::try_send`], and [`SendError::TooManyFds`].
    pub fn try_send_with_fds(
        &self,
        message: &M,
        fds: &mut Vec<OwnedFd>,
    ) -> Result<(), TrySendError> {
        self.channel.try_send_with_fds(fds, encoder(message)).map(drop)
    }

    /// As [`Peer::recv`], with the descriptors that were sent with the message; without any, an
    /// empty `Vec`. They are close-on-exec.
    ///
    /// Where this process has no room for all of them (`RLIMIT_NOFILE`) those that came are closed,
    /// and [`FdsLost`] stands in their place: the message itself is never lost.
    ///
    /// Cancel-safe: dropped before it is done, it took nothing.
    pub async fn recv_with_fds(&mut self) -> Option<WithFds<M>> {
        std::future::poll_fn(|cx| self.poll_recv_with_fds(cx)).await
    }

    fn poll_recv_with_fds(&mut self, cx: &mut Context<'_>) -> Poll<Option<WithFds<M>>> {
        loop {
            match ready!(self.poll_batch(cx)) {
                Some(Ok(passed)) => {
                    let fds = passed.map_or(Ok(Vec::new()), Passed::all);
                    return Poll::Ready(self.next().map(|message| (message, fds)));
                }
                Some(Err(_)) => {}
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<M: Message> Sender<M> {
    /// As [`Peer::send_with_fds`].
    ///
    /// # Errors
    /// As [`Peer::send_with_fds`].
    pub async fn send_with_fds(&self, message: &M, fds: Vec<OwnedFd>) -> Result<(), SendError> {
        self.channel.send_with_fds(fds, encoder(message)).await
    }

    /// As [`Peer::try_send_with_fds`].
    ///
    /// # Errors
    /// As [`Peer::try_send_with_fds`].
    pub fn try_send_with_fds(
        &self,
        message: &M,
        fds: &mut Vec<OwnedFd>,
    ) -> Result<(), TrySendError> {
        self.channel.try_send_with_fds(fds, encoder(message)).map(drop)
    }
}
