//! Each rule finds what breaks it, and nothing in what does not.

mod about_files;
mod about_images;
mod about_manifests;
mod plugin;

use std::{collections::BTreeSet, fs, path::Path};

use super::{
    check::check,
    finding::{Finding, Findings, Look, Rule},
    page::{explain, page},
    rules::{BROKEN_RULE, RULES},
    severity::Severity,
};
use plugin::Plugin;

/// A rule, a plugin that breaks it, and a neighbour that does not.
type Fixture = (&'static str, fn(&Plugin) -> &Plugin, fn(&Plugin) -> &Plugin);

fn fixtures() -> Vec<Fixture> {
    [
        about_manifests::FIXTURES,
        about_files::FIXTURES,
        about_images::FIXTURES,
    ]
    .concat()
}

fn ids(found: &[Finding]) -> BTreeSet<&'static str> {
    found.iter().map(|finding| finding.rule.id).collect()
}

#[test]
fn a_good_plugin_has_no_findings() {
    let found = Plugin::new().findings();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn each_rule_finds_what_breaks_it_and_nothing_in_its_neighbour() {
    for (id, bad, good) in fixtures() {
        let plugin = Plugin::new();
        bad(&plugin);
        let found = plugin.findings();
        // So many problems are of other kinds too.
        if id == "HAP125" {
            assert!(ids(&found).contains(id), "{id}: {found:#?}");
        } else {
            assert_eq!(ids(&found), BTreeSet::from([id]), "{id} bad: {found:#?}");
        }
        let plugin = Plugin::new();
        good(&plugin);
        let found = plugin.findings();
        assert!(found.is_empty(), "{id} good: {found:#?}");
    }
}

#[test]
fn each_rule_has_both_and_each_id_once() {
    let with: BTreeSet<_> = fixtures().into_iter().map(|(id, ..)| id).collect();
    let all: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
    assert!(all.is_sorted_by(|a, b| a < b), "{all:?}");
    // The one that breaks is tried below.
    let without: Vec<_> = all.iter().filter(|id| !with.contains(*id)).collect();
    assert_eq!(without, [&BROKEN_RULE.id]);
    assert_eq!(with.len() + 1, all.len());
}

#[test]
fn each_rule_says_why_and_how_it_is_mended() {
    for rule in RULES.iter() {
        let text = explain(rule);
        assert!(rule.why.len() > 50 && rule.why.ends_with('.'), "{text}");
        assert!(rule.fix.len() > 10 && !rule.fix.ends_with('.'), "{text}");
        assert!(!rule.title.is_empty() && !rule.title.ends_with('.'), "{text}");
        assert!(rule.bad != rule.good && !rule.bad.is_empty(), "{text}");
        for part in [rule.id, "Fix: ", "Bad:\n    ", "Good:\n    "] {
            assert!(text.contains(part), "{text}");
        }
    }
}

#[test]
fn the_page_of_rules_is_that_of_the_rules() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules.md");
    let page = page(&RULES);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/rules.md is another: write it anew with UPDATE_GOLDEN=1"
    );
}

#[test]
fn a_rule_that_breaks_is_a_finding_and_the_others_go_on() {
    static BREAKS: Rule = Rule {
        look: Look::Itself(|_, findings: &mut Findings| {
            findings.whole("found before");
            panic!("a rule of a test")
        }),
        ..BROKEN_RULE_OF_A_TEST
    };
    const BROKEN_RULE_OF_A_TEST: Rule = Rule {
        id: "HAP000",
        severity: Severity::Advice,
        title: "",
        why: "",
        fix: "",
        bad: "",
        good: "",
        look: Look::Run,
    };
    let plugin = Plugin::new();
    plugin.remove("README.md");
    let mut rules = vec![&BREAKS];
    rules.extend(RULES.iter());
    let found = check(&plugin.subject(), &rules);
    assert_eq!(ids(&found), BTreeSet::from(["HAP999", "HAP202"]), "{found:#?}");
    let broken = found.iter().find(|finding| finding.rule.id == "HAP999").unwrap();
    assert!(broken.message.contains("HAP000") && broken.severity == Severity::Error);
}

#[test]
fn the_examples_have_neither_errors_nor_warnings() {
    for name in ["light", "thermostat", "bridge"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../examples")
            .join(name);
        let found = Plugin::at(&folder);
        let bad: Vec<_> = found
            .iter()
            .filter(|finding| finding.severity > Severity::Advice)
            .collect();
        assert!(bad.is_empty(), "{name}: {bad:#?}");
    }
}

#[test]
fn secrets_are_not_shown_with_what_is_found() {
    let plugin = Plugin::new();
    plugin
        .docker(
            "USER",
            "ENV HAP_API_TOKEN=hunter2hunter2\nARG MY_PASSWORD=hunter2hunter2\nUSER",
        )
        .set("env_vars", serde_json::json!({"MQTT_PASSWORD": "hunter2hunter2"}))
        .write(
            "notes.txt",
            "mqtt://bell:hunter2hunter2@broker\nghp_0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R\n",
        )
        .set(
            "config_schema",
            serde_json::json!({"properties": {"password": {
                "type": "string", "writeOnly": true, "description": "It.", "default": "hunter2hunter2"
            }}}),
        );
    let found = plugin.findings();
    let expected = BTreeSet::from(["HAP502", "HAP503", "HAP505", "HAP506", "HAP507"]);
    assert_eq!(ids(&found), expected, "{found:#?}");
    for finding in &found {
        let shown = format!("{}{}", finding.render(), finding.to_json(true));
        assert!(!shown.contains("hunter2") && !shown.contains("ghp_"), "{shown}");
    }
}

#[test]
fn nothing_of_a_strangers_steers_the_terminal() {
    let plugin = Plugin::new();
    plugin
        .write("a\u{1b}[2J.txt", "x")
        .write("Dockerfile", "FROM x\u{202e}y\nCOPY \u{1b}[2J /x\nRUN \u{7}\n")
        .write(".hapcheck", "HAP\u{1b}[2J\n")
        .write("CHANGELOG.md", "\u{1b}[2J")
        .write(
            "manifest.json",
            "{\"id\": \"\u{1b}]0;x\", \"name\": \"\\u001b[2J\", \"b\\u001b\": \"\u{202e}\"}",
        );
    let found = plugin.findings();
    assert!(found.len() >= 5, "{found:#?}");
    for finding in &found {
        let shown = finding.render();
        let steers = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}');
        assert!(!shown.contains(steers), "{shown:?}");
    }
}

#[test]
fn findings_are_in_the_order_of_files_and_lines() {
    let plugin = Plugin::new();
    plugin
        .remove("conformance.json")
        .docker("COPY bell", "COPY nothere.txt /x\nCOPY bell")
        .docker("EXPOSE 8000", "EXPOSE 80")
        .set("author", serde_json::json!(""));
    let found = plugin.findings();
    let order: Vec<_> = found
        .iter()
        .map(|finding| (finding.file.as_deref().unwrap_or(""), finding.rule.id))
        .collect();
    assert_eq!(
        order,
        [
            ("", "HAP413"),
            ("Dockerfile", "HAP307"),
            ("Dockerfile", "HAP304"),
            ("manifest.json", "HAP405")
        ]
    );
    assert!(
        found[3].render().contains("\"author\": \"\""),
        "{}",
        found[3].render()
    );
}

#[test]
fn a_package_is_held_to_the_rules_as_its_folder_is() {
    let plugin = Plugin::new();
    plugin
        .set("version", serde_json::json!("0.0.0"))
        .write("CHANGELOG.md", "## 0.0.0\n");
    plugin.docker("EXPOSE 8000", "EXPOSE 80");
    let of_folder = ids(&plugin.findings());
    plugin.pack();
    assert_eq!(ids(&plugin.findings()), of_folder);
    assert_eq!(of_folder, BTreeSet::from(["HAP304", "HAP406"]));
}
