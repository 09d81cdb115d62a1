//! What strangers ship: attacks that have to fail on a real engine.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

mod s04;
mod s12;
mod s13;
