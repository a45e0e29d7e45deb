//! What user code holds of its node.

#[cfg(feature = "http")]
mod serve;
