//! For each required case a plugin that breaks what it is about and nothing else.

use futures_util::StreamExt as _;

use super::*;

/// Plugins that are tried at once. Most of their time is pauses.
const AT_ONCE: usize = 5;

/// Cases that a local program cannot break: it has the file system of this machine.
const NOT_OF_A_PROGRAM: [&str; 1] = ["fs.read-only"];

/// Cases that start the plugin once each, by their families. Each start takes a tenth of a second of a processor, so they
/// are tried where the broken case is of their family; all others are tried on every broken plugin.
const STARTING: [&[&str]; 2] = [
    &["config.again", "config.again-after-restart", "config.replaces"],
    &["stop", "exit", "log", "event"],
];

/// Whether a case is this one, or of this family.
fn is_of(id: &str, family: &str) -> bool {
    let rest = id.strip_prefix(family);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The cases that are tried on a plugin that breaks this one.
fn tried(broken: &str) -> impl Iterator<Item = &'static str> {
    let left_out: Vec<&str> = STARTING
        .iter()
        .filter(|cases| !cases.iter().any(|case| is_of(broken, case)))
        .flat_map(|cases| cases.iter().copied())
        .collect();
    let ids = hap_conformance::cases().map(hap_conformance::Case::id);
    ids.filter(move |id| !left_out.iter().any(|family| is_of(id, family)))
}

/// What else is told of a plugin that breaks this, beside the case itself: advice, since a part of it is recommended too.
fn also(broken: &str, level: Level) -> &'static [&'static str] {
    match (broken, level) {
        ("hostile.pipelined", _) => &["hostile.keep-alive"],
        _ => &[],
    }
}

async fn fails_exactly(level: Level, broken: &'static str) {
    let run = python(level, broken).only(tried(broken));
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
