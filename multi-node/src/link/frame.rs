//! The frames that a link's bytes are cut into, without any I/O.
//!
//! A frame is a header of eight bytes and a payload:
//!
//! ```text
//! 0        4          6       7          8
//! | length | channel  | kind  | reserved | payload …
//! | u32 LE | u16 LE   | u8    | 0        | length bytes
//! ```
//!
//! `channel` is the receiver's number for the channel (in an `Open`, the sender's own). This
//! module knows what a well-formed frame is and how large one may be; what a frame means is for
//! `link`, and it allocates nothing.

use thiserror::Error;

use super::ring::Rubbish;

/// Bytes of a header.
pub(crate) const HEADER: usize = 8;

/// The most bytes the payload of a frame that is no message may have.
pub(crate) const MAX_CONTROL: usize = 1024;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The first frame of each side: who it is.
    Hello = 1,
    /// The sender has asked for a message type and gives it this number.
    Open = 2,
    /// One message.
    Data = 3,
    /// The receiver of messages has consumed this many bytes of frames.
    Credit = 4,
    /// The sender of messages waits: what was consumed is to be credited without delay.
    Starved = 5,
    /// The sender receives no more on this channel, and why.
    Close = 6,
    /// A ring that the sender would write to from now on; its three fds travel with it.
    Ring = 7,
    /// Whether the receiver of a `Ring` can read it.
    RingTaken = 8,
    /// What follows comes the other way: through the ring, or through the socket again.
    Switch = 9,
    /// The fds of the next `DataWithFds`. It goes through the socket, since fds cannot go another
    /// way, before that frame goes whichever way bytes go.
    Fds = 10,
    /// One message, and the fds that came before.
    DataWithFds = 11,
}

impl Kind {
    fn of(byte: u8) -> Option<Kind> {
        use Kind::{Close, Credit, Data, DataWithFds, Fds, Hello, Open, Ring, RingTaken};
        use Kind::{Starved, Switch};
        [Hello, Open, Data, Credit, Starved, Close, Ring, RingTaken, Switch, Fds, DataWithFds]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// Bytes that are no frames: the link cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Broken {
    #[error("a frame of the unknown kind {0}")]
    Kind(u8),
    #[error("a header whose reserved byte is {0}, not 0")]
    Reserved(u8),
    #[error("a frame of {len} bytes where {max} are allowed")]
    TooLong { len: usize, max: usize },
    #[error("a frame for channel {0}, which is not open")]
    Channel(u16),
    #[error("a {0:?} frame that cannot be read")]
    Payload(Kind),
    #[error("a {0:?} frame out of turn")]
    Turn(Kind),
    #[error("node {found} where node {expected} was expected")]
    Node { found: u64, expected: u64 },
    #[error(transparent)]
    Ring(#[from] Rubbish),
    #[error("other fds than it said")]
    Fds,
    #[error("something through the socket while it uses a ring")]
    Way,
    #[error("link protocol {found}, this node speaks {expected}")]
    Protocol { found: u16, expected: u16 },
}

/// What [`scan`] found at the start of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// `len` bytes of whole `Data` frames of one channel, one or more.
    Run { channel: u16, len: usize },
    /// One whole `DataWithFds` frame.
    WithFds { channel: u16, len: usize },
    /// One whole frame of another kind.
    Control { kind: Kind, channel: u16, len: usize },
    /// Less than a frame, which takes `need` bytes as far as can be told yet.
    Partial { need: usize },
}

/// The header of a frame whose payload has `len` bytes.
pub(crate) fn header(len: u32, channel: u16, kind: Kind) -> [u8; HEADER] {
    (u64::from(len) | u64::from(tag(channel, kind)) << 32).to_le_bytes()
}

/// The second half of a header: equal for all `Data` frames of one channel.
fn tag(channel: u16, kind: Kind) -> u32 {
    u32::from(channel) | (kind as u32) << 16
}

/// Appends a frame whose payload `encode` appends, or leaves the buffer as it was.
pub(crate) fn append<E>(
    buffer: &mut Vec<u8>,
    channel: u16,
    kind: Kind,
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let draft = Draft::new(buffer);
    encode(draft.buffer)?;
    draft.seal(channel, kind);
    Ok(())
}

/// The payload of the frame at the start of `bytes`, which [`scan`] has seen to be whole.
#[inline]
pub(crate) fn payload(bytes: &[u8]) -> &[u8] {
    let len = bytes.first_chunk::<4>().map_or(0, |len| u32::from_le_bytes(*len) as usize);
    bytes.get(HEADER..HEADER + len).unwrap_or_default()
}

/// Bytes of the frame at the start of `bytes`, header included; as [`payload`].
#[inline]
pub(crate) fn size(bytes: &[u8]) -> usize {
    HEADER + payload(bytes).len()
}

/// The sizes of whole frames that follow each other.
pub(crate) fn sizes(mut frames: &[u8]) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let size = (!frames.is_empty()).then(|| size(frames))?;
        frames = frames.get(size..).unwrap_or_default();
        Some(size)
    })
}

/// Finds what `bytes` start with; `cap` says how large the messages of a channel may be, and
/// nothing for one that is not open.
///
/// # Errors
/// As soon as a header shows that it is none, or that its frame is too large; never later.
pub(crate) fn scan(bytes: &[u8], cap: impl FnOnce(u16) -> Option<usize>) -> Result<Found, Broken> {
    let Some((len, tag)) = read_header(bytes) else {
        return Ok(Found::Partial { need: HEADER });
    };
    let (channel, kind) = check_tag(tag)?;
    let max = match kind {
        Kind::Data | Kind::DataWithFds => cap(channel).ok_or(Broken::Channel(channel))?,
        _ => MAX_CONTROL,
    };
    let total = check_len(len, max)?;
    if total > bytes.len() {
        return Ok(Found::Partial { need: total });
    }
    match kind {
        Kind::Data => Ok(Found::Run { channel, len: total + run(&bytes[total..], tag, max) }),
        Kind::DataWithFds => Ok(Found::WithFds { channel, len: total }),
        _ => Ok(Found::Control { kind, channel, len: total }),
    }
}

/// How many bytes of whole frames with this tag follow. A header that is wrong ends the run, and
/// is found again at the start of the next scan.
fn run(bytes: &[u8], tag: u32, max: usize) -> usize {
    let mut at = 0;
    while let Some((len, next)) = read_header(&bytes[at..]) {
        let total = HEADER + len as usize;
        if next != tag || len as usize > max || total > bytes.len() - at {
            break;
        }
        at += total;
    }
    at
}

fn read_header(bytes: &[u8]) -> Option<(u32, u32)> {
    let word = u64::from_le_bytes(*bytes.first_chunk::<HEADER>()?);
    Some((word as u32, (word >> 32) as u32))
}

fn check_tag(tag: u32) -> Result<(u16, Kind), Broken> {
    let [low, high, kind, reserved] = tag.to_le_bytes();
    if reserved != 0 {
        return Err(Broken::Reserved(reserved));
    }
    let kind = Kind::of(kind).ok_or(Broken::Kind(kind))?;
    Ok((u16::from_le_bytes([low, high]), kind))
}

fn check_len(len: u32, max: usize) -> Result<usize, Broken> {
    let len = len as usize;
    if len > max { Err(Broken::TooLong { len, max }) } else { Ok(HEADER + len) }
}

/// A frame in the making: unless it is sealed the buffer ends where it did, whatever user code
/// that encodes does, a panic included.
pub(crate) struct Draft<'a> {
    pub(crate) buffer: &'a mut Vec<u8>,
    start: usize,
    sealed: bool,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(buffer: &'a mut Vec<u8>) -> Self {
        let start = buffer.len();
        buffer.extend_from_slice(&[0; HEADER]);
        Draft { buffer, start, sealed: false }
    }

    /// Bytes of the frame so far, header included.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len() - self.start
    }

    pub(crate) fn seal(mut self, channel: u16, kind: Kind) {
        // The caps on frames keep a payload far below 4 GiB.
        let header = header((self.len() - HEADER) as u32, channel, kind);
        self.buffer[self.start..self.start + HEADER].copy_from_slice(&header);
        self.sealed = true;
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.sealed {
            self.buffer.truncate(self.start);
        }
    }
}

#[cfg(test)]
mod tests;
