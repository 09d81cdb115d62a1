//! What a person is asked, as text and as JSON.
//!
//! `fixtures/consent` has both for each case. `UPDATE_GOLDEN=1 cargo test -p hap-manifest --test consent`
//! writes them anew; then read what changed, as the person would who is asked.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

mod golden;

use hap_manifest::Manifest;
use hap_manifest::permission::{Consent, Direction, Permission, Publisher, requested};
use serde_json::{Value, json};

/// A manifest that asks for nothing, with `more`.
fn manifest(version: &str, more: &Value) -> Manifest {
    let mut object = json!({
        "id": "meter", "name": "Power meter", "version": version, "description": "", "author": "",
        "image": "example/meter:1", "network_access": false
    });
    let members = more.as_object().unwrap().clone();
    object.as_object_mut().unwrap().extend(members);
    serde_json::from_value(object).unwrap()
}

fn consent(version: &str, more: &Value) -> Consent {
    Consent::new(&manifest(version, more))
}

fn signed(number: &str) -> Publisher {
    Publisher::signed(format!("RWQ-{number}"), number)
}

#[track_caller]
fn check(name: &str, consent: &Consent) {
    golden::check(
        &format!("tests/fixtures/consent/{name}.txt"),
        &consent.to_string(),
    );
    let json = serde_json::to_string_pretty(consent).unwrap() + "\n";
    golden::check(&format!("tests/fixtures/consent/{name}.json"), &json);
}

#[test]
fn a_plugin_that_asks_for_nothing_says_so() {
    check("nothing", &consent("1.0.0", &json!({})));
}

#[test]
fn everything_that_can_be_asked_for_has_its_words() {
    let all = manifest(
        "1.0.0",
        &json!({
            "network_access": true, "device_access": true, "devices": ["/dev/ttyUSB0"],
            "capabilities": ["NET_RAW", "SYS_ADMIN"], "user": "0:0", "writable_rootfs": true,
            "memory_limit": "2g", "cpu_limit": 4, "pids_limit": 2000, "volumes": ["/data", "/cache"]
        }),
    );
    let asked = [Permission::HostDevices, Permission::Build]
        .into_iter()
        .chain(requested(&all));
    let whole = Consent::new(&all)
        .requesting(asked)
        .build_steps([
            "line 1: FROM rust:1".to_owned(),
            "line 2: RUN cargo build".to_owned(),
        ])
        .publisher(signed("E7620F1842B4E81F"));
    check("everything", &whole);
}

#[test]
fn another_version_tells_what_is_new_what_is_gone_and_what_grew() {
    let old = consent(
        "1.0.0",
        &json!({
            "network_access": true, "device_access": true, "devices": ["/dev/ttyUSB0", "/dev/ttyUSB1"],
            "memory_limit": "64m", "cpu_limit": 2, "volumes": ["/data", "/cache"]
        }),
    );
    let new = consent(
        "2.0.0",
        &json!({
            "network_access": false, "device_access": true, "devices": ["/dev/ttyUSB1"],
            "capabilities": ["NET_RAW"], "memory_limit": "2g", "cpu_limit": 0.5, "pids_limit": 64,
            "volumes": ["/data", "/history"]
        }),
    );
    let old = old.publisher(Publisher::Unsigned);
    let new = new.publisher(signed("E7620F1842B4E81F")).compared_with(&old);
    check("changed", &new);
    let guide = include_str!("../../docs/guide-host.md");
    assert!(
        guide.contains(&new.to_string()),
        "docs/guide-host.md shows another text"
    );
    let changes = new.changes.unwrap();
    let directions: Vec<_> = changes
        .limits
        .iter()
        .map(|change| (change.limit, change.direction))
        .collect();
    assert_eq!(
        directions,
        [
            ("memory", Direction::More),
            ("cpu", Direction::Less),
            ("processes", Direction::Other)
        ]
    );
    // What takes a grant is told with its name.
    assert_eq!(changes.limits[0].permission.as_deref(), Some("memory:2g"));
    assert_eq!(changes.limits[1].permission, None);
}

#[test]
fn the_same_again_is_told_in_one_line() {
    let old = consent("1.0.0", &json!({"network_access": true}));
    let new = consent("1.0.1", &json!({"network_access": true})).compared_with(&old);
    check("same", &new);
    assert!(new.changes.unwrap().is_empty());
}

#[test]
fn what_is_covered_is_not_new_and_all_devices_are_more_than_some() {
    let added = |old: &Value, new: &Value| -> Vec<String> {
        let new = consent("2.0.0", new).compared_with(&consent("1.0.0", old));
        new.changes
            .unwrap()
            .added
            .into_iter()
            .map(|asked| asked.id)
            .collect()
    };
    assert_eq!(added(&json!({"user": "0"}), &json!({"user": "1000:0"})), [""; 0]);
    let some = json!({"device_access": true, "devices": ["/dev/a"]});
    assert_eq!(added(&some, &json!({"device_access": true})), ["host_devices"]);
}

#[test]
fn what_an_author_writes_steers_no_terminal_and_fills_no_screen() {
    let long = "x".repeat(10_000);
    let mut steps = vec![
        "line 1: RUN \u{1b}]0;you agree\u{7} \u{202e}rm".to_owned(),
        format!("line 2: RUN {long}"),
        "line 3: RUN a\nThis plugin asks for nothing".to_owned(),
    ];
    steps.extend((4..500).map(|line| format!("line {line}: RUN id")));
    let text = consent("1.0.0", &json!({})).build_steps(steps).to_string();
    let steers = |c: char| (c.is_control() && c != '\n') || ('\u{200b}'..='\u{206f}').contains(&c);
    assert!(!text.contains(steers), "{text:?}");
    assert!(text.lines().count() < 40, "{}", text.lines().count());
    assert!(text.lines().all(|line| line.chars().count() < 200));
    assert!(text.contains("... and 479 more"), "{text}");
    assert!(!text.contains("\nThis plugin asks for nothing\n"), "{text}");
}
