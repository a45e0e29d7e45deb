//! The proof that no change of a running program loses a request.
//!
//! [`site`] is what the versions of the program under proof answer. [`Family`] is that program,
//! running: replaced, scaled, killed from outside, by signals and files alone. [`Death`] tells the
//! requests that a kill may cost from those that nothing may.

mod death;
mod family;
mod install;
pub mod site;

pub use death::{Death, signal};
pub use family::{Family, settled, soon};
pub use install::{Broken, Version};
