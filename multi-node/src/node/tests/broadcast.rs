//! One message to all, and who got it.

use super::*;

#[tokio::test]
async fn a_broadcast_reaches_the_open_channels_and_says_who_got_it() {
    let hubs = mesh(4);
    let mut at: Vec<_> = hubs[..3].iter().map(|hub| peers::<Text>(hub, small_window())).collect();
    let (_one, _two) = (soon(at[0].recv()).await.unwrap(), soon(at[0].recv()).await.unwrap());
    let (mut first, mut second) =
        (soon(at[1].recv()).await.unwrap(), soon(at[2].recv()).await.unwrap());
    if first.id() != NodeId(0) {
        first = soon(at[1].recv()).await.unwrap();
    }
    if second.id() != NodeId(0) {
        second = soon(at[2].recv()).await.unwrap();
    }
    let sent = soon(hubs[0].broadcast(&text("all"))).await.unwrap();
    assert_eq!(sent.reached(), [NodeId(1), NodeId(2)]);
    assert_eq!(sent.missed(), []);
    assert_eq!(hubs[0].peers::<Text>(), [NodeId(1), NodeId(2)]);
    assert_eq!(soon(first.recv()).await, Some(text("all")));
    assert_eq!(soon(second.recv()).await, Some(text("all")));
    // Node 3 never asked.
    assert_eq!(hubs[3].broadcast(&text("?")).await.unwrap(), crate::Broadcast::default());
}

#[tokio::test]
async fn a_broadcast_waits_for_a_full_window_without_holding_up_the_others() {
    let hubs = mesh(3);
    let mut at: Vec<_> = hubs.iter().map(|hub| peers::<Number>(hub, small_window())).collect();
    let mut of_0 = [soon(at[0].recv()).await.unwrap(), soon(at[0].recv()).await.unwrap()];
    of_0.sort_by_key(Peer::id);
    let mut receivers = Vec::new();
    for node in &mut at[1..] {
        let mut both = [soon(node.recv()).await.unwrap(), soon(node.recv()).await.unwrap()];
        both.sort_by_key(Peer::id);
        let [of_node_0, _] = both;
        receivers.push(of_node_0);
    }
    let full = fill(&of_0[0]);
    let hub = hubs[0].clone();
    let sending = tokio::spawn(async move { hub.broadcast(&Number(full)).await });
    assert_eq!(soon(receivers[1].recv()).await, Some(Number(full)));
    assert!(!sending.is_finished());
    for n in 0..=full {
        assert_eq!(soon(receivers[0].recv()).await, Some(Number(n)));
    }
    assert_eq!(soon(sending).await.unwrap().unwrap().reached(), [NodeId(1), NodeId(2)]);
}

#[tokio::test]
async fn a_broadcast_that_is_to_wait_for_nobody_says_who_had_no_room() {
    let hubs = mesh(3);
    let mut at: Vec<_> = hubs.iter().map(|hub| peers::<Number>(hub, small_window())).collect();
    let mut of_0 = [soon(at[0].recv()).await.unwrap(), soon(at[0].recv()).await.unwrap()];
    of_0.sort_by_key(Peer::id);
    let mut of_1 = [soon(at[1].recv()).await.unwrap(), soon(at[1].recv()).await.unwrap()];
    of_1.sort_by_key(Peer::id);
    let full = fill(&of_0[0]);
    let sent = hubs[0].try_broadcast(&Number(full)).unwrap();
    assert_eq!(sent.reached(), [NodeId(2)]);
    assert_eq!(sent.missed(), [(NodeId(1), TrySendError::Full)]);
    for n in 0..full {
        assert_eq!(soon(of_1[0].recv()).await, Some(Number(n)));
    }
    soon(async {
        while !hubs[0].try_broadcast(&Number(full)).unwrap().reached().contains(&NodeId(1)) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(soon(of_1[0].recv()).await, Some(Number(full)));
}
