//! A blocking Unix socket, written and read 64 KiB at a time.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use multi_node_benches::{Head, RawLink};

use crate::text;

/// What is written and read at once, unless a message is larger.
const BATCH: usize = 64 * 1024;

pub(crate) struct Socket {
    stream: UnixStream,
    size: usize,
    unsent: Vec<u8>,
    unread: Vec<u8>,
    /// Where in `unread` the next message begins, and where what was read ends.
    from: usize,
    to: usize,
}

impl Socket {
    /// For messages of `size` bytes; our end, and that of the process that follows.
    pub(crate) fn pair(size: usize) -> Result<(Self, OwnedFd), String> {
        let (ours, theirs) = UnixStream::pair().map_err(text)?;
        Ok((Self::new(ours.into(), size), theirs.into()))
    }

    pub(crate) fn new(end: OwnedFd, size: usize) -> Self {
        let batch = BATCH.max(size);
        Self {
            stream: end.into(),
            size,
            unsent: Vec::with_capacity(batch),
            unread: vec![0; batch],
            from: 0,
            to: 0,
        }
    }
}

impl RawLink for Socket {
    fn send(&mut self, message: &[u8]) -> Result<(), String> {
        if self.unsent.len() + message.len() > self.unsent.capacity() {
            self.flush()?;
        }
        if message.len() == self.unsent.capacity() {
            return self.stream.write_all(message).map_err(text);
        }
        self.unsent.extend_from_slice(message);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), String> {
        self.stream.write_all(&self.unsent).map_err(text)?;
        self.unsent.clear();
        Ok(())
    }

    fn recv(&mut self) -> Result<Head, String> {
        while self.to - self.from < self.size {
            if self.unread.len() - self.from < self.size {
                self.unread.copy_within(self.from..self.to, 0);
                self.to -= self.from;
                self.from = 0;
            } else if self.from == self.to {
                (self.from, self.to) = (0, 0);
            }
            match self.stream.read(&mut self.unread[self.to..]).map_err(text)? {
                0 => return Err("the other process is gone".to_owned()),
                count => self.to += count,
            }
        }
        let head = Head::of(&self.unread[self.from..self.to]);
        self.from += self.size;
        Ok(head)
    }
}
