//! Each crate is a house of a few rooms in one direction. A room imports what its row allows and nothing else, no two
//! files import each other, and no file imports through the root of its crate. `docs/architecture.md` says what each
//! room is for.

#[cfg(test)]
mod imports;
#[cfg(test)]
mod wall_clock;
#[cfg(test)]
mod words;

use std::{collections::BTreeSet, path::Path};

use hap_tests::source::src_of;
use imports::Imports;

/// The rooms of a crate from the ground floor up, each with those it may import.
type Rooms = &'static [(&'static str, &'static [&'static str])];

const MANIFEST: Rooms = &[
    ("value", &[]),
    ("json", &["value"]),
    ("diagnostics", &["json", "value"]),
    ("document", &["diagnostics", "json", "value"]),
    ("config_schema", &["diagnostics", "json", "value"]),
    ("manifest", &["config_schema", "diagnostics", "json", "value"]),
    ("permission", &["diagnostics", "manifest", "value"]),
    ("package", &["diagnostics", "manifest", "value"]),
    ("secret", &["value"]),
    ("wire", &["value"]),
    ("webhook", &["secret"]),
];

const PLUGIN: Rooms = &[
    ("http_client", &[]),
    ("telemetry", &["http_client"]),
    ("error", &["telemetry"]),
    ("decode", &["error"]),
    ("storage", &["decode", "error"]),
    ("settings", &["error", "telemetry"]),
    ("config", &["decode", "error", "settings", "storage", "telemetry"]),
    ("events", &["http_client", "settings", "storage", "telemetry"]),
    (
        "api",
        &[
            "config",
            "decode",
            "error",
            "events",
            "settings",
            "storage",
            "telemetry",
        ],
    ),
    (
        "server",
        &[
            "api",
            "config",
            "decode",
            "error",
            "events",
            "settings",
            "storage",
            "telemetry",
        ],
    ),
    (
        "process",
        &["api", "error", "http_client", "server", "settings", "telemetry"],
    ),
    ("testing", &["api", "error", "server", "settings"]),
];

const HOST: Rooms = &[
    ("engine", &[]),
    ("model", &["engine"]),
    ("policy", &["model", "engine"]),
    ("metrics", &["model", "engine"]),
    ("error", &["policy", "model", "engine"]),
    ("reconcile", &["policy", "model", "engine"]),
    ("store", &["error", "model"]),
    ("protocol", &["store", "error", "metrics", "model", "engine"]),
    (
        "plugin",
        &[
            "protocol",
            "store",
            "reconcile",
            "error",
            "metrics",
            "policy",
            "model",
            "engine",
        ],
    ),
    (
        "supervisor",
        &[
            "plugin",
            "protocol",
            "store",
            "reconcile",
            "error",
            "metrics",
            "policy",
            "model",
            "engine",
        ],
    ),
    (
        "management",
        &[
            "supervisor",
            "plugin",
            "protocol",
            "error",
            "policy",
            "model",
            "engine",
        ],
    ),
    ("client", &["management"]),
];

const CONFORMANCE: Rooms = &[
    ("level", &[]),
    ("outcome", &[]),
    ("sentences", &[]),
    ("http", &[]),
    ("declaration", &[]),
    ("platform", &["http"]),
    ("target", &[]),
    ("bench", &["declaration", "http", "outcome", "platform", "target"]),
    (
        "cases",
        &["bench", "http", "level", "outcome", "platform", "target"],
    ),
    ("expected", &["cases"]),
    ("report", &["cases", "level", "outcome", "sentences"]),
    (
        "suite",
        &[
            "bench",
            "cases",
            "declaration",
            "expected",
            "http",
            "level",
            "outcome",
            "report",
            "target",
        ],
    ),
];

const CLI: Rooms = &[
    ("elf", &[]),
    ("failure", &[]),
    ("terminal", &["failure"]),
    ("disk", &["failure"]),
    ("signing", &["disk", "failure"]),
    ("project", &["failure"]),
    ("cargo", &["elf", "failure"]),
    ("template", &["project"]),
    ("lint", &["elf", "failure"]),
    ("engine", &["failure", "project"]),
    ("build", &["cargo", "engine", "failure", "project", "terminal"]),
    ("site", &["failure"]),
    ("host", &["disk", "failure", "site", "terminal"]),
    ("doctor", &["elf", "engine", "failure", "site", "terminal"]),
    (
        "commands",
        &[
            "build", "cargo", "disk", "doctor", "elf", "engine", "failure", "host", "lint", "project",
            "signing", "site", "template", "terminal",
        ],
    ),
];

#[test]
fn the_rooms_of_hap_manifest_import_in_one_direction() {
    check("hap-manifest", MANIFEST);
}

#[test]
fn the_rooms_of_hap_plugin_import_in_one_direction() {
    check("hap-plugin", PLUGIN);
}

#[test]
fn the_rooms_of_hap_host_import_in_one_direction() {
    check("hap-host", HOST);
}

#[test]
fn the_rooms_of_hap_conformance_import_in_one_direction() {
    check("tests/conformance", CONFORMANCE);
}

#[test]
fn the_rooms_of_hap_cli_import_in_one_direction() {
    check("hap-host/cli", CLI);
}

/// Rooms of hap-host that are given time, chance and what was seen as values, so that years of a plugin's life fit into a
/// test of a second.
#[test]
fn the_pure_rooms_of_hap_host_touch_nothing_of_the_world() {
    let imports = Imports::of_crate(&src_of("hap-host"));
    let of_the_world = [
        "async",
        "axum",
        "bollard",
        "fastrand",
        "getrandom",
        "hyper",
        "reqwest",
        "rusqlite",
        "std::fs",
        "std::net::Tcp",
        "std::process",
        "std::thread",
        "tokio",
        "Instant::now",
        "SystemTime::now",
    ];
    let mut read = 0;
    for (file, named) in &imports.outside {
        if !["policy", "reconcile"]
            .map(String::from)
            .contains(&room_of(file).unwrap_or_default())
        {
            continue;
        }
        read += 1;
        for path in named {
            let found = of_the_world
                .iter()
                .find(|word| path.starts_with(**word) || path.ends_with(*word));
            assert_eq!(found, None, "{} names {path}", file.display());
        }
    }
    assert!(read > 10, "the pure rooms were not read");
}

/// Who calls the management API has no use for the name of a method, and an embedder finds it by the words.
#[test]
fn no_message_of_the_host_names_an_item_of_rust() {
    let mut messages = words::messages(&src_of("hap-host"));
    messages.extend(words::messages(&src_of("hap-manifest")));
    assert!(messages.len() > 500, "the messages were not read");
    let wrong: Vec<_> = messages
        .iter()
        .filter(|(_, text)| words::names_a_path(text))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn check(name: &str, rooms: Rooms) {
    let imports = Imports::of_crate(&src_of(name));
    assert!(imports.files.len() > 10, "the sources of {name} were not read");
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    for (file, imported) in &imports.files {
        let Some(room) = room_of(file) else { continue };
        let Some((_, allowed)) = rooms.iter().find(|(known, _)| *known == room) else {
            wrong.push(format!(
                "{} is in the room {room}, which has no row",
                file.display()
            ));
            continue;
        };
        for other in imported {
            match room_of(other) {
                Some(other_room) if other_room == room => {}
                Some(other_room) if allowed.contains(&&*other_room) => {
                    used.insert((room.clone(), other_room));
                }
                Some(other_room) => wrong.push(format!(
                    "{} imports {}: the room {room} may not import {other_room}",
                    file.display(),
                    other.display()
                )),
                None => wrong.push(format!("{} imports through the crate's root", file.display())),
            }
        }
    }
    let above = |row: usize, room: &str| rooms.iter().skip(row).any(|(later, _)| *later == room);
    for (row, (room, allowed)) in rooms.iter().enumerate() {
        let upwards = allowed.iter().filter(|other| above(row, other));
        wrong.extend(upwards.map(|other| format!("the row of {room} allows {other}, which is not below it")));
    }
    wrong.extend(
        imports
            .circles()
            .into_iter()
            .map(|way| format!("files import each other: {way}")),
    );
    for (room, allowed) in rooms {
        let unused = allowed
            .iter()
            .filter(|other| !used.contains(&((*room).to_owned(), (**other).to_owned())));
        wrong.extend(
            unused.map(|other| format!("the row of {room} allows {other}, which it does not import")),
        );
    }
    let page = include_str!("../../../docs/architecture.md");
    let section = page.split_once(&format!("### `{name}/src`"));
    let section = section.map_or("", |(_, rest)| rest);
    let section = section.split("\n\n### ").next().unwrap_or_default();
    for (room, allowed) in rooms {
        let allowed: Vec<_> = allowed.iter().map(|other| format!("`{other}`")).collect();
        let allowed = if allowed.is_empty() {
            "none".to_owned()
        } else {
            allowed.join(", ")
        };
        if !section.contains(&format!("| `{room}` | {allowed} | ")) {
            wrong.push(format!(
                "docs/architecture.md does not say that {room} imports {allowed}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
}

/// The room that a file is in: the first part of its path. The root of the crate is in none.
fn room_of(file: &Path) -> Option<String> {
    let first = file.iter().next()?.to_str()?;
    let room = first.strip_suffix(".rs").unwrap_or(first);
    (file != Path::new("lib.rs")).then(|| room.to_owned())
}
