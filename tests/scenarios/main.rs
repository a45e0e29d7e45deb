//! Scenarios with real processes, one file an operation.

mod harness;
