//! One request, from whoever asks: its place is given back, and the other side told, however it
//! ends.

use std::future::poll_fn;
use std::sync::Arc;

use super::error::RequestError;
use super::line::Line;
use super::waiting::{Answer, Id};
use crate::link::error::CloseReason;
use crate::link::message::Request;
use crate::node::exchange::Line as _;

/// Asks and waits for the answer, for as long as that takes.
pub(super) async fn call<Q: Request>(
    line: &Arc<Line<Q>>,
    request: &Q,
) -> Result<Q::Reply, RequestError> {
    let closed = |reason: CloseReason| RequestError::Closed { reason };
    let id = line.begin().await.map_err(closed)?;
    let mut call = Call { line, id, outstanding: false };
    line.ask(id, request, &mut call.outstanding).await?;
    let answer = poll_fn(|cx| line.poll_answer(id, cx)).await;
    call.outstanding = false;
    match answer.map_err(closed)? {
        Answer::Reply(reply) => Ok(reply),
        Answer::Nothing => Err(RequestError::NoReply),
        Answer::NotServed => Err(RequestError::NotOpen { node: line.node() }),
    }
}

struct Call<'a, Q: Request> {
    line: &'a Arc<Line<Q>>,
    id: Id,
    /// It was sent, and no answer has been taken.
    outstanding: bool,
}

impl<Q: Request> Drop for Call<'_, Q> {
    fn drop(&mut self) {
        self.line.leave(self.id, self.outstanding);
    }
}
