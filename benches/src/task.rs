//! What the messaging programs are to do, and how they say what came of it.

use std::time::Duration;

use crate::Packet;

/// Which of the two measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As many messages as possible, one way.
    Rate,
    /// One message there and back, again and again.
    Trip,
}

/// One measurement, from the arguments `<rate|trip> <size> <ms>`.
#[derive(Debug, Clone)]
pub struct Task {
    /// Which measurement.
    pub kind: Kind,
    /// How long it lasts.
    pub length: Duration,
    text: String,
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
            let kind = match kind.as_str() {
                "rate" => Kind::Rate,
                "trip" => Kind::Trip,
                _ => return None,
            };
            Some(Self {
                kind,
                length: Duration::from_millis(millis.parse().ok()?),
                text: "x".repeat(size.parse().ok()?),
            })
        };
        parsed(arguments).ok_or_else(|| format!("{arguments:?}: expected <rate|trip> <size> <ms>"))
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

/// Says what came of [`Kind::Rate`]: the messages received in that time, and the CPU time that
/// both ends spent, in nanoseconds.
pub fn say_rate(messages: u64, elapsed: Duration, cpu_nanos: u64) {
    let elapsed = elapsed.as_nanos();
    println!("done messages={messages} elapsed={elapsed} cpu={cpu_nanos}");
}

/// Says what came of [`Kind::Trip`].
pub fn say_trips(mut trips: Vec<Duration>) {
    trips.sort_unstable();
    let middle = trips.get(trips.len() / 2).map_or(0, Duration::as_nanos);
    println!("done trips={} p50={middle}", trips.len());
}
