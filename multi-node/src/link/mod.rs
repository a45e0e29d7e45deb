//! Frames, codec, channels, back-pressure, the hello, the control protocol.
pub(crate) mod control;
