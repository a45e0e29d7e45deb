use std::sync::atomic::Ordering::Relaxed;

use super::*;

#[test]
fn what_one_side_puts_the_other_takes_at_every_place_and_around_the_end() {
    let (ours, fd) = RingMemory::create(64).unwrap();
    let theirs = RingMemory::open(&fd, 64).unwrap();
    let bytes: Vec<u8> = (0..64).collect();
    for at in (0..200).chain([u64::MAX - 10]) {
        for count in [0, 1, 13, 63, 64] {
            ours.put(at, &bytes[..count]);
            let mut taken = vec![255];
            theirs.take(at, count, &mut taken);
            assert_eq!(taken[0], 255);
            assert_eq!(taken[1..], bytes[..count], "{count} from {at} on");
        }
    }
}

#[test]
fn the_words_are_shared_and_apart_from_each_other_and_the_bytes() {
    let (ours, fd) = RingMemory::create(64).unwrap();
    let theirs = RingMemory::open(&fd, 64).unwrap();
    for index in 0..WORDS {
        ours.word(index).store(index as u64 + 1, Relaxed);
    }
    ours.put(0, &[255; 64]);
    for index in 0..WORDS {
        assert_eq!(theirs.word(index).load(Relaxed), index as u64 + 1);
    }
}

#[test]
fn what_is_no_ring_of_that_size_is_refused() {
    let (_, fd) = RingMemory::create(64).unwrap();
    for (size, kind) in [
        (128, io::ErrorKind::InvalidData),
        (32, io::ErrorKind::InvalidData),
        (0, io::ErrorKind::InvalidInput),
        (65, io::ErrorKind::InvalidInput),
        (1 << 63, io::ErrorKind::InvalidInput),
    ] {
        let refused = RingMemory::open(&fd, size).unwrap_err();
        assert_eq!(refused.kind(), kind, "{size}: {refused}");
    }
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    assert_eq!(RingMemory::open(&file, 64).unwrap_err().kind(), io::ErrorKind::InvalidData);
}
