//! Memory that processes share: a mapped memfd, sealed at its size, so that nobody can cut it
//! short under whoever reads it. What lies in it is for others to say.

use std::ffi::CStr;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::libc::c_void;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::stat::fstat;
use nix::unistd::ftruncate;

use super::sealed::is_sealed;

/// The mapped memory. It is all zeros at first.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<c_void>,
    bytes: NonZeroUsize,
}

impl Mapping {
    /// Makes and maps a memfd, which is to be passed on.
    ///
    /// # Errors
    /// When the kernel has no memory or no fd left, or allows no memfd.
    pub(super) fn create(name: &CStr, bytes: NonZeroUsize) -> io::Result<(Mapping, OwnedFd)> {
        let fd = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
        ftruncate(&fd, size(bytes)?)?;
        fcntl(&fd, FcntlArg::F_ADD_SEALS(seals()))?;
        Ok((Mapping::new(&fd, bytes)?, fd))
    }

    /// Maps what another process made.
    ///
    /// # Errors
    /// `InvalidData` when it could be cut short under us, or has another size.
    pub(super) fn open(fd: impl AsFd, bytes: NonZeroUsize) -> io::Result<Mapping> {
        let sealed = fcntl(&fd, FcntlArg::F_GET_SEALS).map(SealFlag::from_bits_truncate);
        if !sealed.is_ok_and(|sealed| sealed.contains(seals()))
            || fstat(&fd)?.st_size != size(bytes)?
        {
            let what = "shared memory has the wrong size or is not sealed";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Mapping::new(fd, bytes)
    }

    /// Maps, to be read, what nobody can change any more; `None` when it has no bytes.
    ///
    /// # Errors
    /// `InvalidData` when somebody could.
    pub(super) fn sealed(fd: impl AsFd) -> io::Result<Option<Mapping>> {
        if !is_sealed(&fd) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "shared bytes are not sealed"));
        }
        let bytes = usize::try_from(fstat(&fd)?.st_size).map_err(io::Error::other)?;
        // Before Linux 6.7 no shared mapping of it is allowed, not even to read. A private one is
        // of the same pages.
        let map = |bytes| Mapping::map(fd, bytes, ProtFlags::PROT_READ, MapFlags::MAP_PRIVATE);
        NonZeroUsize::new(bytes).map(map).transpose()
    }

    /// `fd` is sealed against shrinking, and `bytes` long.
    fn new(fd: impl AsFd, bytes: NonZeroUsize) -> io::Result<Mapping> {
        Mapping::map(fd, bytes, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED)
    }

    fn map(
        fd: impl AsFd,
        bytes: NonZeroUsize,
        access: ProtFlags,
        how: MapFlags,
    ) -> io::Result<Mapping> {
        // SAFETY: a fresh mapping at an address of the kernel's choosing touches nothing that
        // exists.
        let start = unsafe { mmap(None, bytes, access, how, fd, 0)? };
        Ok(Mapping { start, bytes })
    }

    /// Where it starts, on the boundary of a page. It stays there until `self` is dropped.
    pub(super) fn start(&self) -> NonNull<c_void> {
        self.start
    }

    /// How many bytes it has.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.get()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it is our own mapping, `bytes` long, and nobody borrows from it any more. It
        // fails only for arguments that mmap would not have given us.
        let _ = unsafe { munmap(self.start, self.bytes.get()) };
    }
}

// SAFETY: it is memory of the process, tied to no thread; how it is accessed is for its owner.
unsafe impl Send for Mapping {}
// SAFETY: as above; `Mapping` itself reads and writes nothing.
unsafe impl Sync for Mapping {}

fn seals() -> SealFlag {
    SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL
}

fn size(bytes: NonZeroUsize) -> io::Result<i64> {
    i64::try_from(bytes.get()).map_err(|_| io::ErrorKind::InvalidInput.into())
}
