//! Several nodes in one process: each on its own thread and runtime, with real sockets.

mod family;
mod hang;
mod leave;
mod spread;
