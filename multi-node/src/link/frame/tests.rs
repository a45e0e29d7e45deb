use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const CAP: usize = 300;

/// Even channels below 8 are open.
fn cap(channel: u16) -> Option<usize> {
    (channel < 8 && channel.is_multiple_of(2)).then_some(CAP)
}

/// Cuts bytes that come in these pieces into frames: header and payload of each, in order.
fn cut(pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, Broken> {
    let (mut frames, mut buffer) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let mut len = match scan(&buffer, cap)? {
                Found::Run { len, .. }
                | Found::WithFds { len, .. }
                | Found::Control { len, .. } => len,
                Found::Partial { need } => {
                    assert!(need > buffer.len() && need <= HEADER + MAX_CONTROL);
                    break;
                }
            };
            while len > 0 {
                let frame = HEADER + payload(&buffer).len();
                frames.push(buffer.drain(..frame).collect());
                len -= frame;
            }
        }
    }
    Ok(frames)
}

fn one(kind: Kind, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(payload.len() as u32, channel, kind).to_vec();
    bytes.extend_from_slice(payload);
    bytes
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop_oneof![
        6 => Just(Kind::Data),
        1 => Just(Kind::DataWithFds),
        1 => Just(Kind::Hello),
        1 => Just(Kind::Open),
        1 => Just(Kind::Credit),
        1 => Just(Kind::Starved),
        1 => Just(Kind::Close),
    ];
    (kinds, 0..4u16, vec(any::<u8>(), 0..CAP))
        .prop_map(|(kind, half, payload)| one(kind, half * 2, &payload))
}

/// `bytes` in pieces that end at these places.
fn split<'a>(bytes: &'a [u8], ends: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = ends.iter().map(|end| end.index(bytes.len() + 1)).collect();
    ends.sort_unstable();
    let mut start = 0;
    let mut pieces = Vec::new();
    for end in ends.into_iter().chain([bytes.len()]) {
        pieces.push(&bytes[start..end]);
        start = end;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frames_are_found_again_wherever_their_bytes_are_split(
        frames in vec(any_frame(), 0..20),
        ends in vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let bytes = frames.concat();
        prop_assert_eq!(cut(&split(&bytes, &ends)), Ok(frames));
    }

    #[test]
    fn any_bytes_are_cut_the_same_wherever_they_are_split(
        bytes in vec(prop_oneof![3 => 0..9u8, 1 => any::<u8>()], 0..400),
        ends in vec(any::<prop::sample::Index>(), 0..20),
    ) {
        prop_assert_eq!(cut(&split(&bytes, &ends)), cut(&[&bytes]));
    }
}

#[test]
fn a_header_is_these_eight_bytes() {
    use Kind::{Close, Credit, Data, DataWithFds, Fds, Hello, Open, Ring, RingTaken};
    use Kind::{Starved, Switch};
    assert_eq!(header(0x0102_0304, 0x0506, Close), [4, 3, 2, 1, 6, 5, 6, 0]);
    let kinds =
        [Hello, Open, Data, Credit, Starved, Close, Ring, RingTaken, Switch, Fds, DataWithFds];
    assert_eq!(kinds.map(|kind| kind as u8), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
}

#[test]
fn a_frame_that_is_too_long_is_refused_by_its_header_alone() {
    let header = header(CAP as u32 + 1, 0, Kind::Data);
    assert_eq!(scan(&header, cap), Err(Broken::TooLong { len: CAP + 1, max: CAP }));
    let header = super::header(u32::MAX, 0, Kind::Credit);
    assert_eq!(
        scan(&header, cap),
        Err(Broken::TooLong { len: u32::MAX as usize, max: MAX_CONTROL })
    );
}

#[test]
fn headers_that_are_none_are_refused_with_what_is_wrong() {
    assert_eq!(scan(&[0, 0, 0, 0, 0, 0, 12, 0], cap), Err(Broken::Kind(12)));
    assert_eq!(scan(&[0, 0, 0, 0, 0, 0, 3, 1], cap), Err(Broken::Reserved(1)));
    assert_eq!(scan(&header(0, 3, Kind::Data), cap), Err(Broken::Channel(3)));
    assert_eq!(scan(&header(0, 3, Kind::DataWithFds), cap), Err(Broken::Channel(3)));
}

#[test]
fn frames_of_one_channel_are_one_run_up_to_the_first_of_another() {
    let bytes =
        [one(Kind::Data, 2, b"ab"), one(Kind::Data, 2, b""), one(Kind::Data, 4, b"c")].concat();
    assert_eq!(scan(&bytes, cap), Ok(Found::Run { channel: 2, len: 18 }));
    assert_eq!(payload(&bytes), b"ab");
}

#[test]
fn a_message_with_fds_is_found_alone() {
    let with_fds = one(Kind::DataWithFds, 2, b"ab");
    let bytes = [&one(Kind::Data, 2, b"c")[..], &with_fds, &with_fds].concat();
    assert_eq!(scan(&bytes, cap), Ok(Found::Run { channel: 2, len: 9 }));
    assert_eq!(scan(&bytes[9..], cap), Ok(Found::WithFds { channel: 2, len: 10 }));
}

#[test]
fn a_draft_that_is_not_sealed_leaves_the_buffer_as_it_was() {
    let mut buffer = b"before".to_vec();
    let failed = append(&mut buffer, 0, Kind::Data, |buffer| {
        buffer.extend_from_slice(b"half a mess");
        Err("no")
    });
    assert_eq!((failed, buffer.as_slice()), (Err("no"), &b"before"[..]));
}
