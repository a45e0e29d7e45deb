//! Reloads to options that listen elsewhere.
