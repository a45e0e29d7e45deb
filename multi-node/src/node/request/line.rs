//! The requests of one type between this node and one other, both ways.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::running::Running;
use super::waiting::{AT_ONCE, Answer, Id, Left, Settled, Waiting};
use super::word::{Plain, Word};
use crate::link::channel::Channel;
use crate::link::error::{CloseReason, SendError, TrySendError};
use crate::link::message::Request;
use crate::node::exchange;
use crate::node::peer::encoder;

/// See the module.
pub(super) struct Line<Q: Request> {
    channel: Arc<Channel>,
    runtime: Handle,
    /// A permit for each place in `waiting` that is free.
    room: Semaphore,
    waiting: Mutex<Waiting<Q::Reply>>,
    running: Mutex<Running>,
    /// The other side has said that it has a handler.
    is_served: AtomicBool,
}

impl<Q: Request> Line<Q> {
    pub(super) fn new(channel: Arc<Channel>, runtime: Handle) -> Arc<Self> {
        Arc::new(Line {
            channel,
            runtime,
            room: Semaphore::new(AT_ONCE),
            waiting: Mutex::new(Waiting::new()),
            running: Mutex::default(),
            is_served: AtomicBool::new(false),
        })
    }

    /// The other side has a handler.
    pub(super) fn served(&self) {
        self.is_served.store(true, Relaxed);
    }

    pub(super) fn is_served(&self) -> bool {
        self.is_served.load(Relaxed)
    }

    /// Waits for a place, after those who wait already.
    pub(super) async fn begin(&self) -> Result<Id, CloseReason> {
        let permit = self.room.acquire().await;
        // When there are no permits any more, this says why.
        let id = self.waiting().begin()?;
        if let Ok(permit) = permit {
            permit.forget();
        }
        Ok(id)
    }

    /// Sends a request; `sent` is set as soon as the other side will see it.
    pub(super) async fn ask(&self, id: Id, request: &Q, sent: &mut bool) -> Result<(), SendError> {
        let word: Word<&Q, ()> = Word::Ask { id, request };
        match self.channel.try_send(encoder(&word)) {
            Ok(heavy) => {
                *sent = true;
                if heavy {
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
            Err(TrySendError::Full) => {
                self.channel.send_in_turn(Vec::new(), encoder(&word)).await?;
                *sent = true;
                Ok(())
            }
            Err(TrySendError::Refused(error)) => Err(error),
        }
    }

    /// Ready with the answer, once.
    pub(super) fn poll_answer(
        &self,
        id: Id,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer<Q::Reply>, CloseReason>> {
        self.waiting().poll(id, cx)
    }

    /// Whoever asked goes; `outstanding` when the request was sent and no answer taken.
    pub(super) fn leave(self: &Arc<Self>, id: Id, outstanding: bool) {
        let left = self.waiting().leave(id, outstanding);
        match left {
            Left::Free(_nobodys) => self.room.add_permits(1),
            Left::Abandoned => self.tell(Word::GiveUp { id }),
        }
    }

    /// The other side answered.
    pub(super) fn answered(&self, id: Id, answer: Answer<Q::Reply>) {
        let (settled, waker) = self.waiting().answer(id, answer);
        waker.into_iter().for_each(Waker::wake);
        match settled {
            Settled::Kept | Settled::Unasked(_) => {}
            Settled::Freed(_nobodys) => self.room.add_permits(1),
        }
    }

    /// The other side asked; false when it had no right to.
    pub(super) fn asked(&self, id: Id) -> bool {
        self.running().begin(id)
    }

    /// The other side gave a request up.
    pub(super) fn given_up(&self, id: Id) {
        let waker = self.running().give_up(id);
        waker.into_iter().for_each(Waker::wake);
    }

    pub(super) fn is_given_up(&self, id: Id) -> bool {
        self.running().is_given_up(id)
    }

    pub(super) fn poll_given_up(&self, id: Id, cx: &mut Context<'_>) -> Poll<()> {
        self.running().poll_given_up(id, cx)
    }

    /// Sends a reply. From now on the other side may use the place again.
    pub(super) async fn reply(&self, id: Id, reply: &Q::Reply) -> Result<(), SendError> {
        self.running().finish(id);
        let word: Word<(), &Q::Reply> = Word::Reply { id, reply };
        self.channel.send(encoder(&word)).await
    }

    /// Says that there will be no reply.
    pub(super) fn refuse(self: &Arc<Self>, id: Id, why: Plain) {
        self.running().finish(id);
        self.tell(why);
    }

    /// Says something now, or as soon as there is room. There is no more of it to say than there
    /// are places.
    pub(super) fn tell(self: &Arc<Self>, word: Plain) {
        exchange::tell(self, &self.runtime, word, ());
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<Q::Reply>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q: Request> exchange::Line for Line<Q> {
    fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }

    fn end(&self) {
        let reason = self.channel.close_reason().unwrap_or(CloseReason::Ended);
        let askers = self.waiting().close(reason);
        let handlers = self.running().end();
        self.room.close();
        askers.into_iter().chain(handlers).for_each(Waker::wake);
    }
}
