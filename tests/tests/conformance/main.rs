//! The conformance suite on plugins in several languages, each with exactly the report that it should have.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

#[cfg(test)]
mod broken;
#[cfg(test)]
mod languages;
#[cfg(test)]
mod platform;
#[cfg(test)]
mod report;

use std::{fs, path::PathBuf, time::Duration};

use hap_conformance::{Declaration, Inputs, Level, Outcome, Report, Suite, Weight, suite, target::Program};
use hap_manifest::{HealthCheck, Manifest};
use hap_tests::document;

/// A file of `tests/fixtures/plugins`.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/plugins")
        .join(name)
}

/// The ids of the cases of a weight that ended so, in order.
fn ids(report: &Report, weight: Weight, outcome: Outcome) -> Vec<&str> {
    let cases = report.cases.iter();
    let found = cases.filter(|case| case.weight == weight && case.outcome == outcome);
    found.map(|case| case.id.as_str()).collect()
}

/// The plugin in Python's standard library, which breaks what a case is about.
fn python(level: Level, breaks: &str) -> Suite {
    // What a plugin listens on that does not look at `PORT`.
    let fixed = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = fixed.local_addr().unwrap().port();
    let check = HealthCheck::default().with_start_period(Duration::from_secs(if breaks == "start.healthy" {
        1
    } else {
        20
    }));
    let manifest = Manifest::builder("motion", "Motion", "1.0.0", "motion:1")
        .api_port(port)
        .volume("/data")
        .health_check(check.unwrap())
        .stop_timeout(if breaks == "stop.grace" { "1s" } else { "10s" })
        .build()
        .unwrap();
    let inputs: Inputs = fs::read_to_string(fixture("conformance.json"))
        .unwrap()
        .parse()
        .unwrap();
    let program = Program::new("python3").arguments([fixture("plugin.py").into_os_string(), breaks.into()]);
    suite(program.variable("FIXED_PORT", port.to_string()))
        .level(level)
        .declaration(Declaration::of(&manifest).inputs(inputs))
}

#[test]
fn each_case_is_about_a_sentence_of_the_page_on_the_protocol() {
    let page = fs::read_to_string(document::path("protocol.md")).unwrap();
    let mut sentences = String::new();
    for item in page.split("\n* <a id=\"").skip(1) {
        let (id, rest) = item.split_once('"').unwrap();
        let rest = rest.split_once("]**\n").unwrap().1;
        let lines = rest.lines().take_while(|line| line.starts_with("  "));
        let text: Vec<_> = lines.map(str::trim).collect();
        sentences.push_str(&format!("{id} {}\n", text.join(" ")));
    }
    let copy = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("conformance/src/sentences.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&copy, &sentences).unwrap();
    }
    assert_eq!(
        fs::read_to_string(copy).unwrap(),
        sentences,
        "the copy is another than the page; UPDATE_GOLDEN=1 writes it"
    );
    let mut seen = std::collections::BTreeSet::new();
    for case in hap_conformance::cases() {
        let id = case.id();
        assert!(seen.insert(id), "{id} is there twice");
        let sentence = hap_conformance::sentence(case.sentence());
        assert!(sentence.is_some(), "{id}: there is no {}", case.sentence());
        assert!(!case.title().is_empty() && !case.fix().is_empty(), "{id}");
    }
    assert!(seen.len() > 60, "{}", seen.len());
}

/// What is demanded in full is at least what the guide demands.
#[test]
fn no_case_weighs_less_in_full_than_in_the_guide() {
    for case in hap_conformance::cases() {
        let full = case.weight(Level::Full).unwrap();
        assert!(
            case.weight(Level::Guide).is_none_or(|guide| full <= guide),
            "{}",
            case.id()
        );
    }
}
