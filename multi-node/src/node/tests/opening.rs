//! When a channel opens, when it does not, and who is told.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::link::error::SendToError;

/// Another generation's `Text`.
#[derive(Debug, Serialize, Deserialize)]
struct OtherText(String);

impl Message for OtherText {
    const NAME: &'static str = "Text";
    const FINGERPRINT: u64 = 99;
}

#[tokio::test]
async fn a_handler_runs_for_nodes_that_were_there_and_for_those_to_come() {
    let (a, b, c) = (hub(0), hub(1), hub(2));
    join((&a, 0), (&b, 1), LinkKind::Messages);
    let (mut at_a, _at_b, _at_c) = (
        peers::<Text>(&a, ChannelConfig::new()),
        peers::<Text>(&b, ChannelConfig::new()),
        peers::<Text>(&c, ChannelConfig::new()),
    );
    assert_eq!(soon(at_a.recv()).await.unwrap().id(), NodeId(1));
    join((&a, 0), (&c, 2), LinkKind::Messages);
    assert_eq!(soon(at_a.recv()).await.unwrap().id(), NodeId(2));
}

#[tokio::test]
async fn a_channel_opens_only_when_both_nodes_asked_for_its_type() {
    let (a, b) = pair();
    let mut texts_a = peers::<Text>(&a, ChannelConfig::new());
    let (mut numbers_a, mut numbers_b) =
        (peers::<Number>(&a, ChannelConfig::new()), peers::<Number>(&b, ChannelConfig::new()));
    soon(numbers_a.recv()).await.unwrap();
    soon(numbers_b.recv()).await.unwrap();
    assert!(texts_a.try_recv().is_err());
    assert_eq!(a.peers::<Text>(), []);
    let not_open = SendToError::NotOpen { node: NodeId(1) };
    assert_eq!(a.send_to(NodeId(1), &text("?")).await, Err(not_open));

    let mut texts_b = peers::<Text>(&b, ChannelConfig::new());
    soon(texts_a.recv()).await.unwrap();
    soon(texts_b.recv()).await.unwrap();
}

#[tokio::test]
async fn frames_that_come_before_the_handler_runs_wait_for_it() {
    let (a, b) = pair();
    let mut at_a = peers::<Text>(&a, ChannelConfig::new());
    let (run, may_run) = tokio::sync::watch::channel(false);
    let (give, mut got) = mpsc::unbounded_channel();
    b.on_node(ChannelConfig::new(), move |mut peer: Peer<Text>| {
        let (give, mut may_run) = (give.clone(), may_run.clone());
        async move {
            may_run.wait_for(|run| *run).await.unwrap();
            while let Some(message) = peer.recv().await {
                give.send(message).unwrap();
            }
        }
    });
    let peer = soon(at_a.recv()).await.unwrap();
    peer.send(&text("early")).await.unwrap();
    soon(a.flush(std::time::Instant::now() + DEADLINE)).await;
    run.send(true).unwrap();
    assert_eq!(soon(got.recv()).await, Some(text("early")));
}

#[tokio::test]
async fn two_definitions_of_one_name_do_not_open_a_channel() {
    let (a, b) = pair();
    let (mut texts, mut others) =
        (peers::<Text>(&a, ChannelConfig::new()), peers::<OtherText>(&b, ChannelConfig::new()));
    let (mut numbers_a, mut numbers_b) =
        (peers::<Number>(&a, ChannelConfig::new()), peers::<Number>(&b, ChannelConfig::new()));
    // The types that agree are not hurt, and come after in the same stream.
    let (left, mut right) =
        (soon(numbers_a.recv()).await.unwrap(), soon(numbers_b.recv()).await.unwrap());
    left.send(&Number(1)).await.unwrap();
    assert_eq!(soon(right.recv()).await, Some(Number(1)));
    assert!(texts.try_recv().is_err());
    assert!(others.try_recv().is_err());
    assert_eq!(a.peers::<Text>(), []);
}

#[test]
fn a_disagreement_is_in_the_log_once_with_both_names_and_fingerprints() {
    let log = log::Log::default();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    tracing::subscriber::with_default(log.clone(), || {
        runtime.block_on(async {
            let (a, b, c) = (hub(0), hub(1), hub(2));
            for (other, id) in [(&b, 1), (&c, 2)] {
                join((&a, 0), (other, id), LinkKind::Messages);
                let _others = peers::<OtherText>(other, ChannelConfig::new());
                let _numbers = peers::<Number>(other, ChannelConfig::new());
            }
            let _texts = peers::<Text>(&a, ChannelConfig::new());
            let mut numbers = peers::<Number>(&a, ChannelConfig::new());
            for _ in [1, 2] {
                soon(numbers.recv()).await.unwrap();
            }
        });
    });
    // Node 0 says it once for both, nodes 1 and 2 each once.
    let (ours, theirs) = (format!("{:016x}", 1), format!("{:016x}", 99));
    let lines = log.lines_with("Text");
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains(&ours) && line.contains(&theirs)), "{lines:?}");
    let at_node_0 = format!("is not this node's Text ({ours})");
    assert_eq!(lines.iter().filter(|line| line.contains(&at_node_0)).count(), 1, "{lines:?}");
}

#[tokio::test]
#[should_panic = "`on_node` was called before for the message type Text"]
async fn a_second_handler_for_a_type_is_an_error() {
    let hub = hub(0);
    let _first = peers::<Text>(&hub, ChannelConfig::new());
    let _second = peers::<Text>(&hub, ChannelConfig::new());
}

#[tokio::test]
#[should_panic = "`on_node` was called before for another type of the name Text"]
async fn a_handler_for_another_type_of_the_same_name_is_an_error() {
    let hub = hub(0);
    let _first = peers::<Text>(&hub, ChannelConfig::new());
    let _second = peers::<OtherText>(&hub, ChannelConfig::new());
}

#[tokio::test]
async fn links_of_a_kind_are_wanted_once_when_the_first_handler_asks() {
    let wanted = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let count = Arc::clone(&wanted);
    let want = move |kind| {
        count[usize::from(kind == LinkKind::Stream)].fetch_add(1, Ordering::Relaxed);
    };
    let hub = Hub::new(NodeId(0), messaging(), Handle::current(), Box::new(want));
    let asked = |kind: usize| wanted[kind].load(Ordering::Relaxed);
    assert_eq!((asked(0), asked(1)), (0, 0));
    let _texts = peers::<Text>(&hub, ChannelConfig::new());
    let _numbers = peers::<Number>(&hub, ChannelConfig::new());
    assert_eq!((asked(0), asked(1)), (1, 0));
    hub.on_node_stream(|_stream| async {});
    assert_eq!((asked(0), asked(1)), (1, 1));
}
