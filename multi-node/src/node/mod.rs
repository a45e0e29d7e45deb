//! What user code holds.
pub(crate) mod broadcast;
pub(crate) mod framed;
mod handler;
pub(crate) mod hub;
pub(crate) mod peer;
mod registry;
pub(crate) mod stream;

#[cfg(test)]
mod tests;
