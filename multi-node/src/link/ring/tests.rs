use proptest::prelude::*;

use super::*;

mod model;

fn ring(size: usize) -> (Producer, Consumer) {
    let (ours, fd) = RingMemory::create(size).unwrap();
    (Producer::new(ours), Consumer::new(RingMemory::open(fd, size).unwrap()))
}

#[test]
fn what_is_written_is_read_as_far_as_there_is_room() {
    let (mut writer, mut reader) = ring(8);
    assert_eq!(writer.write(b"0123456789"), Ok(8));
    assert_eq!(writer.write(b"89"), Ok(0));
    let mut read = Vec::new();
    assert_eq!(reader.read(&mut read, 3), Ok(3));
    assert_eq!(writer.write(b"89abcdef"), Ok(3));
    assert_eq!(reader.read(&mut read, 100), Ok(8));
    assert_eq!(reader.read(&mut read, 100), Ok(0));
    assert_eq!(read, b"0123456789a");
}

proptest! {
    #[test]
    fn bytes_come_out_as_they_went_in(steps in prop::collection::vec((0..100usize, 0..100usize), 1..200)) {
        let (mut writer, mut reader) = ring(64);
        let (mut sent, mut read) = (Vec::new(), Vec::new());
        for (write, most) in steps {
            let bytes: Vec<u8> = (0..write).map(|n| (sent.len() + n) as u8).collect();
            let wrote = writer.write(&bytes).unwrap();
            sent.extend_from_slice(&bytes[..wrote]);
            let (waiting, before) = (sent.len() - read.len(), read.len());
            prop_assert!(wrote == write || waiting == 64);
            prop_assert_eq!(reader.read(&mut read, most), Ok(waiting.min(most)));
            prop_assert_eq!(&read[before..], &sent[before..read.len()]);
        }
    }
}

#[test]
fn a_reader_that_sleeps_is_rung_for_once() {
    let (mut writer, mut reader) = ring(8);
    writer.write(b"a").unwrap();
    assert!(!writer.should_ring(), "it has not slept yet");
    assert_eq!(reader.sleep(), Ok(false), "there is something to read");
    assert!(!writer.should_ring());
    reader.read(&mut Vec::new(), 8).unwrap();
    assert_eq!(reader.sleep(), Ok(true));
    writer.write(b"b").unwrap();
    assert!(writer.should_ring());
    assert!(!writer.should_ring());
}

#[test]
fn a_writer_that_waits_is_rung_for_once_when_half_of_the_ring_is_free() {
    let (mut writer, mut reader) = ring(8);
    assert_eq!(writer.block(), Ok(false), "there is room");
    writer.write(b"01234567").unwrap();
    assert_eq!(writer.block(), Ok(true));
    reader.read(&mut Vec::new(), 3).unwrap();
    assert!(!reader.should_ring(), "there is little room yet");
    reader.read(&mut Vec::new(), 1).unwrap();
    assert!(reader.should_ring());
    assert!(!reader.should_ring());
    assert_eq!(writer.write(b"89ab"), Ok(4));
}

#[test]
fn positions_that_cannot_be_are_found_by_either_side() {
    let (mut writer, reader) = ring(8);
    writer.write(b"0123").unwrap();
    for head in [5, u64::MAX] {
        reader.memory.store_release(Word::Head, head);
        assert_eq!(writer.write(b"0123456789"), Err(Rubbish), "head {head}");
        assert_eq!(writer.block(), Err(Rubbish));
    }
    let (writer, mut reader) = ring(8);
    writer.memory.store_release(Word::Tail, 3);
    reader.read(&mut Vec::new(), 2).unwrap();
    for tail in [1, 11, u64::MAX] {
        writer.memory.store_release(Word::Tail, tail);
        assert_eq!(reader.read(&mut Vec::new(), 8), Err(Rubbish), "tail {tail}");
        assert_eq!(reader.sleep(), Err(Rubbish));
    }
}

proptest! {
    #[test]
    fn any_bytes_and_positions_of_a_broken_side_keep_the_other_within_the_ring(
        words in prop::collection::vec((0..4usize, any::<u64>(), 0..40u64), 1..50),
    ) {
        let (mut writer, mut reader) = ring(16);
        for (index, wild, near) in words {
            let word = [Word::Head, Word::Tail, Word::Asleep, Word::Blocked][index];
            writer.memory.store_release(word, if near % 2 == 0 { near } else { wild });
            let mut read = Vec::new();
            if let Ok(count) = reader.read(&mut read, 100) {
                prop_assert!(count <= 16 && read.len() == count);
            }
            if let Ok(count) = writer.write(&[1; 100]) {
                prop_assert!(count <= 16);
            }
            let _ = (writer.block(), reader.sleep(), writer.should_ring(), reader.should_ring());
        }
    }
}
