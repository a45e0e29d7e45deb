//! Every order in which the two sides can run, under the memory model, by loom.

use loom::cell::Cell;
use loom::sync::atomic::{AtomicU64, fence};
use loom::sync::{Arc, Notify};

use super::*;

const SIZE: usize = 2;

/// A ring's memory in loom's hands, which finds an access to a byte that races with another.
struct Modelled {
    words: [AtomicU64; 4],
    bytes: [Cell<u8>; SIZE],
}

impl Memory for Arc<Modelled> {
    fn size(&self) -> usize {
        SIZE
    }

    fn load_acquire(&self, word: Word) -> u64 {
        self.words[word as usize].load(Acquire)
    }

    fn load_relaxed(&self, word: Word) -> u64 {
        self.words[word as usize].load(Relaxed)
    }

    fn store_release(&self, word: Word, value: u64) {
        self.words[word as usize].store(value, Release);
    }

    fn store_relaxed(&self, word: Word, value: u64) {
        self.words[word as usize].store(value, Relaxed);
    }

    fn fence_seq_cst(&self) {
        fence(SeqCst);
    }

    fn put(&self, at: u64, bytes: &[u8]) {
        for (place, byte) in (at as usize..).zip(bytes) {
            self.bytes[place % SIZE].set(*byte);
        }
    }

    fn take(&self, at: u64, count: usize, into: &mut Vec<u8>) {
        into.extend((at as usize..).take(count).map(|place| self.bytes[place % SIZE].get()));
    }
}

/// The bell of the reader, and that of the writer.
type Bells = [Arc<Notify>; 2];

fn modelled() -> (Producer<Arc<Modelled>>, Consumer<Arc<Modelled>>, Bells) {
    let words = [(); 4].map(|()| AtomicU64::new(0));
    let memory = Arc::new(Modelled { words, bytes: [(); SIZE].map(|()| Cell::new(0)) });
    let bells = [(); 2].map(|()| Arc::new(Notify::new()));
    (Producer::new(Arc::clone(&memory)), Consumer::new(memory), bells)
}

/// Writes all of `bytes`, one to a call, and sleeps whenever there is no room.
fn write_all(writer: &mut Producer<Arc<Modelled>>, bytes: &[u8], [data, room]: &Bells) {
    for byte in bytes {
        while writer.write(&[*byte]) == Ok(0) {
            if writer.block() == Ok(true) {
                room.wait();
            }
        }
        if writer.should_ring() {
            data.notify();
        }
    }
}

/// Reads `count` bytes and sleeps whenever there are none.
fn read_all(reader: &mut Consumer<Arc<Modelled>>, count: usize, [data, room]: &Bells) -> Vec<u8> {
    let mut read = Vec::new();
    while read.len() < count {
        if reader.read(&mut read, SIZE) == Ok(0) {
            if reader.sleep() == Ok(true) {
                data.wait();
            }
        } else if reader.should_ring() {
            room.notify();
        }
    }
    read
}

/// Sends `bytes` through in every order there is, pre-empted `bound` times at most.
fn check(bytes: &'static [u8], bound: Option<usize>) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = bound;
    model.check(move || {
        let (mut writer, mut reader, bells) = modelled();
        let theirs = bells.clone();
        let writing = loom::thread::spawn(move || write_all(&mut writer, bytes, &theirs));
        assert_eq!(read_all(&mut reader, bytes.len(), &bells), bytes);
        writing.join().unwrap();
    });
}

#[test]
fn in_any_order_a_sleeping_reader_gets_what_was_written() {
    check(b"a", None);
}

#[test]
fn in_any_order_bytes_arrive_whole_through_a_ring_that_fills() {
    check(b"abc", Some(2));
}
