//! Bytes that several processes read in the same memory: a memfd that nobody can change any more,
//! mapped. What they mean is for others to say.

use std::io;
use std::os::fd::AsFd;

use super::mapping::Mapping;

/// Sealed bytes, mapped.
#[derive(Debug)]
pub(crate) struct SharedMemory(Option<Mapping>);

impl SharedMemory {
    /// Maps what [`seal`](super::sealed::seal) made.
    ///
    /// # Errors
    /// `InvalidData` when it is not sealed; when there is no room for it.
    pub(crate) fn map(memfd: impl AsFd) -> io::Result<SharedMemory> {
        Mapping::sealed(memfd).map(SharedMemory)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        let Some(mapping) = &self.0 else { return &[] };
        // SAFETY: the mapping has that many bytes and lives as long as `self`; the memfd is sealed
        // against writing and shrinking, so that they neither change nor go away beneath it.
        unsafe { std::slice::from_raw_parts(mapping.start().cast().as_ptr(), mapping.bytes()) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::super::sealed::seal;
    use super::*;

    #[test]
    fn what_was_sealed_is_there_to_be_read() {
        let large: Vec<u8> = (0..1_000_000).map(|n: u32| n.to_le_bytes()[0]).collect();
        for bytes in [&b""[..], b"shared", &large] {
            let memfd = seal(c"test", bytes).unwrap();
            let [one, other] = [(); 2].map(|()| SharedMemory::map(&memfd).unwrap());
            drop(memfd);
            assert!(one.bytes() == bytes && other.bytes() == bytes);
        }
    }

    #[test]
    fn what_could_be_changed_is_not_mapped() {
        let file = File::open("/proc/self/exe").unwrap();
        assert_eq!(SharedMemory::map(file).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
