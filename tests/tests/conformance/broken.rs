//! For each required case a plugin that breaks what it is about and nothing else.

use futures_util::StreamExt as _;

use super::*;

/// Plugins that are tried at once. Most of their time is pauses.
const AT_ONCE: usize = 5;

/// Cases that a local program cannot break: it has the file system of this machine.
const NOT_OF_A_PROGRAM: [&str; 1] = ["fs.read-only"];

/// What belongs to the cases of deliveries and of ends, which start the plugin once each.
fn takes_starts(id: &str) -> bool {
    ["stop.", "exit.", "log.", "event."]
        .iter()
        .any(|family| id.starts_with(family))
}

/// What else is told of a plugin that breaks this, beside the case itself: advice, since a part of it is recommended too.
fn also(broken: &str, level: Level) -> &'static [&'static str] {
    match (broken, level) {
        ("hostile.pipelined", _) => &["hostile.keep-alive"],
        _ => &[],
    }
}

async fn fails_exactly(level: Level, broken: &'static str) {
    let mut run = python(level, broken);
    if !takes_starts(broken) {
        let families = [
            "start",
            "env",
            "fs",
            "health",
            "status",
            "command",
            "reply",
            "config",
            "hostile",
            "path",
            "method",
            "auth",
            "describe",
            "metrics",
            "openapi",
            "event.sent",
            "event.shape",
        ];
        run = run.only(families);
    }
    let report = run.run().await;
    assert_eq!(
        ids(&report, Weight::Required, Outcome::Fail),
        [broken],
        "{level}\n{report}"
    );
    assert_eq!(
        ids(&report, Weight::Required, Outcome::Error),
        [""; 0],
        "{level}\n{report}"
    );
    assert_eq!(
        ids(&report, Weight::Recommended, Outcome::Fail),
        also(broken, level),
        "{level}\n{report}"
    );
    assert!(!report.conformant && !report.is_success());
    let case = report.case(broken).unwrap();
    assert!(case.finding.is_some() && case.fix.is_some(), "{case:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs python3"]
async fn each_broken_plugin_fails_exactly_its_case() {
    let cases = hap_conformance::cases();
    let required = cases.filter(|case| {
        case.weight(Level::Full) == Some(Weight::Required) && !NOT_OF_A_PROGRAM.contains(&case.id())
    });
    // What the guide demands is shown at its level: in full some of it breaks other cases too.
    let level = |case: &hap_conformance::Case| match case.weight(Level::Guide) {
        Some(Weight::Required) => Level::Guide,
        _ => Level::Full,
    };
    let required: Vec<_> = required.map(|case| (level(case), case.id())).collect();
    assert!(required.len() > 40, "{}", required.len());
    let mut trials = futures_util::stream::iter(required)
        .map(async |(level, id)| tokio::spawn(fails_exactly(level, id)).await)
        .buffer_unordered(AT_ONCE);
    while let Some(trial) = trials.next().await {
        trial.unwrap();
    }
}
