//! How much may wait for a subscription, and what becomes of the rest.

use crate::link::when_full::WhenFull;

/// How much may wait for a subscription, and what becomes of the rest.
///
/// ```no_run
/// use multi_node::{Message, Nodes, SubscribeConfig, WhenFull};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Message)]
/// struct Price(f64);
///
/// async fn latest(nodes: Nodes) {
///     let config = SubscribeConfig::new().window(64 * 1024).when_full(WhenFull::DropOldest);
///     let mut prices = nodes.topic::<Price>("gold").subscribe_with(config).await;
///     while let Some(price) = prices.recv().await {
///         match price {
///             Ok(price) => println!("{}", price.message.0),
///             Err(lagged) => eprintln!("too slow: {lagged}"),
///         }
///     }
/// }
/// # let _ = latest;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscribeConfig {
    pub(super) window: usize,
    pub(super) when_full: WhenFull,
}

impl SubscribeConfig {
    /// A window of 256 KiB, for which publishers wait.
    pub fn new() -> Self {
        SubscribeConfig { window: 256 * 1024, when_full: WhenFull::default() }
    }

    /// Bytes that may wait for this subscription (default 256 KiB): those of the encoded messages,
    /// and 64 for each.
    ///
    /// With [`WhenFull::Wait`] each node may have so much under way, and of several such
    /// subscriptions of one node to a topic the smallest window counts; otherwise it is what waits
    /// here, whoever published it, and what comes while 4 MiB of any topics are under way from a
    /// node to this one is dropped too: nobody waits for the link either. A message larger than the
    /// window goes when next to nothing else waits.
    #[must_use]
    pub fn window(self, bytes: usize) -> Self {
        SubscribeConfig { window: bytes, ..self }
    }

    /// What is done with a message for which there is no room (default [`WhenFull::Wait`]).
    #[must_use]
    pub fn when_full(self, when_full: WhenFull) -> Self {
        SubscribeConfig { when_full, ..self }
    }
}

impl Default for SubscribeConfig {
    fn default() -> Self {
        SubscribeConfig::new()
    }
}
