//! Which requests of one other node are being handled here, and which of them it gave up. It
//! keeps and decides; it says who is to be woken.

use std::task::{Context, Poll, Waker};

use super::waiting::{AT_ONCE, Id};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Running {
    places: Vec<Option<Handled>>,
    /// The other node is gone, and with it everybody who asked.
    ended: bool,
}

#[derive(Debug)]
struct Handled {
    id: Id,
    given_up: bool,
    waker: Option<Waker>,
}

impl Running {
    /// A request came; false when the other side had no right to send it.
    pub(super) fn begin(&mut self, id: Id) -> bool {
        let place = id.place();
        if place >= AT_ONCE {
            return false;
        }
        if self.places.len() <= place {
            self.places.resize_with(place + 1, || None);
        }
        let slot = &mut self.places[place];
        let is_free = slot.is_none();
        if is_free {
            *slot = Some(Handled { id, given_up: self.ended, waker: None });
        }
        is_free
    }

    /// It is answered, or is about to be.
    pub(super) fn finish(&mut self, id: Id) {
        if self.find(id).is_some() {
            self.places[id.place()] = None;
        }
    }

    /// Whoever asked gave it up; the result is to be woken. One that is answered already is not
    /// hurt.
    pub(super) fn give_up(&mut self, id: Id) -> Option<Waker> {
        let handled = self.find(id)?;
        handled.given_up = true;
        handled.waker.take()
    }

    pub(super) fn is_given_up(&mut self, id: Id) -> bool {
        self.find(id).is_none_or(|handled| handled.given_up)
    }

    /// Ready when whoever asked gave it up; wakes one task, the last that asked.
    pub(super) fn poll_given_up(&mut self, id: Id, cx: &mut Context<'_>) -> Poll<()> {
        match self.find(id) {
            Some(handled) if !handled.given_up => {
                handled.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    /// The other node is gone; all who wait to hear that are to be woken.
    pub(super) fn end(&mut self) -> Vec<Waker> {
        self.ended = true;
        let handled = self.places.iter_mut().flatten();
        let wakers = handled.filter_map(|handled| {
            handled.given_up = true;
            handled.waker.take()
        });
        wakers.collect()
    }

    fn find(&mut self, id: Id) -> Option<&mut Handled> {
        self.places.get_mut(id.place())?.as_mut().filter(|handled| handled.id == id)
    }
}
