use super::*;
use crate::config::{Flavor, Messaging, Readiness};
use crate::link::control::Pulse;
use crate::node::Nodes;
use crate::policy::health::Pace;

const PULSE: Pulse = Pulse { accepted: 1, resident: 1, cpu: Duration::ZERO };

#[test]
fn beats_that_nobody_reads_leave_room_for_what_must_be_said() {
    let (theirs, ours) = packet::packet_pair().unwrap();
    let control = Control::new(ours);
    for _ in 0..10_000 {
        control.mention(&ToMaster::Beat(PULSE));
    }
    let began = Instant::now();
    control.say(&ToMaster::Ready);
    assert!(began.elapsed() < PATIENCE, "it found no room");
    let heard = hear_all(&theirs);
    let (last, beats) = heard.split_last().unwrap();
    assert_eq!(*last, ToMaster::Ready);
    assert!((1..100).contains(&beats.len()), "{} beats", beats.len());
    control.mention(&ToMaster::Beat(PULSE));
    assert_eq!(hear_all(&theirs), [ToMaster::Beat(PULSE)], "it listens again");
}

#[test]
fn fds_that_were_lost_on_the_way_are_acknowledged_and_said() {
    let (theirs, ours) = packet::packet_pair().unwrap();
    let control = Control::new(ours);
    for message in [
        ToNode::Link { peer: 2, kind: LinkKind::Messages },
        ToNode::Outboxes { listener: 0, first: 3, last: 7 },
        ToNode::Leaving,
    ] {
        let mut bytes = Vec::new();
        codec::encode_into(&mut bytes, &message, MAX_DATAGRAM).unwrap();
        // As the kernel delivers it to a process that has no room for any.
        packet::send(theirs.as_fd(), &bytes, &[]).unwrap();
    }
    for _ in 0..2 {
        assert_eq!(control.receive().unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
    assert!(control.receive().unwrap().is_some(), "what needs none arrives");
    let fds = [1, 5].map(|weight| ToMaster::Received { weight });
    assert_eq!(hear_all(&theirs), fds);
}

fn hear_all(socket: &OwnedFd) -> Vec<ToMaster> {
    let mut heard = Vec::new();
    let mut buffer = [0; MAX_DATAGRAM];
    while let Ok((length, _)) = packet::receive(socket.as_fd(), &mut buffer) {
        heard.push(codec::decode(&buffer[..length]).unwrap());
    }
    heard
}

#[tokio::test]
async fn a_node_that_is_over_is_not_late_when_supervision_is_over_too() {
    let (theirs, ours) = packet::packet_pair().unwrap();
    let runtime = tokio::runtime::Handle::current();
    let nodes = Nodes::new(Control::new(ours), welcome(), Vec::new(), true, runtime).unwrap();
    let mut thread = Thread {
        node: Arc::clone(&nodes.0),
        signals: None,
        deadline: Some(Instant::now()),
        orphan: false,
    };
    nodes.0.life.end();
    drop(theirs);
    thread.hear().unwrap();
    assert!(thread.orphan);
    // It would end the process, this one.
    thread.overrun();
}

/// That of a master's node which only computes.
fn welcome() -> Welcome {
    Welcome {
        protocol: PROTOCOL,
        node: 0,
        slot: 0,
        generation: 0,
        seat: 0,
        nodes: 1,
        members: vec![0],
        slots: (0, 0),
        listeners: Vec::new(),
        listens: false,
        drain_timeout: Duration::ZERO,
        drain_grace: Duration::ZERO,
        messaging: Messaging::default(),
        readiness: Readiness::Implicit,
        pace: Pace { beat: None, report: None, report_at: None },
        flavor: Flavor::CurrentThread,
    }
}
