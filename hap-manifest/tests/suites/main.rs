//! What the conformance suites of other projects say, as tables of inputs and verdicts. Each table names where its facts
//! come from; where a verdict here is stricter than theirs, the row says so.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

mod events;
mod images;
mod json;
mod ranges;
#[path = "../package/raw.rs"]
#[expect(dead_code, reason = "not all are used here")]
mod raw;
mod sizes;
mod traces;
mod webhooks;
mod zips;
