//! Every manifest in `fixtures/broken` is refused, in words that its author can act on.
//!
//! Beside each `NAME.json` lie the drawn report, `NAME.txt`, and the same for programs, `NAME.issues.json`.
//! `UPDATE_GOLDEN=1 cargo test -p hap-manifest --test broken` writes both anew; then read what changed.
#![cfg(feature = "config-schema")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as the tests do"
)]

mod golden;

use std::collections::BTreeSet;
use std::path::Path;

use hap_manifest::{Manifest, ManifestError};

const FOLDER: &str = "tests/fixtures/broken";

/// Codes that no fixture has, and why.
const ELSEWHERE: [(&str, &str); 2] = [
    (
        "too_large",
        "a quarter of a mebibyte is no good fixture; see tests/issues.rs",
    ),
    ("missing_file", "it is of packages; see tests/package"),
];

/// The names of all files in the folder.
fn files() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn fixtures() -> Vec<String> {
    let is_golden = |name: &str| name.ends_with(".issues.json");
    let files = files();
    let names = files.iter().filter(|name| !is_golden(name));
    names
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .collect()
}

/// The text as an author sees it, and why it is refused.
#[track_caller]
fn refused(name: &str) -> (String, ManifestError) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{FOLDER}/{name}.json"));
    let bytes = std::fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let result = match std::str::from_utf8(&bytes) {
        Ok(text) => Manifest::from_json_strict(text),
        Err(_) => Manifest::from_slice(&bytes).map(|parsed| parsed.manifest),
    };
    match result {
        Ok(_) => panic!("{name} is taken"),
        Err(error) => (text, error),
    }
}

#[test]
fn every_broken_manifest_is_explained() {
    let names = fixtures();
    assert!(names.len() >= 60, "{} fixtures", names.len());
    for name in names {
        let (text, error) = refused(&name);
        golden::check(&format!("{FOLDER}/{name}.txt"), &error.render(&text));
        let json = serde_json::to_string_pretty(&error).unwrap();
        golden::check(&format!("{FOLDER}/{name}.issues.json"), &format!("{json}\n"));
    }
    // Nor is there a report of a manifest that is gone.
    let expected: BTreeSet<_> = fixtures()
        .iter()
        .flat_map(|name| ["json", "txt", "issues.json"].map(|end| format!("{name}.{end}")))
        .collect();
    let odd: Vec<_> = files().symmetric_difference(&expected).cloned().collect();
    assert_eq!(odd, [""; 0]);
}

#[test]
fn every_kind_of_issue_has_a_fixture() {
    let shown: BTreeSet<_> = fixtures()
        .iter()
        .flat_map(|name| refused(name).1.issues().to_vec())
        .map(|issue| issue.code().as_str())
        .collect();
    let elsewhere = ELSEWHERE.map(|(code, _)| code);
    for code in hap_manifest::IssueCode::ALL {
        let code = code.as_str();
        assert_ne!(shown.contains(code), elsewhere.contains(&code), "{code}");
    }
}

/// What one mistake is told as should be of use: where it is, and what to do.
#[test]
fn every_issue_has_a_place() {
    for name in fixtures() {
        for issue in refused(&name).1.issues() {
            assert!(
                issue.line().is_some() || issue.code() == "more_issues",
                "{name}: {issue}"
            );
        }
    }
}
