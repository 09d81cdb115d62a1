//! What pages of `docs` say of the tests.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

use std::{collections::BTreeSet, fs, path::Path};

use hap_tests::document;

/// Names of all functions below a folder that are tests.
fn tests(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim_start) {
                is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                let name = line.split_once("fn ").map(|(_, rest)| rest);
                if let Some(name) = name.filter(|_| is_test && !line.starts_with("//")) {
                    found.extend(name.split(['(', '<']).next().map(str::to_owned));
                    is_test = false;
                }
            }
        }
    }
}

#[test]
fn every_claim_of_the_page_on_security_has_a_test_and_every_attack_is_on_the_page() {
    let page = fs::read_to_string(document::path("security.md")).unwrap();
    let (_, table, _) = document::split(&page, "claims");
    let rows = table.lines().skip(2);
    let named: BTreeSet<_> = rows
        .map(|row| row.split('`').nth(1).unwrap_or(row).to_owned())
        .collect();
    assert!(named.len() > 40, "{named:?}");

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut there = BTreeSet::new();
    for folder in ["hap-host", "hap-manifest", "hap-plugin", "tests"] {
        tests(&root.join(folder), &mut there);
    }
    let missing: Vec<_> = named.difference(&there).collect();
    assert!(
        missing.is_empty(),
        "docs/security.md names tests that do not exist: {missing:?}"
    );

    let mut attacks = BTreeSet::new();
    tests(&root.join("tests/tests/hostile"), &mut attacks);
    let untold: Vec<_> = attacks.difference(&named).collect();
    assert!(
        untold.is_empty(),
        "not among the claims of docs/security.md: {untold:?}"
    );
}
