//! Bytes that one process leaves to another: in a memfd, sealed so that nobody changes them while
//! they are read. Never looks into them.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// A memfd of this name (in /proc) that holds `bytes`, and will for ever.
///
/// # Errors
/// When the kernel has no memory or no fd left.
pub(crate) fn seal(name: &CStr, bytes: &[u8]) -> io::Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut file = File::from(memfd_create(name, flags)?);
    file.write_all(bytes)?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals()))?;
    Ok(file.into())
}

/// What [`seal`] put into `memfd`.
///
/// # Errors
/// `InvalidData` when it is not sealed.
pub(crate) fn read(memfd: OwnedFd) -> io::Result<Vec<u8>> {
    if !is_sealed(&memfd) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the state is not sealed"));
    }
    let mut file = File::from(memfd);
    let mut bytes = Vec::new();
    // It was written through the same open file, whose place is at the end.
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether `fd` is a memfd whose bytes cannot change any more.
pub(crate) fn is_sealed(fd: impl AsFd) -> bool {
    let found = fcntl(fd, FcntlArg::F_GET_SEALS).map(SealFlag::from_bits_truncate);
    found.is_ok_and(|found| found.contains(seals()))
}

fn seals() -> SealFlag {
    SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_read_as_it_was_and_cannot_be_changed() {
        let memfd = seal(c"test", b"state").unwrap();
        let mut writer = File::from(memfd.try_clone().unwrap());
        assert!(writer.write_all(b"other").is_err());
        assert_eq!(read(memfd.try_clone().unwrap()).unwrap(), b"state");
        assert_eq!(read(memfd).unwrap(), b"state");
    }

    #[test]
    fn what_is_not_sealed_is_not_read() {
        let file = File::open("/proc/self/exe").unwrap();
        assert_eq!(read(file.into()).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
