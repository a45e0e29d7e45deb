//! What the messaging programs are to do, and how they say what came of it.

use std::time::Duration;

use crate::Packet;

/// Which of the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As many messages as possible, one way.
    Rate,
    /// One message there and back, again and again.
    Trip,
    /// 64 messages on their way there and back at any time.
    Pipeline,
    /// One message there and back, and then nothing for 2 ms.
    Lone,
    /// Every node sends to all others.
    AllToAll,
    /// The lead alone sends to all others.
    OneToAll,
}

/// How many messages are on their way in [`Kind::Pipeline`].
pub const WINDOW: usize = 64;

/// How long nothing happens between two messages of [`Kind::Lone`].
pub(crate) const PAUSE: Duration = Duration::from_millis(2);

/// One measurement, from the arguments `<kind> <size> <ms>`.
#[derive(Debug, Clone)]
pub struct Task {
    /// Which measurement.
    pub kind: Kind,
    /// How long it lasts.
    pub length: Duration,
    text: String,
}

impl Kind {
    /// As an argument.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Trip => "trip",
            Self::Pipeline => "pipeline",
            Self::Lone => "lone",
            Self::AllToAll => "all",
            Self::OneToAll => "one",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        use Kind::{AllToAll, Lone, OneToAll, Pipeline, Rate, Trip};
        let kinds = [Rate, Trip, Pipeline, Lone, AllToAll, OneToAll];
        kinds.into_iter().find(|kind| kind.word() == word)
    }
}

impl Task {
    /// Reads a task from the first three arguments.
    ///
    /// # Errors
    ///
    /// Says what was expected when they are not a task.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let parsed = |arguments: &[String]| {
            let [kind, size, millis, ..] = arguments else {
                return None;
            };
            Some(Self {
                kind: Kind::parse(kind)?,
                length: Duration::from_millis(millis.parse().ok()?),
                text: "x".repeat(size.parse().ok()?),
            })
        };
        parsed(arguments).ok_or_else(|| {
            format!("{arguments:?}: expected <rate|trip|pipeline|lone|all|one> <size> <ms>")
        })
    }

    /// Bytes of a message's text.
    #[must_use]
    pub fn size(&self) -> usize {
        self.text.len()
    }

    /// A message of the task's size that is to be sent back.
    #[must_use]
    pub fn ping(&self) -> Packet {
        Packet::Ping { text: self.text.clone() }
    }

    /// One of many messages of the task's size.
    #[must_use]
    pub fn data(&self, sequence: u64) -> Packet {
        Packet::Data { sequence, text: self.text.clone() }
    }

    /// How many messages to send between two looks at the clock, which costs as much as a small
    /// message.
    #[must_use]
    pub fn batch(&self) -> usize {
        (64 * 1024 / self.text.len().max(1)).clamp(1, 256)
    }
}

/// Says how many messages were received in that time, and what CPU time all spent on them, in
/// nanoseconds.
pub fn say_rate(messages: u64, elapsed: Duration, cpu_nanos: u64) {
    let elapsed = elapsed.as_nanos();
    println!("done messages={messages} elapsed={elapsed} cpu={cpu_nanos}");
}

/// Says how long the trips took, and what CPU time both ends spent on them, in nanoseconds.
pub fn say_trips(mut trips: Vec<Duration>, cpu_nanos: u64) {
    trips.sort_unstable();
    let middle = trips.get(trips.len() / 2).map_or(0, Duration::as_nanos);
    println!("done trips={} p50={middle} cpu={cpu_nanos}", trips.len());
}
