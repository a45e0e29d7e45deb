//! What to do, decided apart from doing it.
//!
//! Everything here is told what happened and when, and says what is to be done next. Nothing here
//! has a clock, makes a system call, waits, draws random numbers (a seed comes in from outside) or
//! does any other I/O: the same events at the same times always give the same answers, so all of
//! it is tested in simulated time.

pub(crate) mod handout;
pub(crate) mod health;
mod jitter;
pub(crate) mod membership;
pub(crate) mod mesh;
pub(crate) mod news;
pub(crate) mod place;
pub(crate) mod sharing;
pub(crate) mod status;
pub(crate) mod supervisor;
pub(crate) mod wish;

/// Time since supervision began.
pub(crate) type Time = std::time::Duration;
