//! One request through a tower service, as hyper asks for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use hyper::{Request, Response};
use tower_service::Service;

use super::close::Closable;
use super::wire::Open;

/// The user's service on one connection.
pub(super) struct App<S> {
    service: S,
    open: Arc<Open>,
}

impl<S> App<S> {
    pub(super) fn new(service: S, open: Arc<Open>) -> Self {
        App { service, open }
    }
}

impl<S, A, B> hyper::service::Service<Request<A>> for App<S>
where
    A: Body,
    S: Service<Request<A>, Response = Response<B>> + Clone,
{
    type Response = Response<Answered<B>>;
    type Error = S::Error;
    type Future = Answer<S, Request<A>>;

    fn call(&self, request: Request<A>) -> Self::Future {
        self.open.request();
        Answer {
            closable: Closable::of(&request),
            ending: Some(Ending {
                open: self.open.clone(),
                request_had_body: !request.body().is_end_stream(),
            }),
            step: Step::Waiting { service: self.service.clone(), request: Some(request) },
        }
    }
}

pin_project_lite::pin_project! {
    /// A response in the making.
    pub(super) struct Answer<S, R>
    where
        S: Service<R>,
    {
        closable: Closable,
        // There until the response is.
        ending: Option<Ending>,
        #[pin]
        step: Step<S, R, S::Future>,
    }
}

pin_project_lite::pin_project! {
    #[project = StepProjection]
    enum Step<S, R, F> {
        // The service is not ready yet; the request is there until it is.
        Waiting { service: S, request: Option<R> },
        Called { #[pin] response: F },
    }
}

impl<S, A, B> Future for Answer<S, Request<A>>
where
    S: Service<Request<A>, Response = Response<B>>,
{
    type Output = Result<Response<Answered<B>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let response = match this.step.as_mut().project() {
                StepProjection::Waiting { service, request } => {
                    ready!(service.poll_ready(cx))?;
                    let request = request.take().expect("the step changes with the request");
                    service.call(request)
                }
                StepProjection::Called { response } => {
                    let mut response = ready!(response.poll(cx))?;
                    let ending = this.ending.take().expect("not polled again");
                    if ending.open.server.drain.draining.is_passed()
                        && this.closable.close(&mut response)
                    {
                        ending.open.tell_to_close();
                    }
                    return Poll::Ready(Ok(response.map(|inner| Answered { inner, ending })));
                }
            };
            this.step.set(Step::Called { response });
        }
    }
}

pin_project_lite::pin_project! {
    /// The user's body; hyper drops it when it has taken all of it.
    pub(super) struct Answered<B> {
        #[pin]
        inner: B,
        ending: Ending,
    }
}

impl<B: Body> Body for Answered<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().inner.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Marks the end of a response when dropped.
struct Ending {
    open: Arc<Open>,
    request_had_body: bool,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.open.response(self.request_had_body);
    }
}
