//! Messages in numbers: many nodes, much traffic, large values, receivers that do not receive.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use multi_node::{ChannelConfig, Lagged, Message, Nodes, Peer, WhenFull};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::lines::serve_lines;
use crate::words::{argument, say, up};

#[derive(Debug, Clone, Serialize, Deserialize, Message)]
struct Numbered {
    number: u64,
    load: Vec<u8>,
}

/// More than a window of 1 MiB between every two nodes.
const BURST: u64 = 600;
const LOAD: usize = 2_048;

/// Every node greets every other, and says when it was greeted by as many as the second argument
/// says.
#[multi_node::main(port = 0)]
pub(crate) async fn mesh(nodes: Nodes) -> io::Result<()> {
    let me = nodes.id();
    let wanted: usize = argument(2).parse().expect("a number");
    let greeted = Arc::new(AtomicUsize::new(0));
    nodes.on_node(move |mut peer: Peer<Numbered>| {
        let greeted = Arc::clone(&greeted);
        async move {
            let greeting = Numbered { number: 0, load: Vec::new() };
            if peer.send(&greeting).await.is_err() {
                return;
            }
            if peer.recv().await.is_some() && greeted.fetch_add(1, Ordering::Relaxed) + 1 == wanted
            {
                say(format_args!("greeted node={me} by={wanted}"));
            }
            while peer.recv().await.is_some() {}
        }
    });
    up(&nodes);
    nodes.ready();
    nodes.shutdown().await;
    Ok(())
}

/// Every node sends a burst to every other at once, and says what came from each.
#[multi_node::main(port = 0, nodes = 8)]
pub(crate) async fn everyone(nodes: Nodes) -> io::Result<()> {
    let me = nodes.id();
    nodes.on_node(move |mut peer: Peer<Numbered>| async move {
        let sender = peer.sender();
        tokio::spawn(async move {
            for number in 0..BURST {
                let message = Numbered { number, load: vec![number as u8; LOAD] };
                sender.send(&message).await.expect("the peer lives");
            }
        });
        for expected in 0..BURST {
            let got = peer.recv().await.expect("the peer lives");
            assert_eq!(got.number, expected, "out of order");
            assert_eq!(got.load, vec![expected as u8; LOAD]);
        }
        say(format_args!("complete node={me} from={}", peer.id()));
        assert!(peer.recv().await.is_none(), "one too many");
    });
    up(&nodes);
    nodes.ready();
    nodes.shutdown().await;
    Ok(())
}

/// Every two nodes send to each other, 64 messages ahead at most, and check the order for as long
/// as both live. Also serves lines, so that a node can be told to end.
#[multi_node::main(port = 0, nodes = 4)]
pub(crate) async fn lockstep(nodes: Nodes) -> Result<(), String> {
    const AHEAD: u64 = 64;
    let me = nodes.id();
    nodes.on_node(move |mut peer: Peer<Numbered>| async move {
        let mut sent = 0;
        let mut expected = 0;
        say(format_args!("met node={me} peer={}", peer.id()));
        let closed = 'open: loop {
            while sent < expected + AHEAD {
                let message = Numbered { number: sent, load: vec![0; 256] };
                if let Err(closed) = peer.send(&message).await {
                    break 'open closed.to_string();
                }
                sent += 1;
            }
            match peer.recv().await {
                None => break format!("{:?}", peer.close_reason()),
                Some(got) if got.number == expected => expected += 1,
                Some(got) => panic!("{} from {} in place of {expected}", got.number, peer.id()),
            }
            if expected.is_multiple_of(1_000) {
                say(format_args!("going node={me} peer={} at={expected}", peer.id()));
            }
        };
        say(format_args!("parted node={me} peer={}: {closed}", peer.id()));
    });
    serve_lines(nodes).await
}

#[derive(Debug, Serialize, Deserialize, Message)]
struct Summed {
    number: u64,
    load: Vec<u8>,
    sum: u64,
}

impl Summed {
    /// A message of some size that its number gives.
    fn new(number: u64) -> Summed {
        let load = vec![number as u8; (number % 61) as usize];
        Summed { number, sum: Summed::sum(number, &load), load }
    }

    /// FNV-1a over all of it.
    fn sum(number: u64, load: &[u8]) -> u64 {
        let fold = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        number.to_le_bytes().iter().chain(load).fold(0xcbf2_9ce4_8422_2325, fold)
    }
}

/// Every node sends to every other for as long as both live, and says now and then how many came;
/// one out of order or with a wrong sum is a panic. Also serves lines, so that a node can be told
/// to end.
#[multi_node::main(port = 0, nodes = 4)]
pub(crate) async fn flood(nodes: Nodes) -> Result<(), String> {
    const SAYS: u64 = 10_000;
    let me = nodes.id();
    nodes.on_node(move |mut peer: Peer<Summed>| async move {
        let sender = peer.sender();
        tokio::spawn(async move {
            let mut number = 0;
            while sender.send(&Summed::new(number)).await.is_ok() {
                number += 1;
            }
        });
        let mut expected = 0;
        while let Some(Summed { number, load, sum }) = peer.recv().await {
            assert_eq!(number, expected, "from {}", peer.id());
            assert_eq!(sum, Summed::sum(number, &load), "{number} from {}", peer.id());
            expected += 1;
            if expected % SAYS == 0 {
                say(format_args!("flooded node={me} from={} messages={SAYS}", peer.id()));
            }
        }
    });
    serve_lines(nodes).await
}

/// The master sends 8 MiB to everyone; each says what arrived.
#[multi_node::main(port = 0, nodes = 3)]
pub(crate) async fn large(nodes: Nodes) -> io::Result<()> {
    const BYTES: u32 = 8 << 20;
    let me = nodes.id();
    let sends = nodes.is_master();
    let pattern = |index: u32| index.wrapping_mul(2_654_435_761).to_be_bytes()[0];
    nodes.on_node(move |mut peer: Peer<Numbered>| async move {
        if sends {
            let load = (0..BYTES).map(pattern).collect();
            peer.send(&Numbered { number: 1, load }).await.expect("the peer lives");
        }
        while let Some(got) = peer.recv().await {
            let intact = got.load.len() == BYTES as usize
                && got.load.iter().zip(0..).all(|(&byte, index)| byte == pattern(index));
            say(format_args!("large node={me} from={} intact={intact}", peer.id()));
        }
    });
    up(&nodes);
    nodes.ready();
    nodes.shutdown().await;
    Ok(())
}

#[derive(Debug, Serialize, Deserialize, Message)]
struct Ignored(Vec<u8>);

#[derive(Debug, Serialize, Deserialize, Message)]
struct Answered(u64);

/// The workers never receive messages of one type. The master fills that channel, then asks on
/// another of the same link.
#[multi_node::main(port = 0, nodes = 2)]
pub(crate) async fn stuck(nodes: Nodes) -> io::Result<()> {
    let asks = nodes.is_master();
    let (filled, full) = watch::channel(false);
    let filled = Arc::new(filled);
    nodes.on_node(move |peer: Peer<Ignored>| {
        let filled = Arc::clone(&filled);
        async move {
            if asks {
                let mut sent = 0;
                while peer.try_send(&Ignored(vec![0; 4_096])).is_ok() {
                    sent += 1;
                    tokio::task::yield_now().await;
                }
                say(format_args!("full after={sent}"));
                filled.send_replace(true);
            }
            pending::<()>().await;
        }
    });
    nodes.on_node(move |mut peer: Peer<Answered>| {
        let mut full = full.clone();
        async move {
            if asks {
                full.wait_for(|&full| full).await.expect("the other handler holds it");
                for number in 0..1_000 {
                    peer.send(&Answered(number)).await.expect("the peer lives");
                    let answer = peer.recv().await.expect("the peer lives");
                    assert_eq!(answer.0, number);
                }
                say("answered");
            }
            while let Some(question) = peer.recv().await {
                peer.send(&question).await.expect("the peer lives");
            }
        }
    });
    up(&nodes);
    nodes.ready();
    nodes.shutdown().await;
    Ok(())
}

#[derive(Debug, Serialize, Deserialize, Message)]
struct Begin;

/// The master broadcasts to two workers, of which the one in slot 1 does not begin to receive
/// before it is told that this was all. The second argument says what that one loses then; the
/// master waits for the other. Each says what it got and what was missing.
#[multi_node::main(port = 0, nodes = 3)]
pub(crate) async fn behind(nodes: Nodes) -> io::Result<()> {
    let when_full = match (nodes.slot(), argument(2).as_str()) {
        (1, "newest") => WhenFull::DropNewest,
        (1, "oldest") => WhenFull::DropOldest,
        (1, "close") => WhenFull::Close,
        _ => WhenFull::Wait,
    };
    let slot = nodes.slot();
    let (begin, begun) = watch::channel(slot != 1);
    let config = ChannelConfig::new().when_full(when_full);
    nodes.on_node_with(config, move |peer| account(slot, peer, begun.clone()));
    let (begin, met, all) = (Arc::new(begin), Arc::new(AtomicUsize::new(0)), nodes.clone());
    nodes.on_node(move |mut peer: Peer<Begin>| {
        let (begin, met, all) = (Arc::clone(&begin), Arc::clone(&met), all.clone());
        async move {
            // The other channel opened before this one.
            if all.is_master() && met.fetch_add(1, Ordering::Relaxed) + 1 == 2 {
                broadcast(&all).await;
                all.broadcast(&Begin).await.expect("it can be encoded");
            }
            while peer.recv().await.is_some() {
                begin.send_replace(true);
            }
        }
    });
    up(&nodes);
    nodes.ready();
    nodes.shutdown().await;
    Ok(())
}

const BROADCASTS: u64 = 1_000;

async fn broadcast(nodes: &Nodes) {
    let mut reached = 0;
    for number in 0..BROADCASTS {
        let message = Numbered { number, load: vec![0; 4_096] };
        let sent = nodes.broadcast(&message).await.expect("it can be encoded");
        reached += sent.reached().len();
    }
    say(format_args!("broadcast reached={reached}"));
}

async fn account(slot: usize, mut peer: Peer<Numbered>, mut begun: watch::Receiver<bool>) {
    begun.wait_for(|begun| *begun).await.expect("the other handler holds it");
    let (mut got, mut missing, mut last) = (0, 0, 0);
    while got + missing < BROADCASTS {
        match peer.recv_or_lagged().await {
            Some(Ok(message)) => {
                assert_eq!(message.number, got + missing, "out of order");
                (got, last) = (got + 1, message.number);
            }
            Some(Err(Lagged(messages))) => missing += messages,
            None => break,
        }
    }
    let (from, closed) = (peer.id(), peer.close_reason());
    say(format_args!(
        "accounted slot={slot} from={from} got={got} missing={missing} last={last} closed={closed:?}"
    ));
}
