//! The listeners of this node, each with its acceptor: found by name, told and asked together.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::accept::{Acceptor, Setup, Sockets, Tally};
use super::become_ready;
use super::connection::Connection;
use super::control::Control;
use super::hand_over::Refused;
use super::life::Life;
use crate::config::{Addr, Readiness};
use crate::link::control::{ToMaster, Welcome};
use crate::sys::page::Page;

/// All of them, the first that was asked for first; none with `listen = none`.
pub(super) struct Listeners {
    named: Vec<Named>,
    tally: Arc<Tally>,
}

struct Named {
    id: u16,
    name: String,
    acceptor: Acceptor,
}

impl Listeners {
    /// Those that `welcome` names, over the fds that came with it.
    ///
    /// # Errors
    /// `InvalidData` when fds are missing, or are not what they should be.
    pub(super) fn new(
        welcome: &Welcome,
        fds: Vec<OwnedFd>,
        life: &Arc<Life>,
        control: &Arc<Control>,
    ) -> io::Result<Listeners> {
        let tally = Arc::new(Tally::default());
        let mut fds = fds.into_iter();
        let mut next = || fds.next().ok_or(io::Error::from(io::ErrorKind::InvalidData));
        let named = welcome.listeners.iter().map(|listening| {
            let listener = listening.id;
            let page = Page::map(next()?)?;
            let own = if welcome.listens {
                Some(Sockets { listener: next()?, inbox: next()? })
            } else {
                None
            };
            let (asks, says) = (Arc::clone(control), Arc::clone(control));
            let begins = Arc::clone(life);
            let acceptor = Acceptor::new(Setup {
                listener,
                page,
                seat: welcome.seat,
                slot: welcome.slot,
                slots: welcome.slots.0..=welcome.slots.1,
                own,
                keeping: listening.keeping,
                local_addr: listening.addr.clone(),
                life: Arc::clone(life),
                tally: Arc::clone(&tally),
                borrow: Box::new(move |slot| asks.say(&ToMaster::Borrow { listener, slot })),
                on_first_poll: Box::new(move || match begins.readiness() {
                    Readiness::Implicit => become_ready(&begins, &says),
                    Readiness::Explicit => {}
                }),
            });
            Ok(Named { id: listener, name: listening.name.clone(), acceptor })
        });
        let named = named.collect::<io::Result<_>>()?;
        Ok(Listeners { named, tally })
    }

    /// How many connections were accepted on any of them.
    pub(super) fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.tally)
    }

    pub(super) fn first(&self) -> Option<&Acceptor> {
        self.all().next()
    }

    /// # Errors
    /// `NotFound`, with the names that there are.
    pub(super) fn named(&self, name: &str) -> io::Result<&Acceptor> {
        let found = self.named.iter().find(|listener| listener.name == name);
        found.map(|listener| &listener.acceptor).ok_or_else(|| {
            let names: Vec<_> = self.named.iter().map(|listener| listener.name.as_str()).collect();
            let there = match names[..] {
                [] => "this program does not listen".to_owned(),
                [name] => format!("the only one is {name:?}"),
                [..] => format!("there are {}", names.join(", ")),
            };
            io::Error::new(io::ErrorKind::NotFound, format!("no listener {name:?}: {there}"))
        })
    }

    /// The one with this number; `None` when this node never had it.
    pub(super) fn get(&self, id: u16) -> Option<&Acceptor> {
        self.named.iter().find(|listener| listener.id == id).map(|listener| &listener.acceptor)
    }

    /// Takes over a connection that another node accepted on the listener of this number.
    ///
    /// # Errors
    /// When this node is not to have it, or has no room for it.
    pub(super) fn adopt(
        &self,
        listener: u16,
        peer: Addr,
        stream: OwnedFd,
    ) -> Result<Connection, Refused> {
        let acceptor = self.get(listener).ok_or(Refused::NoListener)?;
        let guard = acceptor.adopt().ok_or(Refused::Draining)?;
        // Whoever sent it should have seen to it.
        let stream = std::net::TcpStream::from(stream);
        stream.set_nonblocking(true).map_err(|_| Refused::NoRoom)?;
        Connection::new(stream.into(), peer, guard).map_err(|_| Refused::NoRoom)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Acceptor> {
        self.named.iter().map(|listener| &listener.acceptor)
    }

    /// Where the first listener with a port listens.
    pub(super) fn inet_addr(&self) -> Option<SocketAddr> {
        self.all().map(Acceptor::local_addr).find_map(Addr::as_inet)
    }

    /// See [`Acceptor::stop_accepting`].
    pub(super) fn stop_accepting(&self) {
        self.all().for_each(Acceptor::stop_accepting);
    }

    /// See [`Acceptor::close_for_all`].
    pub(super) fn close_for_all(&self) {
        self.all().for_each(Acceptor::close_for_all);
    }

    /// See [`Acceptor::ring_changed`].
    pub(super) fn ring_changed(&self) {
        self.all().for_each(Acceptor::ring_changed);
    }

    /// Connections that are open.
    pub(super) fn open(&self) -> usize {
        self.all().map(Acceptor::open).sum()
    }

    /// Resolves once accepting was stopped and no connection is open.
    pub(super) async fn closed(&self) {
        // One after the other: none that closed opens again.
        for acceptor in self.all() {
            acceptor.closed().await;
        }
    }

    /// Whether a listening socket was given out, so that not all connections are counted here.
    pub(super) fn is_apart(&self) -> bool {
        self.all().any(Acceptor::is_apart)
    }
}
