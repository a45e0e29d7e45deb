use std::future::Future;
use std::time::Duration;

use super::*;
use crate::link::codec;
use crate::sys::packet;

/// A node's shares, and the master's end of its control socket.
fn node() -> (Arc<Shares>, OwnedFd) {
    let (ours, theirs) = packet::packet_pair().unwrap();
    (Shares::new(Arc::new(Control::new(ours))), theirs)
}

/// What the node has said to the master, with the fds; `None` when it said nothing more.
fn said(master: &OwnedFd) -> Option<(ToMaster, Vec<OwnedFd>)> {
    let mut buffer = [0; 1024];
    let (length, fds) = packet::receive(master.as_fd(), &mut buffer).ok()?;
    Some((codec::decode(&buffer[..length]).unwrap(), fds))
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("in time")
}

/// Someone in the node who wants what has the name, and has asked for it already.
async fn wants(
    shares: &Arc<Shares>,
    made: io::Result<&'static str>,
) -> tokio::task::JoinHandle<Result<SharedBytes, ShareError>> {
    let shares = Arc::clone(shares);
    let wanting = tokio::spawn(async move { shares.share("name", || made).await });
    tokio::task::yield_now().await;
    wanting
}

fn name() -> String {
    "name".to_owned()
}

#[tokio::test]
async fn a_node_asks_once_and_all_who_wait_in_it_are_given_the_same() {
    let (shares, master) = node();
    let waiting = [wants(&shares, Ok("a")).await, wants(&shares, Ok("b")).await];
    assert_eq!(said(&master).unwrap().0, ToMaster::Share { name: name() });
    assert!(said(&master).is_none());
    shares.came("name", Some(sealed::seal(c"test", b"bytes").unwrap()));
    for one in waiting {
        assert_eq!(*soon(one).await.unwrap().unwrap(), *b"bytes");
    }
    assert_eq!(*soon(wants(&shares, Ok("c")).await).await.unwrap().unwrap(), *b"bytes");
    assert!(said(&master).is_none(), "it has them");
}

#[tokio::test]
async fn whose_turn_it_is_makes_the_bytes_and_is_given_them_by_the_master() {
    let (shares, master) = node();
    let (first, second) = (wants(&shares, Ok("first")).await, wants(&shares, Ok("second")).await);
    said(&master);
    shares.make(name());
    let (message, fds) = loop {
        tokio::task::yield_now().await;
        if let Some(said) = said(&master) {
            break said;
        }
    };
    assert_eq!(message, ToMaster::Made { name: name() });
    assert_eq!(SharedMemory::map(&fds[0]).unwrap().bytes(), b"first");
    shares.came("name", fds.into_iter().next());
    for one in [first, second] {
        assert_eq!(*soon(one).await.unwrap().unwrap(), *b"first");
    }
}

#[tokio::test]
async fn a_turn_that_comes_to_nothing_passes_on_in_the_node_and_then_to_another() {
    let (shares, master) = node();
    let failing = wants(&shares, Err(io::ErrorKind::NotFound.into())).await;
    let dropped = wants(&shares, Ok("never")).await;
    let panicking = {
        let shares = Arc::clone(&shares);
        let make = || -> io::Result<Vec<u8>> { panic!("on purpose") };
        tokio::spawn(async move { shares.share("name", make).await })
    };
    tokio::task::yield_now().await;
    said(&master);
    dropped.abort();
    soon(dropped).await.unwrap_err();
    shares.make(name());
    let failed = soon(failing).await.unwrap().unwrap_err();
    assert_eq!(failed.to_string(), "the shared bytes could not be made: entity not found");
    assert!(matches!(soon(panicking).await.unwrap(), Err(ShareError::Make(_))));
    assert_eq!(said(&master).unwrap().0, ToMaster::NotMade { name: name() });
    assert!(said(&master).is_none());
    // Who asks now asks anew.
    let again = wants(&shares, Ok("again")).await;
    assert_eq!(said(&master).unwrap().0, ToMaster::Share { name: name() });
    again.abort();
}

#[tokio::test]
async fn whoever_waits_learns_that_there_is_no_room_or_no_master() {
    let (shares, _master) = node();
    let waiting = wants(&shares, Ok("a")).await;
    shares.came("name", None);
    assert!(matches!(soon(waiting).await.unwrap(), Err(ShareError::Map(_))));
    let waiting = wants(&shares, Ok("a")).await;
    shares.refused("name");
    assert!(matches!(soon(waiting).await.unwrap(), Err(ShareError::Full)));
    let waiting = wants(&shares, Ok("a")).await;
    shares.end();
    assert!(matches!(soon(waiting).await.unwrap(), Err(ShareError::Over)));
    assert!(matches!(soon(shares.share("name", || Ok("a"))).await, Err(ShareError::Over)));
}
