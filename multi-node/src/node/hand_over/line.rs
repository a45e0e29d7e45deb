//! The connections that go with one message type between this node and one other, seen from who
//! hands them over, and what both say.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::word::{Plain, Refused};
use crate::link::channel::Channel;
use crate::link::error::{CloseReason, SendError, TrySendError};
use crate::node::exchange;
use crate::node::peer::encoder;

/// The most connections that are on their way from one node to another with one message type.
pub(super) const AT_ONCE: usize = 64;

/// What the other side said to a connection.
pub(super) type Answer = Result<(), Refused>;

/// See the module.
pub(super) struct Line {
    channel: Arc<Channel>,
    runtime: Handle,
    places: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    /// Who waits for the answer to what.
    answers: HashMap<u64, oneshot::Sender<Answer>>,
    ended: bool,
}

impl Line {
    pub(super) fn new(channel: Arc<Channel>, runtime: Handle) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        Arc::new(Line { channel, runtime, places, waiting: Mutex::default() })
    }

    /// Waits for a place, after those who wait already.
    pub(super) async fn begin(self: &Arc<Self>) -> Result<HandingOver, SendError> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| self.closed())?;
        let (answer, answered) = oneshot::channel();
        let id = {
            let mut waiting = self.waiting();
            if waiting.ended {
                return Err(self.closed());
            }
            let id = waiting.next;
            waiting.next += 1;
            waiting.answers.insert(id, answer);
            id
        };
        let line = Arc::clone(self);
        Ok(HandingOver { line, id, answered, open: false, place: Some(place) })
    }

    /// The other side answered.
    pub(super) fn answered(&self, id: u64, answer: Answer) {
        let waits = self.waiting().answers.remove(&id);
        if let Some(waits) = waits {
            // Who does not wait any more has said so.
            let _ = waits.send(answer);
        }
    }

    /// Says something now, or as soon as there is room.
    pub(super) fn tell(self: &Arc<Self>, word: Plain, place: Option<OwnedSemaphorePermit>) {
        exchange::tell(self, &self.runtime, word, place);
    }

    fn closed(&self) -> SendError {
        let reason = self.channel.close_reason().unwrap_or(CloseReason::Ended);
        SendError::Closed { reason }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl exchange::Line for Line {
    fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }

    fn end(&self) {
        self.places.close();
        let mut waiting = self.waiting();
        waiting.ended = true;
        waiting.answers.clear();
    }
}

/// A connection on its way: the other side is told what becomes of it, however this ends.
pub(super) struct HandingOver {
    line: Arc<Line>,
    id: u64,
    answered: oneshot::Receiver<Answer>,
    /// The other side knows of it, and not what becomes of it.
    open: bool,
    place: Option<OwnedSemaphorePermit>,
}

impl HandingOver {
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Sends the connection itself.
    pub(super) async fn send<W: Serialize>(
        &mut self,
        here: &W,
        fd: OwnedFd,
    ) -> Result<(), SendError> {
        self.say(here, vec![fd]).await?;
        self.open = true;
        Ok(())
    }

    /// Waits for what the other side says to it.
    pub(super) async fn answer(&mut self) -> Result<Answer, SendError> {
        let answer = (&mut self.answered).await;
        let answer = answer.map_err(|_| self.line.closed())?;
        self.open = answer.is_ok();
        Ok(answer)
    }

    /// Gives it away: it is not this node's any more as soon as this is done.
    pub(super) async fn yours(mut self) -> Result<(), SendError> {
        let yours = Plain::Yours { id: self.id };
        self.say(&yours, Vec::new()).await?;
        self.open = false;
        Ok(())
    }

    /// Dropped before it is done, it said nothing; that is why it does not let others run after.
    async fn say<W: Serialize>(&self, word: &W, mut fds: Vec<OwnedFd>) -> Result<(), SendError> {
        let channel = &self.line.channel;
        match channel.try_send_with_fds(&mut fds, encoder(word)) {
            Ok(_) => Ok(()),
            Err(TrySendError::Full) => channel.send_in_turn(fds, encoder(word)).await,
            Err(TrySendError::Refused(error)) => Err(error),
        }
    }
}

impl Drop for HandingOver {
    fn drop(&mut self) {
        self.line.waiting().answers.remove(&self.id);
        if self.open {
            self.line.tell(Plain::Mine { id: self.id }, self.place.take());
        }
    }
}
