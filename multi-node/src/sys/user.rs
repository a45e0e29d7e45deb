//! Whom this process is, and becoming another for good.
//!
//! Decides nothing: whom to become is an option, and when is the master's to know.

use std::ffi::CString;
use std::io;
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::unistd::{Gid, Group, Uid, User};

/// Whom to become: nothing of it is looked up again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    uid: Uid,
    gid: Gid,
    /// The name to look supplementary groups up by; without one there are none.
    member: Option<CString>,
}

/// Why there is nobody of that name.
#[derive(Debug)]
pub(crate) enum Unknown {
    User,
    Group,
    /// A number that no user has, so that its group has to be said.
    GroupOfUser,
    /// The databases cannot be asked.
    Lookup(io::Error),
}

impl Identity {
    /// Whom `user` and `group`, names or numbers, stand for; without `user` this process's own,
    /// without `group` that of the user.
    ///
    /// # Errors
    /// [`Unknown`] when the machine has no such user or group.
    pub(crate) fn find(user: Option<&str>, group: Option<&str>) -> Result<Identity, Unknown> {
        let group = group.map(find_group).transpose()?;
        let Some(user) = user else {
            let gid = group.unwrap_or_else(Gid::current);
            return Ok(Identity { uid: Uid::current(), gid, member: None });
        };
        let (uid, known) = find_user(user)?;
        let gid = group.or(known.as_ref().map(|user| user.gid)).ok_or(Unknown::GroupOfUser)?;
        let member = known.and_then(|user| CString::new(user.name).ok());
        Ok(Identity { uid, gid, member })
    }

    /// Makes this process, all its threads, `self` for good: groups, group, user, capabilities.
    ///
    /// # Errors
    /// `EPERM` when this process is somebody else and may not become another; anything else, with
    /// the process in a state in which it must not go on, when the way back is open.
    pub(crate) fn assume(&self) -> io::Result<()> {
        if !Uid::effective().is_root() && self.is_assumed()? {
            return Ok(());
        }
        if program_gives_ids()? {
            return Err(io::Error::other(
                "the program file is set-user-ID or set-group-ID: whoever executes it, each \
                 worker, is its owner again",
            ));
        }
        let dumpable = prctl::get_dumpable()?;
        match &self.member {
            Some(name) => nix::unistd::initgroups(name, self.gid)?,
            None => nix::unistd::setgroups(&[self.gid])?,
        }
        nix::unistd::setresgid(self.gid, self.gid, self.gid)?;
        nix::unistd::setresuid(self.uid, self.uid, self.uid)?;
        if !self.uid.is_root() {
            drop_capabilities()?;
        }
        self.check()?;
        // The kernel took it away with the user: there would be no core dump of a crash, and
        // nobody but root could look into /proc for what its own process does.
        prctl::set_dumpable(dumpable)?;
        Ok(())
    }

    /// Whether all ids of this process are those of `self`.
    fn is_assumed(&self) -> io::Result<bool> {
        let users = nix::unistd::getresuid()?;
        let groups = nix::unistd::getresgid()?;
        Ok([users.real, users.effective, users.saved].iter().all(|uid| *uid == self.uid)
            && [groups.real, groups.effective, groups.saved].iter().all(|gid| *gid == self.gid))
    }

    /// Tries to return: to root's user and group there must be no way.
    fn check(&self) -> io::Result<()> {
        let (root, root_group) = (Uid::from_raw(0), Gid::from_raw(0));
        let returned = self.uid != root
            && (nix::unistd::setuid(root).is_ok()
                || nix::unistd::seteuid(root).is_ok()
                || (self.gid != root_group && nix::unistd::setegid(root_group).is_ok()));
        if returned || !self.is_assumed()? {
            return Err(io::Error::other("the kernel lets it become root again"));
        }
        Ok(())
    }
}

/// Whether whoever executes this program becomes the owner of its file.
fn program_gives_ids() -> io::Result<bool> {
    let mode = std::fs::metadata("/proc/self/exe")?.mode();
    Ok(mode & (libc::S_ISUID | libc::S_ISGID) != 0)
}

fn find_user(user: &str) -> Result<(Uid, Option<User>), Unknown> {
    if let Some(found) = User::from_name(user).map_err(lookup)? {
        return Ok((found.uid, Some(found)));
    }
    let uid = user.parse().map(Uid::from_raw).map_err(|_| Unknown::User)?;
    // The kernel's "unchanged".
    if uid.as_raw() == u32::MAX {
        return Err(Unknown::User);
    }
    Ok((uid, User::from_uid(uid).map_err(lookup)?))
}

fn find_group(group: &str) -> Result<Gid, Unknown> {
    if let Some(found) = Group::from_name(group).map_err(lookup)? {
        return Ok(found.gid);
    }
    let gid = group.parse().map(Gid::from_raw).map_err(|_| Unknown::Group)?;
    if gid.as_raw() == u32::MAX { Err(Unknown::Group) } else { Ok(gid) }
}

fn lookup(error: Errno) -> Unknown {
    Unknown::Lookup(error.into())
}

/// Gives up every capability, of a process that was not root and had some all the same, too.
fn drop_capabilities() -> io::Result<()> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Sets {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    /// `_LINUX_CAPABILITY_VERSION_3`: 64 capabilities, in two halves.
    const VERSION: u32 = 0x2008_0522;
    let header = Header { version: VERSION, pid: 0 };
    let none = [Sets { effective: 0, permitted: 0, inheritable: 0 }; 2];
    // SAFETY: both are laid out as capset(2) of this version reads them, two sets among them, and
    // live across the call, which writes to neither.
    let dropped = unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) };
    Errno::result(dropped)?;
    Ok(())
}
