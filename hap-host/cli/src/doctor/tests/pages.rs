use std::{collections::HashSet, fs, path::Path};

use super::{
    super::{
        check::{Finding, Group, Health},
        checks::CHECKS,
        page::page,
        report::report,
    },
    healthy,
};

#[test]
fn the_page_of_checks_is_that_of_the_checks() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/doctor.md");
    let page = page(CHECKS);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/doctor.md is another: write it anew with UPDATE_GOLDEN=1"
    );
}

#[test]
fn ids_are_words_of_a_group_and_each_is_there_once() {
    let ids: HashSet<_> = CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(ids.len(), CHECKS.len());
    for check in CHECKS {
        let (group, name) = check.id.split_once('.').unwrap();
        let of_group = match check.group {
            Group::Engine => "engine",
            Group::Machine => "machine",
            Group::Network => "network",
            Group::State => "state",
            Group::Host => "host",
        };
        assert_eq!(group, of_group, "{}", check.id);
        assert!(
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{}",
            check.id
        );
    }
    // A heading is there once.
    let mut groups: Vec<_> = CHECKS.iter().map(|check| check.group).collect();
    groups.dedup();
    assert_eq!(groups.len(), 5, "{groups:?}");
}

#[test]
fn a_report_keeps_to_eighty_columns_but_for_commands_and_steers_no_terminal() {
    let mut findings: Vec<_> = CHECKS.iter().map(|check| check.judge(&healthy())).collect();
    findings.push(Finding {
        id: "host.health",
        group: Group::Host,
        health: Health::Fix,
        sentence: format!("it says \u{1b}]0;x\u{7} {}", "a word ".repeat(40)),
        fix: Some("sudo systemctl restart hap".to_owned()),
    });
    let shown = anstream::adapter::strip_str(&report(&findings)).to_string();
    for line in shown.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(!shown.contains(['\u{1b}', '\u{7}']), "{shown}");
    assert!(
        shown.contains("\n            sudo systemctl restart hap\n"),
        "{shown}"
    );
    assert!(shown.contains("1 to mend, 0 to look at"), "{shown}");
}
