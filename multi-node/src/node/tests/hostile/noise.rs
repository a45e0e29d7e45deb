//! Bytes that are hardly ever frames, in any pieces, beside a link that goes on.

use std::net::Shutdown;

use super::*;

/// Noise, in the pieces in which it comes.
fn noise() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let piece = prop_oneof![
        2 => vec(any::<u8>(), 0..200),
        // Small numbers make headers that could be.
        2 => vec(0..11u8, 0..60),
        1 => nearly_frames(),
    ];
    vec(piece, 0..8)
}

/// Waits until the node has closed the link.
async fn cut_off(mut stranger: UnixStream) {
    stranger.set_nonblocking(true).unwrap();
    let mut rest = [0; 4096];
    soon(async {
        loop {
            match stranger.read(&mut rest) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
}

proptest! {
    #![proptest_config(crate::tests::cases(200))]

    #[test]
    fn no_bytes_at_all_keep_a_link_from_its_end_or_others_from_theirs(
        polite in any::<bool>(),
        pieces in noise(),
    ) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (hub, left, _other, mut right) = channel::<Number>(ChannelConfig::new()).await;
            let _texts = peers::<Text>(&hub, ChannelConfig::new().window(200).max_frame(64));
            let (ours, theirs) = stream_pair().unwrap();
            hub.link(NodeId(7), LinkKind::Messages, ours);
            let mut stranger = Stranger(UnixStream::from(theirs));
            if polite {
                stranger.frame(Kind::Hello, 0, &Hello { protocol: PROTOCOL, node: 7 });
                stranger.ask_for_text();
            }
            for (n, piece) in pieces.iter().enumerate() {
                // It may have been cut off.
                let _ = stranger.0.write_all(piece);
                let_others_run(3).await;
                let number = Number(n as u64);
                soon(left.send(&number)).await.unwrap();
                assert_eq!(soon(right.recv()).await, Some(number));
            }
            let _ = stranger.0.shutdown(Shutdown::Write);
            cut_off(stranger.0).await;
        });
    }
}
