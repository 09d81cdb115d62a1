//! The table of the presets, row by row, against what the policies do.

use hap_manifest::{
    Manifest,
    package::{Dockerfile, PackageKey},
    permission::{Permission, requested},
};

use super::*;
use crate::model::grants::{Admission, InstallOrigin};

const TABLE: &str = include_str!("presets.md");
const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

fn preset(name: &str) -> Policy {
    match name {
        "home" => Policy::home(),
        "hosted" => Policy::hosted(),
        "development" => Policy::development(),
        "strict" => Policy::strict(),
        other => panic!("{other} is no preset"),
    }
}

/// The rows of a table: what is asked for, and the word of each preset.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines = text
        .lines()
        .filter(|line| line.starts_with("| ") || line.starts_with("|-"));
    let cells = lines.map(|line| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().replace('`', "")).collect()
    });
    cells
        .filter(|row: &Vec<String>| !row[0].starts_with("---"))
        .collect()
}

/// What a plugin with this in its manifest gets, of this origin and image.
fn asks(policy: &Policy, extra: &str, image: &str, origin: InstallOrigin) -> &'static str {
    let network = if extra.contains("network_access") {
        ""
    } else {
        r#","network_access":false"#
    };
    let text = format!(
        r#"{{"id":"light","name":"Light","version":"1.0.0","description":"d","author":"a",
            "image":"{image}"{network}{extra}}}"#
    );
    let manifest = Manifest::from_json(&text).unwrap().manifest;
    let admits = |grants: Vec<Permission>| {
        policy
            .judge(&manifest, &Admission::new(origin, grants, &manifest))
            .is_empty()
    };
    word(admits(Vec::new()), admits(requested(&manifest)))
}

const fn word(without: bool, with_grant: bool) -> &'static str {
    match (without, with_grant) {
        (true, _) => "allowed",
        (false, true) => "by grant",
        (false, false) => "denied",
    }
}

/// Tries one row.
fn tried(policy: &Policy, row: &str) -> &'static str {
    let key: PackageKey = KEY.parse().unwrap();
    // What a row is not about shall not decide it.
    let open = policy.clone().allow_images("ghcr.io".parse().unwrap());
    let of = |extra: &str| asks(&open, extra, "ghcr.io/acme/light:1", InstallOrigin::Image);
    match row {
        "network access" => of(r#","network_access":true"#),
        "a device" => of(r#","device_access":true,"devices":["/dev/ttyUSB0"]"#),
        "a disk, or the machine's memory" => {
            let disk = of(r#","device_access":true,"devices":["/dev/sda"]"#);
            assert_eq!(disk, of(r#","device_access":true,"devices":["/dev/mem"]"#));
            disk
        }
        "a capability" => of(r#","capabilities":["NET_RAW"]"#),
        "a capability that amounts to owning the machine" => of(r#","capabilities":["SYS_ADMIN"]"#),
        "to run as root, or in its group" => {
            // Whether a user may be chosen has a row of its own.
            let open = open.own_user(true);
            let of = |user: &str| {
                let user = format!(r#","user":"{user}""#);
                asks(&open, &user, "ghcr.io/acme/light:1", InstallOrigin::Image)
            };
            assert_eq!(of("0"), of("1000:0"));
            of("0")
        }
        "to run as another user of its choice" => of(r#","user":"1000:1000""#),
        "a writable root file system" => of(r#","writable_rootfs":true"#),
        "more than 1 GiB of memory" => of(r#","memory_limit":"1025m""#),
        "more than 2 cores" => of(r#","cpu_limit":2.5"#),
        "more than 1,024 processes" => of(r#","pids_limit":1025"#),
        "more than 512 MiB of memory" => {
            assert_eq!(of(r#","memory_limit":"512m""#), "allowed");
            of(r#","memory_limit":"513m""#)
        }
        "more than 1 core" => {
            assert_eq!(of(r#","cpu_limit":1"#), "allowed");
            of(r#","cpu_limit":1.5"#)
        }
        "more than 256 processes" => {
            assert_eq!(of(r#","pids_limit":256"#), "allowed");
            of(r#","pids_limit":257"#)
        }
        "an image of any registry" => asks(policy, "", "ghcr.io/acme/light:1", InstallOrigin::Image),
        "an image of a registry that allow_images names" => of(""),
        "to be built from a folder or an unsigned package, by copying files" => {
            asks(&open, "", "light:1", InstallOrigin::Build)
        }
        "to be built from a package of a trusted key, by copying files" => {
            asks(&open.trust_key(key), "", "light:1", InstallOrigin::Signed(key))
        }
        "to be built by a program of its author's" => {
            let runs = Dockerfile::read(b"FROM ghcr.io/acme/base:1\nRUN id\n");
            let built = |grants: &[Permission]| open.evaluate_build(&runs, grants).is_empty();
            match asks(
                &open.clone().trust_key(key),
                "",
                "light:1",
                InstallOrigin::Signed(key),
            ) {
                "denied" => "denied",
                _ => word(built(&[]), built(&[Permission::Build])),
            }
        }
        "volumes that its image declares alone" => match policy.volumes_of_images() {
            ImageVolumes::Cover(_) => "allowed",
            ImageVolumes::Refuse => "denied",
        },
        "to go on while isolation is lost" => match policy.then_on_lost_isolation() {
            LostIsolation::Tell => "allowed",
            LostIsolation::StopPlugins => "denied",
        },
        "more than 20 seconds to stop" => stops(policy, 20),
        "more than 60 seconds to stop" => stops(policy, 60),
        other => panic!("nothing tries the row {other:?}"),
    }
}

/// Whether a plugin has more than so many seconds to stop; it has those in any case.
fn stops(policy: &Policy, seconds: u64) -> &'static str {
    let grace = |seconds: u64| {
        let text = format!(
            r#"{{"id":"light","name":"Light","version":"1.0.0","description":"d","author":"a",
                "image":"light:1","stop_timeout":"{seconds}s"}}"#
        );
        policy
            .stop_grace(&Manifest::from_json(&text).unwrap().manifest)
            .as_secs()
    };
    assert!(grace(20) == 20);
    word(grace(seconds + 1) > seconds, false)
}

#[test]
fn each_row_of_the_table_is_what_the_preset_does() {
    let rows = rows(TABLE);
    let (head, rows) = rows.split_first().unwrap();
    assert!(rows.len() >= 20, "{}", rows.len());
    for row in rows {
        for (name, told) in head.iter().zip(row).skip(1) {
            assert_eq!(tried(&preset(name), &row[0]), *told, "{name}: {}", row[0]);
        }
    }
}

#[test]
fn the_default_is_the_policy_of_a_household() {
    assert_eq!(Policy::default(), Policy::home());
}

#[test]
fn the_documents_have_the_same_table() {
    let page = include_str!("../../../docs/security.md");
    for line in TABLE.lines().filter(|line| line.starts_with('|')) {
        assert!(
            page.lines().any(|told| told == line),
            "docs/security.md lacks {line}"
        );
    }
}

#[test]
fn what_cannot_be_meant_is_warned_of_and_the_presets_are_meant() {
    for policy in [Policy::home(), Policy::development(), Policy::strict()] {
        assert_eq!(policy.warnings(), [""; 0]);
    }
    let key: PackageKey = KEY.parse().unwrap();
    let disk = "/dev/nvme0n1".parse().unwrap();
    let ghcr = || "ghcr.io".parse().unwrap();
    for (policy, word) in [
        (Policy::hosted(), "nothing can be installed"),
        (Policy::hosted().allow_images(ghcr()), "no key is trusted"),
        (Policy::home().unsigned_packages(false), "no key is trusted"),
        (
            Policy::home().allow_device("/dev/sd*".parse().unwrap()),
            "no plugin gets /dev/sd*",
        ),
        (
            Policy::home().allow_device("/dev/sda".parse().unwrap()),
            "no plugin gets /dev/sda",
        ),
        (Policy::home().host_device(disk), "no plugin gets /dev/nvme0n1"),
        (
            Policy::strict().host_device("/dev/ttyUSB0".parse().unwrap()),
            "devices are kept for plugins",
        ),
        (Policy::development().local_builds(false), "nothing is built"),
        (Policy::strict().trust_key(key), "keys are trusted"),
        (
            Policy::home().runtime_of_publisher(key, "runsc"),
            "is not trusted",
        ),
    ] {
        let told = policy.warnings();
        assert!(told.len() == 1 && told[0].contains(word), "{word}: {told:?}");
    }
    let trusted = Policy::hosted().trust_key(key);
    assert_eq!(trusted.warnings(), [""; 0]);
}
