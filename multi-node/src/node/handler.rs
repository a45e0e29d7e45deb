//! Runs a handler of the user's and survives its panic.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use crate::config::NodeId;
use crate::report;

/// The handler panicked; it is in the log.
#[derive(Debug)]
pub(super) struct Panicked;

/// Runs a handler to its end. It is called here, and only its future is kept: who spawns this
/// spawns something small, whatever the handler does.
pub(super) async fn run<F: Future<Output = ()> + Send>(
    node: NodeId,
    what: &'static str,
    handler: impl FnOnce() -> F + Send,
) -> Result<(), Panicked> {
    let outcome = match catch_unwind(AssertUnwindSafe(|| Box::pin(handler()))) {
        Ok(mut running) => {
            // A future that panicked is dropped and never polled again, so nobody sees it half
            // done.
            let poll = |cx: &mut Context<'_>| match catch_unwind(AssertUnwindSafe(|| {
                running.as_mut().poll(cx)
            })) {
                Ok(poll) => poll.map(Ok),
                Err(panic) => Poll::Ready(Err(panic)),
            };
            poll_fn(poll).await
        }
        Err(panic) => Err(panic),
    };
    outcome.map_err(|panic| {
        let said = said(&*panic);
        report::error!("the {what} handler for node {node} panicked: {said}");
        Panicked
    })
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}
