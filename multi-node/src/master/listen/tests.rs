use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};

use super::*;
use crate::config::Addr;
use crate::master::crossing::{Landed, Leaving};
use crate::sys::socket;

fn settings(listen: &[(&str, &str)]) -> Settings {
    let listen = listen.iter().map(|(name, address)| Listen {
        name: (*name).to_owned(),
        address: Address::parse(address).unwrap(),
    });
    Settings { listen: listen.collect(), nodes: 2, ..Settings::default() }
}

/// Where the first listener of a generation listens.
fn addr(places: &Places, generation: Generation) -> SocketAddr {
    places.of(generation)[0].addr.as_inet().unwrap()
}

/// Which kernel objects a listener's slot has.
fn objects(places: &Places, listener: u16, slot: Slot) -> [u64; 3] {
    let Place { listener, inbox, outbox } = places.get(listener, slot).unwrap();
    [listener, inbox, outbox].map(inode)
}

fn inode(fd: BorrowedFd<'_>) -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::File::from(fd.try_clone_to_owned().unwrap()).metadata().unwrap().ino()
}

fn is_refused(addr: SocketAddr) -> bool {
    TcpStream::connect(addr).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// How many of these connections queue at the slots of a listener.
fn accepted(places: &Places, listener: u16, slots: &[Slot]) -> usize {
    let listeners = slots.iter().map(|slot| places.get(listener, *slot).unwrap().listener);
    listeners.map(|listener| std::iter::from_fn(|| socket::accept(listener).ok()).count()).sum()
}

#[test]
fn a_plan_takes_over_what_did_not_change_and_binds_the_rest() {
    let mut places = Places::bind(&settings(&[("a", "127.0.0.1:0")])).unwrap();
    let before = objects(&places, 0, 1);
    places.plan(1, &settings(&[("b", "127.0.0.1:0"), ("c", "[::1]:0")])).unwrap();
    let [b, c] = &places.of(1)[..] else { panic!("two were asked for") };
    assert_eq!((b.id, b.name.as_str()), (0, "b"), "the same address by another name");
    assert_eq!((c.id, c.name.as_str()), (1, "c"));
    assert_eq!(objects(&places, 0, 1), before);
    assert_eq!(places.of(0)[0].name, "a", "the old generation has it by the old name");
    assert!(TcpStream::connect(c.addr.as_inet().unwrap()).is_ok());
}

#[test]
fn of_several_listeners_with_a_port_of_the_kernels_each_keeps_its_own() {
    let mut places =
        Places::bind(&settings(&[("a", "127.0.0.1:0"), ("b", "127.0.0.1:0")])).unwrap();
    places.plan(1, &settings(&[("b", "127.0.0.1:0"), ("a", "127.0.0.1:0")])).unwrap();
    let [b, a] = &places.of(1)[..] else { panic!("two were asked for") };
    assert_eq!([(a.id, a.name.as_str()), (b.id, b.name.as_str())], [(0, "a"), (1, "b")]);
}

#[test]
fn a_plan_that_is_thrown_away_leaves_nothing_behind() {
    let mut places = Places::bind(&settings(&[("a", "127.0.0.1:0")])).unwrap();
    let before = objects(&places, 0, 0);
    places.plan(1, &settings(&[("a", "127.0.0.1:0"), ("b", "[::1]:0")])).unwrap();
    let planned = places.of(1)[1].addr.as_inet().unwrap();
    places.forget(1);
    assert!(is_refused(planned));
    assert_eq!(objects(&places, 0, 0), before);
    assert!(TcpStream::connect(addr(&places, 0)).is_ok());
}

#[test]
fn a_plan_that_cannot_be_bound_changes_nothing() {
    let scratch = std::env::temp_dir().join(format!("multi-node-plan-{}", std::process::id()));
    let path = format!("unix:{}", scratch.display());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let mut places = Places::bind(&settings(&[("a", "127.0.0.1:0")])).unwrap();
    let settings = settings(&[("a", "127.0.0.1:0"), ("b", &path), ("c", &taken)]);
    let error = places.plan(1, &settings).unwrap_err().to_string();
    assert!(error.contains(&taken) && error.contains("taken"), "{error}");
    assert_eq!(places.listeners.len(), 1);
    assert!(!scratch.exists(), "what was bound before the failure is gone");
    assert_eq!(places.of(1), places.of(0), "without a plan it has what the last one had");
}

#[test]
fn the_last_generation_that_has_a_listener_keeps_it_open() {
    let mut places = Places::bind(&settings(&[("a", "127.0.0.1:0")])).unwrap();
    let old = addr(&places, 0);
    places.plan(1, &settings(&[("b", "[::1]:0")])).unwrap();
    let new = addr(&places, 1);
    places.close_all_but(1);
    assert!(is_refused(old));
    places.forget(0);
    assert_eq!(places.listeners.len(), 1);
    assert!(TcpStream::connect(new).is_ok());
}

#[test]
fn a_listener_that_was_dropped_is_bound_anew_while_its_old_nodes_still_drain() {
    let path = std::env::temp_dir().join(format!("multi-node-back-{}", std::process::id()));
    let unix = format!("unix:{}", path.display());
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for address in [&free, &unix] {
        let mut places = Places::bind(&settings(&[("a", address)])).unwrap();
        places.plan(1, &settings(&[("a", "[::1]:0")])).unwrap();
        assert!(places.drops(1));
        places.refuse_all_but(1);
        places.close_all_but(1);
        assert!(!places.drops(1), "it is done");
        places.plan(2, &settings(&[("a", address)])).unwrap();
        let back = &places.of(2)[0];
        assert_ne!(back.id, 0, "the first one listens no more");
        let connected = match back.addr.as_inet() {
            Some(addr) => TcpStream::connect(addr).is_ok(),
            None => std::os::unix::net::UnixStream::connect(&path).is_ok(),
        };
        assert!(connected, "{address}");
        places.keep(|generation| generation == 2);
        assert!(places.listeners.len() == 1 && (address != &unix || path.exists()));
        places.remove_files();
    }
}

#[test]
fn a_slot_gets_sockets_of_every_listener_once() {
    let mut places = Places::bind(&settings(&[("a", "127.0.0.1:0"), ("b", "[::1]:0")])).unwrap();
    assert_eq!(places.slots(), 0..=1);
    assert!(places.get(1, 2).is_none());
    assert!(places.ensure(2).unwrap());
    let made = [objects(&places, 0, 2), objects(&places, 1, 2)];
    assert!(!places.ensure(2).unwrap(), "it is there");
    assert_eq!([objects(&places, 0, 2), objects(&places, 1, 2)], made);
    assert_eq!(places.slots(), 0..=2);
    let clients: Vec<_> = (0..60).map(|_| TcpStream::connect(addr(&places, 0)).unwrap()).collect();
    let new = accepted(&places, 0, &[2]);
    assert!(new > 0, "the kernel spreads over it too");
    assert_eq!(new + accepted(&places, 0, &[0, 1]), clients.len());
}

#[test]
fn a_slot_that_one_listener_cannot_have_no_listener_has() {
    let mut places = Places::bind(&settings(&[("a", "127.0.0.1:0"), ("b", "[::1]:0")])).unwrap();
    let listener::Sockets::Each(each) = &mut places.listeners.get_mut(&1).unwrap().sockets else {
        panic!("one a slot")
    };
    each.slots.clear();
    assert!(places.ensure(2).is_err());
    assert!(places.get(0, 2).is_none());
    assert_eq!(places.slots(), 0..=1);
    let clients: Vec<_> = (0..40).map(|_| TcpStream::connect(addr(&places, 0)).unwrap()).collect();
    assert_eq!(accepted(&places, 0, &[0, 1]), clients.len(), "none queues elsewhere");
}

#[test]
fn before_the_user_changes_sockets_are_bound_for_slots_to_come() {
    let mut settings = settings(&[("a", "127.0.0.1:0")]);
    settings.user = Some("nobody".to_owned());
    let mut places = Places::bind(&settings).unwrap();
    let spares = |places: &Places| match &places.listeners[&0].sockets {
        listener::Sockets::Each(each) => each.spare.len(),
        other => panic!("{other:?}"),
    };
    let before = spares(&places);
    assert!(before > 100, "{before}");
    let clients: Vec<_> = (0..40).map(|_| TcpStream::connect(addr(&places, 0)).unwrap()).collect();
    assert_eq!(accepted(&places, 0, &[0, 1]), clients.len(), "nothing queues at a spare");
    assert!(places.ensure(2).unwrap());
    assert_eq!(spares(&places), before - 1);
    let _clients: Vec<_> = (0..60).map(|_| TcpStream::connect(addr(&places, 0)).unwrap()).collect();
    assert!(accepted(&places, 0, &[2]) > 0);
}

#[test]
fn what_is_saved_is_restored_with_its_queues() {
    let path = std::env::temp_dir().join(format!("multi-node-save-{}", std::process::id()));
    let unix = format!("unix:{}", path.display());
    let places = Places::bind(&settings(&[("a", "127.0.0.1:0"), ("b", &unix)])).unwrap();
    places.reset(7);
    places.seat(0, 1, 7);
    let clients: Vec<_> = (0..20).map(|_| TcpStream::connect(addr(&places, 0)).unwrap()).collect();
    let mut fds = Leaving::default();
    let state = places.save(&mut fds);
    let crossed = crate::link::codec::decode(&encoded(&state)).unwrap();
    assert_eq!(state, crossed);
    let fds = copied(&fds);
    let before = (objects(&places, 0, 1), objects(&places, 1, 0), places.of(0));
    drop(places);
    assert!(path.exists(), "the file goes on");
    let restored = Places::restore(crossed, &mut Landed::new(fds)).unwrap();
    assert_eq!((objects(&restored, 0, 1), objects(&restored, 1, 0), restored.of(0)), before);
    assert_eq!(accepted(&restored, 0, &[0, 1]), clients.len());
    assert!(restored.vacate(1, 7), "the load page crossed too");
    restored.remove_files();
    assert!(!path.exists());
}

fn copied(fds: &Leaving<'_>) -> Vec<OwnedFd> {
    fds.fds().iter().map(|fd| fd.try_clone_to_owned().unwrap()).collect()
}

#[test]
fn a_saved_fd_that_is_missing_is_an_error() {
    let places = Places::bind(&settings(&[("a", "127.0.0.1:0")])).unwrap();
    let mut fds = Leaving::default();
    let state = places.save(&mut fds);
    let mut fds = copied(&fds);
    fds.pop();
    assert_eq!(
        Places::restore(state, &mut Landed::new(fds)).unwrap_err().kind(),
        ErrorKind::InvalidData
    );
}

#[test]
fn version_6_leaves_version_4_to_a_listener_on_the_same_port() {
    let listen = settings(&[("a", "[::]:8080"), ("b", "0.0.0.0:8080"), ("c", "[::]:9090")]).listen;
    let v6_only = |listen: &Listen| matches!(listen.address, Address::Tcp { v6_only: true, .. });
    let beside: Vec<_> = listen.iter().map(|one| v6_only(&beside(one, &listen))).collect();
    assert_eq!(beside, [true, false, false]);
}

#[test]
fn a_unix_socket_is_the_same_for_all_slots() {
    let path = std::env::temp_dir().join(format!("multi-node-same-{}", std::process::id()));
    let unix = format!("unix:{}", path.display());
    let mut places = Places::bind(&settings(&[("a", &unix)])).unwrap();
    let [first, second] = [objects(&places, 0, 0), objects(&places, 0, 1)];
    assert_eq!(first[0], second[0], "the listener");
    assert_ne!(first[1], second[1], "the inbox");
    assert_eq!(places.of(0)[0].addr, Addr::Unix(Some(path.clone())));
    let listener = places.get(0, 0).unwrap().listener.try_clone_to_owned().unwrap();
    let _queued = std::os::unix::net::UnixStream::connect(&path).unwrap();
    places.refuse();
    let refused = std::os::unix::net::UnixStream::connect(&path).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(socket::accept(listener.as_fd()).is_ok(), "what has connected can be accepted");
    places.close();
    assert!(!path.exists());
}

fn encoded(state: &PlacesState) -> Vec<u8> {
    let mut bytes = Vec::new();
    crate::link::codec::encode_into(&mut bytes, state, 1 << 20).unwrap();
    bytes
}
