//! Bytes that all nodes read in the same memory: [`Nodes::share`].
//!
//! A node asks supervision for a name, and is given the bytes, or its turn to make them. It never
//! makes what another node makes, and keeps what it was given for the rest of its life.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::sync::oneshot;

use super::Nodes;
use super::control::Control;
use crate::link::control::ToMaster;
use crate::report;
use crate::sys::sealed;
use crate::sys::shared::SharedMemory;

#[cfg(test)]
mod tests;

/// The most bytes that a name may have.
const MAX_NAME: usize = 255;

/// Bytes that every node of the program reads in the same memory: what [`Nodes::share`] returns.
///
/// Nobody can change them. Cheap to clone; the memory is there for as long as the program runs.
#[derive(Clone)]
pub struct SharedBytes(Arc<SharedMemory>);

impl Deref for SharedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for SharedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedBytes").field("len", &self.len()).finish()
    }
}

/// Why [`Nodes::share`] has no bytes.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ShareError {
    /// It was this node's turn to make them, and that failed.
    #[error("the shared bytes could not be made: {0}")]
    Make(#[source] io::Error),
    /// They are there, and this process has no room for them.
    #[error("the shared bytes could not be mapped: {0}")]
    Map(Arc<io::Error>),
    /// The program has 1,024 names already, or the master no fd left.
    #[error("the master keeps no more shared bytes")]
    Full,
    /// The master is gone.
    #[error("the program is over")]
    Over,
}

impl Nodes {
    /// The bytes of this name, in memory that all nodes share: made once, by the node that asks
    /// first, and mapped by every other, its successors and those of a reload included.
    ///
    /// `make` runs on a thread of its own, in at most one node at a time; should it fail, or its
    /// node end, the next node that waits makes them. They are copied once, into a sealed memfd.
    /// What has a name never changes: a new version of a program that needs other bytes gives them
    /// another name, and the old ones stay until the program ends.
    ///
    /// ```no_run
    /// use multi_node::Nodes;
    ///
    /// #[multi_node::main(port = 8080, nodes = 4)]
    /// async fn main(nodes: Nodes) -> Result<(), Box<dyn std::error::Error>> {
    ///     let model = nodes.share("model-7", || std::fs::read("model-7.bin")).await?;
    ///     println!("{} bytes, once for all nodes", model.len());
    ///     nodes.shutdown().await;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// Cancel-safe: dropped before it is done, it leaves the making to whoever else waits.
    ///
    /// # Errors
    /// [`ShareError::Make`] when `make` fails or panics here; as [`ShareError`] says.
    ///
    /// # Panics
    /// When the name is longer than 255 bytes; outside a tokio runtime.
    pub async fn share<F, B>(&self, name: &str, make: F) -> Result<SharedBytes, ShareError>
    where
        F: FnOnce() -> io::Result<B> + Send + 'static,
        B: AsRef<[u8]>,
    {
        assert!(name.len() <= MAX_NAME, "the name {name:?} is longer than {MAX_NAME} bytes");
        self.0.shares.share(name, make).await
    }
}

/// The shared bytes of this node, those that it waits for included.
#[derive(Debug)]
pub(super) struct Shares {
    control: Arc<Control>,
    names: Mutex<Names>,
}

#[derive(Debug, Default)]
struct Names {
    shares: HashMap<String, Share>,
    /// The master is gone.
    ended: bool,
}

#[derive(Debug)]
enum Share {
    There(SharedBytes),
    Awaited(VecDeque<oneshot::Sender<Verdict>>),
}

/// What whoever waits for a name is told.
#[derive(Debug)]
enum Verdict {
    Given(SharedBytes),
    Make(Turn),
    Unmapped(Arc<io::Error>),
    Refused,
}

impl Shares {
    pub(super) fn new(control: Arc<Control>) -> Arc<Shares> {
        Arc::new(Shares { control, names: Mutex::default() })
    }

    async fn share<F, B>(self: &Arc<Self>, name: &str, make: F) -> Result<SharedBytes, ShareError>
    where
        F: FnOnce() -> io::Result<B> + Send + 'static,
        B: AsRef<[u8]>,
    {
        match self.ask(name).await? {
            Verdict::Make(turn) => {
                let made = tokio::task::spawn_blocking(|| {
                    make().and_then(|bytes| sealed::seal(c"multi-node shared", bytes.as_ref()))
                });
                let made = made.await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
                let given = turn.made(&made.map_err(ShareError::Make)?);
                given.await.map_or(Err(ShareError::Over), Verdict::bytes)
            }
            verdict => verdict.bytes(),
        }
    }

    /// Waits for the bytes of a name, or for the turn to make them.
    async fn ask(&self, name: &str) -> Result<Verdict, ShareError> {
        let (tell, told) = oneshot::channel();
        {
            let mut names = self.names();
            if names.ended {
                return Err(ShareError::Over);
            }
            match names.shares.get_mut(name) {
                Some(Share::There(bytes)) => return Ok(Verdict::Given(bytes.clone())),
                Some(Share::Awaited(waiting)) => waiting.push_back(tell),
                None => {
                    names.shares.insert(name.to_owned(), Share::Awaited(VecDeque::from([tell])));
                    self.control.say(&ToMaster::Share { name: name.to_owned() });
                }
            }
        }
        told.await.map_err(|_| ShareError::Over)
    }

    /// It is this node's turn to make what has that name: that of whoever has waited longest here.
    pub(super) fn make(self: &Arc<Self>, name: String) {
        while let Some(first) = self.first(&name) {
            let turn = Turn { shares: Arc::clone(self), name: name.clone(), taken: true };
            match first.send(Verdict::Make(turn)) {
                Ok(()) => return,
                Err(Verdict::Make(mut turn)) => turn.taken = false,
                Err(_) => {}
            }
        }
    }

    /// Takes off who has waited longest for a name. Without one, nobody here wants it any more, and
    /// the master is told so before anybody can ask again.
    fn first(&self, name: &str) -> Option<oneshot::Sender<Verdict>> {
        let mut names = self.names();
        let Some(Share::Awaited(waiting)) = names.shares.get_mut(name) else { return None };
        let first = waiting.pop_front();
        if first.is_none() {
            names.shares.remove(name);
            self.control.say(&ToMaster::NotMade { name: name.to_owned() });
        }
        first
    }

    /// The bytes of a name came.
    pub(super) fn came(&self, name: &str, memfd: Option<OwnedFd>) {
        let mapped = memfd.ok_or_else(|| io::ErrorKind::InvalidData.into());
        match mapped.and_then(SharedMemory::map) {
            Ok(memory) => {
                let bytes = SharedBytes(Arc::new(memory));
                let there = Share::There(bytes.clone());
                let before = self.names().shares.insert(name.to_owned(), there);
                tell(before, || Verdict::Given(bytes.clone()));
            }
            Err(error) => {
                report::error!("the shared bytes {name:?} could not be mapped: {error}");
                let error = Arc::new(error);
                let before = self.names().shares.remove(name);
                tell(before, || Verdict::Unmapped(Arc::clone(&error)));
            }
        }
    }

    /// The master keeps no more.
    pub(super) fn refused(&self, name: &str) {
        let before = self.names().shares.remove(name);
        tell(before, || Verdict::Refused);
    }

    /// The master is gone: nothing comes any more.
    pub(super) fn end(&self) {
        let mut names = self.names();
        names.ended = true;
        names.shares.retain(|_, share| matches!(share, Share::There(_)));
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells all who waited; one that gave up needs no telling.
fn tell(share: Option<Share>, verdict: impl Fn() -> Verdict) {
    if let Some(Share::Awaited(waiting)) = share {
        for one in waiting {
            let _ = one.send(verdict());
        }
    }
}

impl Verdict {
    fn bytes(self) -> Result<SharedBytes, ShareError> {
        match self {
            Verdict::Given(bytes) => Ok(bytes),
            Verdict::Unmapped(error) => Err(ShareError::Map(error)),
            Verdict::Refused => Err(ShareError::Full),
            // The master gives the bytes to whom it let make them.
            Verdict::Make(_) => Err(ShareError::Over),
        }
    }
}

/// The turn to make what has a name: passed on when it is dropped before that is done.
#[derive(Debug)]
struct Turn {
    shares: Arc<Shares>,
    name: String,
    taken: bool,
}

impl Turn {
    /// Hands the bytes over; they come back as to everybody else.
    fn made(mut self, memfd: &OwnedFd) -> oneshot::Receiver<Verdict> {
        self.taken = false;
        let (tell, told) = oneshot::channel();
        if let Some(Share::Awaited(waiting)) = self.shares.names().shares.get_mut(&self.name) {
            waiting.push_front(tell);
        }
        let made = ToMaster::Made { name: self.name.clone() };
        self.shares.control.give(&made, &[memfd.as_fd()]);
        told
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.taken {
            self.shares.make(std::mem::take(&mut self.name));
        }
    }
}
