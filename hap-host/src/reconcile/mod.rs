//! The law of a plugin's life: from what is wanted and what was seen to the next operation.
//!
//! Nothing here does I/O, reads a clock or draws a random number: time and the seed of the
//! jitter come in as values, so the same inputs give the same outputs and years of life fit into
//! a test of a second.
//!
//! The machine is level triggered. It compares what is wanted with what was seen last and names one
//! operation that brings the two closer; an event of the engine is only a hint to look again.
//! Losing one delays, never corrupts.

mod backoff;
pub(crate) mod dependencies;
mod dependency_gate;
pub(crate) mod drift;
pub(crate) mod machine;
pub(crate) mod probation;
pub(crate) mod spec;
mod watchdog;
