use std::time::{Duration, Instant};

use futures_util::future::join_all;
use hap_host::{ErrorKind, Phase};

use crate::{
    bed::Bed,
    report::{ANSWERS, Row, record},
    victim::Victim,
};

/// Long enough for whoever answers at all, short enough for a test.
const COMMAND: Duration = Duration::from_secs(5);

/// What a plugin answers everything with, what that is called, and what a command to it ends with.
struct Manner {
    mode: &'static str,
    fault: &'static str,
    command: ErrorKind,
}

const BAD_HEALTH: [Manner; 6] = [
    Manner {
        mode: "silent",
        fault: "accepts connections and never answers",
        command: ErrorKind::Timeout,
    },
    Manner {
        mode: "gone",
        fault: "closes connections without an answer",
        command: ErrorKind::Interrupted,
    },
    Manner {
        mode: "garbage",
        fault: "answers with bytes that are no HTTP",
        command: ErrorKind::Interrupted,
    },
    Manner {
        mode: "drip",
        fault: "answers one byte a second",
        command: ErrorKind::Timeout,
    },
    Manner {
        mode: "redirect",
        fault: "answers with redirects",
        command: ErrorKind::InvalidReply,
    },
    Manner {
        mode: "broken",
        fault: "answers 503",
        command: ErrorKind::Rejected,
    },
];

/// The status is good, and the status alone says whether a plugin is well.
const GOOD_HEALTH: [Manner; 2] = [
    Manner {
        mode: "huge",
        fault: "answers with a body of 10 GB",
        command: ErrorKind::InvalidReply,
    },
    Manner {
        mode: "deep",
        fault: "answers with JSON a million levels deep",
        command: ErrorKind::InvalidReply,
    },
];

async fn turn(victim: &Victim, manner: &Manner) -> Instant {
    victim.become_(manner.mode).await;
    let since = Instant::now();
    let error = victim
        .plugin
        .command("look", ())
        .timeout(COMMAND)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), manner.command, "{}: {error}", manner.mode);
    since
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_plugin_that_does_not_answer_as_it_should_is_started_again_and_hurts_nobody() {
    let bed = Bed::new().await;
    let mut victims = Vec::new();
    for manner in BAD_HEALTH.iter().chain(&GOOD_HEALTH) {
        victims.push(bed.victim(manner.mode, "").await);
    }
    let (bad, good) = victims.split_at(BAD_HEALTH.len());
    let started_again =
        "started again after three missed health checks; a command to it fails at its deadline or at once";
    let suffer = bad.iter().zip(&BAD_HEALTH).map(async |(victim, manner)| {
        let since = turn(victim, manner).await;
        bed.healed(victim, since, (ANSWERS, manner.fault, started_again))
            .await;
    });
    let endure = good.iter().zip(&GOOD_HEALTH).map(async |(victim, manner)| {
        turn(victim, manner).await;
        // Longer than three checks that fail.
        tokio::time::sleep(Duration::from_secs(45)).await;
        let state = victim.plugin.state();
        assert_eq!((state.phase, state.restarts, &state.failure), (Phase::Healthy, 0, &None));
        let failed = victim.plugin.command("look", ()).await.unwrap_err();
        record(&Row {
            table: ANSWERS,
            fault: manner.fault,
            expected: "stays healthy, because its status is; no more than the limit is read, and a command to it fails",
            seen: format!("`{}`; a command: {failed}", state.phase),
            detected: None,
            healthy: None,
        });
    });
    tokio::join!(join_all(suffer), join_all(endure));
    bed.end(&victims).await;
}
