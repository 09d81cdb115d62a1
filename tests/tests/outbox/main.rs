//! The promise of the outbox, kept by real processes: an event whose `emit` returned arrives, in order, however often
//! and whenever the plugin and the platform are killed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers of tests end the test when something is not as it has to be, and say what can be run again"
)]

mod law;
mod platform;
mod plugin;
mod story;

use law::check;
use story::Story;

/// Events that must have returned from `emit` before the killing ends.
const EVENTS: usize = 10_000;

#[tokio::test]
async fn what_emit_accepted_arrives_in_order_through_kills_of_both_sides() {
    let mut story = Story::begin();
    while story.plugin.done() < EVENTS {
        story.next_kill().await;
    }
    story.end_in_peace().await;
    let received = story.platform.record();
    match check(&story.plugin.told, &received) {
        Ok(summary) => eprintln!("{story}: {summary}"),
        Err(breach) => panic!(
            "{story}: {breach}; run it again with {}={}",
            story::SEED,
            story.seed
        ),
    }
}
