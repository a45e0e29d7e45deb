//! Making the sockets of an address.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::AsFd;

use super::file;
use super::listener::{Each, Sockets};
use crate::config::{Addr, Address, MAX_NODES, Settings, Slot};
use crate::error::StartError;
use crate::sys::process;
use crate::sys::socket::{self, tcp};

/// Sockets on `address`, one of them for the slot `first`, and where they are bound.
///
/// # Errors
/// One line that names the address, the cause and the remedy.
pub(super) fn bind(
    address: &Address,
    settings: &Settings,
    first: Slot,
) -> Result<(Sockets, Addr), StartError> {
    match address {
        Address::Tcp { host, port, v6_only } => {
            let addr = resolve(host, *port)?;
            let each = each(addr, *v6_only, settings, first);
            let (each, addr) = each.map_err(|cause| StartError::listen(addr, cause))?;
            Ok((Sockets::Each(each), addr))
        }
        Address::Unix { path, mode } => {
            let (socket, file) = file::bind(path, *mode, settings.backlog)?;
            Ok((Sockets::Shared { socket, file }, Addr::Unix(Some(path.clone()))))
        }
    }
}

fn each(
    addr: SocketAddr,
    v6_only: bool,
    settings: &Settings,
    first: Slot,
) -> io::Result<(Each, Addr)> {
    let founder = tcp::found(addr, v6_only, settings.backlog)?;
    let bound = socket::local_addr(founder.as_fd())?;
    let spare = (0..spares(settings)).map(|_| tcp::join(founder.as_fd()));
    let spare = spare.collect::<io::Result<_>>()?;
    let slots = BTreeMap::from([(first, founder)]);
    Ok((Each { slots, spare, backlog: settings.backlog }, bound))
}

/// How many sockets to bind beyond the first: those of all slots that there may ever be, when this
/// process gives up the right to bind more, but no more than a quarter of its fds.
fn spares(settings: &Settings) -> usize {
    if settings.user.is_none() && settings.group.is_none() {
        return 0;
    }
    let listeners = settings.listen.len().max(1);
    let room = usize::try_from(process::fd_limit() / 4).unwrap_or(usize::MAX) / listeners;
    room.min(usize::from(MAX_NODES)).max(usize::from(settings.nodes) - 1)
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, StartError> {
    let unknown = |cause| StartError::Host { host: host.to_owned(), cause };
    let mut found = (host, port).to_socket_addrs().map_err(unknown)?;
    found.next().ok_or_else(|| unknown(io::ErrorKind::NotFound.into()))
}
