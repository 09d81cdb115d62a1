//! The author's side.

use std::{fs, io::Cursor};

use hap_manifest::{
    ConfigSchema, Manifest,
    package::{NameRule, PackOptions, Package, PackageError, pack},
};
use serde_json::{Value, json};

use crate::raw::{Raw, with};

/// A manifest as authors read it, with this in place of or beside what each has.
fn issues(changes: &Value) -> Vec<(String, String)> {
    let mut manifest = json!({
        "id": "light", "name": "Light", "version": "1.0.0", "description": "d", "author": "a", "image": "light:1"
    });
    let changes = changes.as_object().unwrap().clone();
    manifest.as_object_mut().unwrap().extend(changes);
    match Manifest::from_json_strict(&manifest.to_string()) {
        Ok(_) => Vec::new(),
        Err(error) => error
            .issues()
            .iter()
            .map(|issue| (issue.pointer().to_owned(), issue.to_string()))
            .collect(),
    }
}

/// sharpcompress#88, zip2#196: an entry whose numbers follow its content may tell any of them before it.
#[test]
fn c01_a_package_of_libarchive_is_read() {
    let content = b"FROM scratch\n";
    let size = u32::try_from(content.len()).unwrap();
    let checksum = crc32fast::hash(content);
    let entry = |numbers: [u32; 3]| {
        Raw::new("Dockerfile.other", content)
            .with_flags(8)
            .with(|raw| raw.descriptor = Some(b"PK\x07\x08".to_vec()))
            .with(|raw| raw.local_numbers = Some(numbers))
    };
    // bsdtar writes the third; the fourth is what one writes who could seek and did not.
    for numbers in [[0; 3], [checksum, 0, 0], [0, 0, size], [checksum, size, size]] {
        let package = Package::open(Cursor::new(with([entry(numbers)])));
        assert!(package.is_ok(), "{numbers:?}: {:?}", package.err());
    }
    for numbers in [[0, 0, size + 1], [checksum ^ 1, 0, size], [0, 1, 0]] {
        let error = Package::open(Cursor::new(with([entry(numbers)]))).err();
        assert!(
            matches!(error, Some(PackageError::Header { .. })),
            "{numbers:?}: {error:?}"
        );
    }
    // Without a descriptor nothing follows, so nothing may be left out.
    let bare = entry([0, 0, size])
        .with_flags(0)
        .with(|raw| raw.descriptor = None);
    assert!(Package::open(Cursor::new(with([bare]))).is_err());
}

/// Home Assistant Supervisor#2560, #4967: each mistake once, and what is not listed is counted.
#[test]
fn c02_each_mistake_of_a_schema_is_told_once_with_its_fix() {
    let found = issues(&json!({"config_schema": {"type": "object", "properties": {"a": "string"}}}));
    let [(pointer, text)] = &found[..] else {
        panic!("{found:#?}");
    };
    assert_eq!(pointer, "/config_schema/properties/a");
    assert!(text.contains(r#"write {"type": "string"}"#), "{text}");

    let many: serde_json::Map<_, _> = (0..50).map(|n| (format!("p{n}"), json!("string"))).collect();
    let found = issues(&json!({"config_schema": {"properties": many}}));
    let counted = found
        .iter()
        .any(|(_, text)| text.contains("30 more mistakes are not listed"));
    assert!(counted && found.len() == 21, "{found:#?}");

    let schema = json!({"type": "array", "items": {"allOf": [{"type": "string"}, {"type": "string"}]}});
    let schema = ConfigSchema::new(&schema, [""; 0]).unwrap();
    let problems = schema.check(&json!([1])).unwrap_err();
    assert_eq!((problems.iter().count(), problems.more()), (1, 0), "{problems}");
    let wrong: Vec<_> = (0..130).collect();
    let problems = schema.check(&json!(wrong)).unwrap_err();
    assert_eq!((problems.iter().count(), problems.more()), (100, 30));
    assert!(problems.to_string().ends_with("; and 30 more"), "{problems}");
}

/// JSON Schema specification#1553: whether a format is checked differs from draft to draft.
#[test]
fn c03_formats_are_checked_in_each_draft() {
    for draft in [
        None,
        Some("https://json-schema.org/draft/2020-12/schema"),
        Some("https://json-schema.org/draft/2019-09/schema"),
        Some("http://json-schema.org/draft-07/schema#"),
    ] {
        let mut schema = json!({"properties": {
            "host": {"format": "ipv4"}, "at": {"format": "date-time"}, "key": {"format": "password"}
        }});
        if let Some(draft) = draft {
            schema["$schema"] = draft.into();
        }
        let schema = ConfigSchema::new(&schema, [""; 0]).unwrap();
        let fine = json!({"host": "192.0.2.1", "at": "2026-11-30T12:00:00Z", "key": "anything"});
        assert!(schema.check(&fine).is_ok(), "{draft:?}");
        for wrong in [json!({"host": "999"}), json!({"at": "yesterday"})] {
            assert!(schema.check(&wrong).is_err(), "{draft:?}: {wrong}");
        }
    }
}

/// ajv#1263, #1258: what checks nothing looks like a rule.
#[test]
fn c09_a_misspelt_keyword_and_a_schema_without_any_are_told() {
    for (schema, place, help) in [
        (
            json!({"type": "object", "propertes": {}}),
            "/propertes",
            "did you mean \"properties\"?",
        ),
        (
            json!({"properties": {"a": {"type": "string", "maxlength": 3}}}),
            "/properties/a/maxlength",
            "did you mean \"maxLength\"?",
        ),
        (
            json!({"host": "str"}),
            "",
            r#""properties": {"host": {"type": "string"}}"#,
        ),
        (
            json!({"propertes": {"host": {}}}),
            "",
            "did you mean \"properties\"",
        ),
        (
            json!({"properties": {"a": {"anyOf": [{"enmu": [1]}]}}}),
            "/properties/a/anyOf/0",
            "did you mean \"enum\"",
        ),
    ] {
        let found = issues(&json!({"config_schema": schema}));
        let [(pointer, text)] = &found[..] else {
            panic!("{schema}: {found:#?}");
        };
        assert_eq!(*pointer, format!("/config_schema{place}"));
        assert!(text.contains(help), "{text}");
    }
    for fine in [
        json!({}),
        json!({"title": "t", "x-order": 1}),
        json!({"type": "object", "enumNames": ["a"]}),
    ] {
        assert_eq!(issues(&json!({"config_schema": fine})), [], "{fine}");
    }
}

/// pathvalidate#57: names that Windows keeps for itself, and two names that some file systems take for one.
#[test]
fn c11_names_that_are_not_one_file_everywhere_are_refused() {
    for (name, rule) in [
        ("COM\u{b9}", NameRule::Reserved),
        ("lib/lpt\u{b3}.txt", NameRule::Reserved),
        ("CONIN$", NameRule::Reserved),
        ("conout$.log", NameRule::Reserved),
        // The sign of the ångström, and Hangul by its letters.
        ("\u{212b}.txt", NameRule::NotComposed),
        ("\u{1112}\u{1161}\u{11ab}.txt", NameRule::NotComposed),
        ("\u{fa10}", NameRule::NotComposed),
    ] {
        let entry = Raw::new(name, b"x").with_flags(0x800);
        let error = Package::open(Cursor::new(with([entry]))).unwrap_err();
        assert!(
            matches!(&error, PackageError::Name { rule: found, .. } if *found == rule),
            "{name}: {error:?}"
        );
    }
    for fine in ["\u{c5}.txt", "\u{d55c}.txt", "com10", "com", "conin", "\u{b9}com"] {
        let entry = Raw::new(fine, b"x").with_flags(0x800);
        let package = Package::open(Cursor::new(with([entry])));
        assert!(package.is_ok(), "{fine}: {:?}", package.err());
    }
}

/// What compresses well is no attack: the absolute size bounds what it costs.
#[test]
fn c15_a_file_that_compresses_better_than_a_hundred_to_one_is_packed_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
    write("manifest.json", crate::raw::MANIFEST.as_bytes());
    write("Dockerfile", b"FROM scratch\n");
    write("README.md", b"# Light\n");
    write("table.csv", &vec![b'0'; 20 << 20]);
    let package = pack(folder.path(), &PackOptions::new()).unwrap().into_bytes();
    assert!(package.len() < 200 << 10, "{}", package.len());
    let package = Package::open(Cursor::new(package)).unwrap();
    assert_eq!(package.entry("table.csv").unwrap().size(), 20 << 20);
}

/// Home Assistant add-ons, 161 real files: what it is, and the very text to write.
#[test]
fn c08_a_version_or_a_text_of_another_tool_is_told_as_what_it_is_with_the_text_to_write() {
    for (found, meant) in [
        ("v1.2.3", "1.2.3"),
        ("2026.02.28", "2026.2.28"),
        ("1.2", "1.2.0"),
        ("1.2.3.4", "1.2.3+4"),
    ] {
        let told = issues(&json!({"version": found}));
        assert!(told[0].1.ends_with(&format!("; write \"{meant}\"")), "{told:?}");
        assert_eq!(issues(&json!({"version": meant})), []);
    }
    let range = |text: &str| issues(&json!({"depends_on": [{"id": "bridge", "version": text}]}));
    for (found, meant) in [
        ("~> 1.2", "^1.2"),
        ("1.0 - 2.0", ">=1.0, <=2.0"),
        (">=1.0 <2.0", ">=1.0, <2.0"),
        ("v1.2", "1.2"),
        ("==1.2", "=1.2"),
    ] {
        let told = range(found);
        assert!(told[0].1.ends_with(&format!("; write \"{meant}\"")), "{told:?}");
        assert_eq!(range(meant), []);
    }
    for yaml in ["---\nname: Light\n", "\n---\n{}", "name: Light\nversion: 1\n"] {
        let error = Manifest::from_json(yaml).unwrap_err().to_string();
        assert!(error.contains("this is YAML"), "{error}");
    }
}

/// What is harmless was refused by hosts, too; and the first part of an image reference is read as Docker reads it.
#[test]
fn c14_what_is_harmless_is_a_warning_for_hosts_and_refused_of_authors() {
    let manifest = |changes: &Value| {
        let mut manifest = json!({
            "id": "light", "name": "Light", "version": "1.0.0", "description": "d", "author": "a", "image": "light:1"
        });
        let changes = changes.as_object().unwrap().clone();
        manifest.as_object_mut().unwrap().extend(changes);
        manifest.to_string()
    };
    for (changes, pointer, words) in [
        (
            json!({"device_access": true, "devices": ["/dev/ttyUSB0", "/dev/ttyUSB0"]}),
            "/devices/1",
            "already listed at /devices/0",
        ),
        (
            json!({"volumes": ["/data", "/data"]}),
            "/volumes/1",
            "already listed",
        ),
        (
            json!({"tmpfs": ["/cache", "/cache"]}),
            "/tmpfs/1",
            "already listed",
        ),
        (json!({"secrets": ["pin", "pin"]}), "/secrets/1", "already listed"),
        (
            json!({"depends_on": ["hub", {"id": "hub"}]}),
            "/depends_on/1",
            "already listed",
        ),
        (
            json!({"env_vars": {"log.level": "info"}}),
            "/env_vars/log.level",
            "shells do not read",
        ),
        (
            json!({"env_vars": {"LOG-LEVEL": "info"}}),
            "/env_vars/LOG-LEVEL",
            "shells do not read",
        ),
        (
            json!({"image": "Docker/docker:1"}),
            "/image",
            "the host of a registry",
        ),
    ] {
        let text = manifest(&changes);
        let parsed = Manifest::from_json(&text).unwrap_or_else(|error| panic!("{changes}: {error}"));
        let [warning] = &parsed.warnings[..] else {
            panic!("{changes}: {:?}", parsed.warnings)
        };
        assert_eq!(warning.pointer(), pointer);
        assert!(warning.message().contains(words), "{warning}");
        let told = issues(&changes);
        assert!(told.len() == 1 && told[0].0 == pointer, "{told:?}");
    }
    let twice = manifest(&json!({"device_access": true, "devices": ["/dev/a", "/dev/b", "/dev/a"]}));
    let parsed = Manifest::from_json(&twice).unwrap().manifest;
    let devices: Vec<_> = parsed.devices().iter().map(ToString::to_string).collect();
    assert_eq!(devices, ["/dev/a", "/dev/b"], "each counts once");
    // Two ranges for one plugin: nobody knows which is meant.
    let torn = manifest(&json!({"depends_on": ["hub", {"id": "hub", "version": "^1"}]}));
    assert!(Manifest::from_json(&torn).is_err());

    // Docker's rule: `.`, `:`, `localhost` or an upper-case letter make the first part a registry.
    for (image, registry, repository) in [
        ("Docker/docker", Some("Docker"), "docker"),
        ("myHost/light", Some("myHost"), "light"),
        ("acme/light", None, "acme/light"),
        ("localhost/light", Some("localhost"), "light"),
        ("acme.example/light", Some("acme.example"), "light"),
        ("acme:5000/light", Some("acme:5000"), "light"),
    ] {
        let read: hap_manifest::ImageRef = image.parse().unwrap();
        assert_eq!(
            (read.registry(), read.repository()),
            (registry, repository),
            "{image}"
        );
    }
    for wrong in ["Docker", "docker/Docker", "-Docker/docker", "Docker_x/docker"] {
        assert!(wrong.parse::<hap_manifest::ImageRef>().is_err(), "{wrong}");
    }
}

/// A zip without README.md was refused by the host, which needs none.
#[test]
fn b07_pack_refuses_what_a_reader_only_warns_of() {
    let with_files = |files: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        for name in files {
            let content = if *name == "manifest.json" {
                crate::raw::MANIFEST
            } else {
                "FROM scratch\n"
            };
            fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    };
    for (files, missing) in [
        (&["manifest.json", "Dockerfile"][..], "README.md"),
        (&["manifest.json", "README.md"], "Dockerfile"),
    ] {
        let folder = with_files(files);
        let error = pack(folder.path(), &PackOptions::new()).unwrap_err();
        let told = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        assert!(told.contains(missing), "{told}");
        let entries = files.iter().map(|name| {
            let content = fs::read(folder.path().join(name)).unwrap();
            Raw::new(name, &content)
        });
        let package = Package::open(Cursor::new(crate::raw::archive(&entries.collect::<Vec<_>>()))).unwrap();
        let warnings: Vec<_> = package.warnings().iter().map(ToString::to_string).collect();
        assert!(
            warnings.len() == 1 && warnings[0].contains(missing),
            "{warnings:?}"
        );
    }
    assert!(
        pack(
            with_files(&["manifest.json", "Dockerfile", "README.md"]).path(),
            &PackOptions::new()
        )
        .is_ok()
    );
}
