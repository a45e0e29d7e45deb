//! The HTTP answer that every server written in Rust gives, whatever serves it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::str::FromStr;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response};

/// The plain text that a trivial handler answers.
pub const GREETING: &str = "Hello, World!";

/// What a server answers to every request.
///
/// As an argument: `greet`, `pid` or `compute:<iterations>`.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// [`GREETING`], at once.
    Greet,
    /// The process id of the node that answers.
    Pid,
    /// [`GREETING`], after so many iterations of [`compute`].
    Compute(u64),
}

impl FromStr for Answer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let iterations = text.strip_prefix("compute:").map(str::parse);
        match (text, iterations) {
            ("greet", _) => Ok(Self::Greet),
            ("pid", _) => Ok(Self::Pid),
            (_, Some(Ok(iterations))) => Ok(Self::Compute(iterations)),
            _ => Err(format!("answer `{text}`: expected `greet`, `pid` or `compute:<iterations>`")),
        }
    }
}

impl Answer {
    /// The body of one answer, the work that it takes included.
    #[must_use]
    pub fn body(self) -> Bytes {
        match self {
            Self::Greet => Bytes::from_static(GREETING.as_bytes()),
            Self::Pid => Bytes::from(std::process::id().to_string()),
            Self::Compute(iterations) => {
                black_box(compute(iterations));
                Bytes::from_static(GREETING.as_bytes())
            }
        }
    }

    /// The whole answer: the body and its content type.
    #[must_use]
    pub fn response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        response
    }
}

/// A fixed amount of work, the same for every server: the clock would count time in which the
/// process did not run.
#[must_use]
pub fn compute(iterations: u64) -> u64 {
    (0..iterations).fold(0x9E37_79B9_7F4A_7C15, |state, round| {
        black_box((state ^ round).wrapping_mul(0xBF58_476D_1CE4_E5B9))
    })
}

/// The tower service around an [`Answer`].
#[derive(Debug, Clone, Copy)]
pub struct Site(pub Answer);

impl<B> tower_service::Service<Request<B>> for Site {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(self.0.response()))
    }
}
