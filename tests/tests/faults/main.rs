//! What becomes of plugins, and of the host itself, when something breaks: on a real engine, one fault after the other.
//!
//! Each test measures and fills rows of docs/reliability.md. A plain run compares what happened with what stands there;
//! with `UPDATE_RELIABILITY=1` it writes the rows instead.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests end the test when something is not as it has to be, and figures are for reading"
)]

mod answers;
mod bed;
mod by_hand;
mod dockerd;
mod ends;
mod engine;
mod host_killed;
mod images;
mod limits;
mod neighbour;
mod networks;
mod reach;
mod report;
mod timeline;
mod victim;

use std::time::Duration;

/// Longest wait for anything here. Generous, because the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(180);
