//! What a handler of requests holds besides the request.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use super::error::ReplyError;
use super::intake::Admitted;
use super::line::Line;
use super::waiting::Id;
use super::word::Word;
use crate::config::NodeId;
use crate::link::message::Request;
use crate::node::exchange::Line as _;

/// Whoever asked: reply to it, or learn that it gave up.
///
/// Dropped without a reply, also by a panic, it tells the other side, whose `request` then returns
/// [`RequestError::NoReply`](crate::RequestError::NoReply). It may be kept, and used from any
/// task: a request may be replied to later than the one that came after it.
///
/// ```
/// use multi_node::{Asker, Message};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Message)]
/// #[message(reply = Found)]
/// struct Find(String);
///
/// #[derive(Serialize, Deserialize, Message)]
/// struct Found(Vec<u64>);
///
/// async fn find(Find(word): Find, mut asker: Asker<Find>) {
///     tokio::select! {
///         found = search(&word) => {
///             // An error says that nobody waits for the reply any more.
///             let _ = asker.reply(&found).await;
///         }
///         () = asker.given_up() => println!("node {} does not wait", asker.id()),
///     }
/// }
/// # async fn search(_: &str) -> Found { Found(Vec::new()) }
/// # let _ = find;
/// ```
pub struct Asker<Q: Request> {
    line: Arc<Line<Q>>,
    id: Id,
    replied: bool,
    _admitted: Admitted,
}

impl<Q: Request> Asker<Q> {
    pub(super) fn new(line: Arc<Line<Q>>, id: Id, admitted: Admitted) -> Self {
        Asker { line, id, replied: false, _admitted: admitted }
    }

    /// The node that asked.
    pub fn id(&self) -> NodeId {
        self.line.node()
    }

    /// Replies, after waiting for room in the window if there is none.
    ///
    /// Dropped before it is done, it sent the whole reply or none, and the other side is told.
    ///
    /// # Errors
    /// [`ReplyError::GivenUp`] when nobody waits for it any more; when it is too large, or its
    /// `Serialize` fails, the other side gets `NoReply`.
    pub async fn reply(mut self, reply: &Q::Reply) -> Result<(), ReplyError> {
        if self.has_given_up() {
            return Err(ReplyError::GivenUp);
        }
        self.line.reply(self.id, reply).await?;
        self.replied = true;
        Ok(())
    }

    /// Whether nobody waits for the reply any more.
    pub fn has_given_up(&self) -> bool {
        self.line.is_given_up(self.id)
    }

    /// Waits until nobody waits for the reply any more: its future was dropped, its time was up, or
    /// its node has ended.
    ///
    /// Cancel-safe.
    pub async fn given_up(&mut self) {
        poll_fn(|cx| self.line.poll_given_up(self.id, cx)).await;
    }
}

impl<Q: Request> Drop for Asker<Q> {
    fn drop(&mut self) {
        if !self.replied {
            self.line.refuse(self.id, Word::Nothing { id: self.id });
        }
    }
}

impl<Q: Request> fmt::Debug for Asker<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").field("id", &self.id()).finish_non_exhaustive()
    }
}
