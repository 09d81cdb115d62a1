//! Archives that are wrong in one place each, and the refusal that each gets.

use std::io::Cursor;

use hap_manifest::package::{Limits, Package, PackageError};

use crate::raw::{Raw, archive, deflated_zeros, end, needed, with};

#[test]
fn the_plain_archive_is_a_package() {
    let package = Package::open(Cursor::new(with([]))).unwrap();
    assert_eq!(package.entries().len(), 3);
    let folders = [
        Raw::folder("src/"),
        Raw::new("src/main.py", b"pass"),
        Raw::folder("empty/"),
    ];
    assert!(Package::open(Cursor::new(with(folders))).is_ok());
    let unicode = Raw::new("docs/Übersicht.md", b"x").with_flags(1 << 11);
    assert!(Package::open(Cursor::new(with([unicode]))).is_ok());
    for mark in [b"".as_slice(), b"PK\x07\x08"] {
        let streamed = Raw::new("x", b"abc")
            .with_flags(1 << 3)
            .with(|raw| raw.descriptor = Some(mark.into()));
        assert!(Package::open(Cursor::new(with([streamed]))).is_ok(), "{mark:?}");
    }
}

#[test]
fn what_is_no_plain_file_is_refused() {
    let typed = |mode| with([Raw::new("x", b"/etc/passwd").with(|raw| raw.mode = mode)]);
    refused!(
        typed(0o120_777),
        PackageError::Link { .. },
        "the entry \"x\" is a symbolic link; a package holds only files and folders"
    );
    for mode in [0o010_644, 0o060_644, 0o140_644, 0o040_755] {
        refused!(
            typed(mode),
            PackageError::Special { .. },
            "the entry \"x\" is neither a file nor a folder, or another than its name says"
        );
    }
    refused!(
        with([Raw::new("x/", b"content").with(|raw| raw.mode = 0o040_755)]),
        PackageError::FolderContent { .. },
        "the folder \"x\" has content of its own"
    );
    for flags in [1, 1 << 6, 1 << 13] {
        refused!(
            with([Raw::new("x", b"").with_flags(flags)]),
            PackageError::Encrypted { .. },
            "the entry \"x\" is encrypted; a package is open to everyone"
        );
    }
    refused!(
        with([Raw::new("x", b"").with(|raw| raw.method = 12)]),
        PackageError::Method { method: 12, .. },
        "the entry \"x\" is compressed by method 12; only 0 (stored) and 8 (deflate) are allowed"
    );
    refused!(
        with([Raw::new("x", b"").with_flags(1 << 5)]),
        PackageError::Features { flags: 0x20, .. },
        "the entry \"x\" needs features 0x0020, which are not allowed"
    );
    refused!(
        with([Raw::new("x", b"").with(|raw| raw.extra = b"\x01\0\x08\0\0\0\0\0\0\0\0\0".to_vec())]),
        PackageError::Zip64,
        "the package has zip64 records; below 4 GiB it needs none"
    );
    refused!(
        with([Raw::new("x", b"").with(|raw| raw.offset = Some(u32::MAX))]),
        PackageError::Zip64,
        "the package has zip64 records; below 4 GiB it needs none"
    );
}

#[test]
fn every_byte_belongs_to_one_entry() {
    let plain = with([]);
    refused!(
        [b"#!/bin/sh\n".as_slice(), &plain].concat(),
        PackageError::Prefix { bytes: 10 },
        "found 10 B before the first entry; a package begins with it"
    );
    let shifted: Vec<Raw> = {
        let mut at = 10;
        let mut entries = needed();
        for raw in &mut entries {
            raw.offset = Some(at);
            at += u32::try_from(30 + raw.name.len() + raw.stored.len()).unwrap();
        }
        entries
    };
    let mut bytes = [b"0123456789".as_slice(), &archive(&shifted)].concat();
    let directory = bytes.len() - 6;
    let moved = u32::from_le_bytes(bytes[directory..directory + 4].try_into().unwrap()) + 10;
    bytes[directory..directory + 4].copy_from_slice(&moved.to_le_bytes());
    refused!(
        bytes,
        PackageError::Prefix { bytes: 10 },
        "found 10 B before the first entry; a package begins with it"
    );
    refused!(
        [&plain, b"junk".as_slice()].concat(),
        PackageError::Trailing { bytes: 4 },
        "found 4 B behind the end of the archive; a package ends with it and has no comment"
    );
    let mut comment = plain.clone();
    let at = comment.len() - 2;
    comment.splice(at.., b"\x05\0hello".to_vec());
    refused!(
        comment,
        PackageError::Trailing { bytes: 5 },
        "found 5 B behind the end of the archive; a package ends with it and has no comment"
    );
    refused!(
        [plain.clone(), plain.clone()].concat(),
        PackageError::Prefix { .. },
        format!(
            "found {} B before the first entry; a package begins with it",
            plain.len()
        )
    );
    for last in [false, true] {
        let hidden = Raw::new("x", b"abc").with(|raw| raw.gap = b"hidden".to_vec());
        let next = (!last).then(|| Raw::new("y", b""));
        refused!(
            with([hidden].into_iter().chain(next)),
            PackageError::Gap { bytes: 6, .. },
            "found 6 B behind the entry \"x\" that belong to none"
        );
    }
    refused!(
        with([Raw::new("x", b"abc").with(|raw| raw.offset = Some(0))]),
        PackageError::Overlap { .. },
        "the entry \"x\" overlaps \"manifest.json\""
    );
    let long = Raw::new("x", b"abc").with(|raw| (raw.packed, raw.unpacked) = (100, 100));
    refused!(
        with([long.clone(), Raw::new("y", b"")]),
        PackageError::Overlap { .. },
        "the entry \"y\" overlaps \"x\""
    );
    refused!(
        with([long]),
        PackageError::Overlap { .. },
        "the entry \"x\" overlaps \"the directory\""
    );
}

#[test]
fn an_entry_is_described_in_one_way() {
    let differs = |field: &str| {
        format!("the entry \"x\" has another {field} in front of its content than in the directory")
    };
    refused!(
        with([Raw::new("x", b"").with(|raw| raw.local_name = b"y".to_vec())]),
        PackageError::Header { field: "name", .. },
        differs("name")
    );
    refused!(
        with([Raw::new("x", b"").with(|raw| raw.local_flags = 1 << 11)]),
        PackageError::Header { .. },
        differs("set of flags")
    );
    let mut bytes = archive(&[Raw::new("x", b"")]);
    bytes[0] = b'Q';
    refused!(
        bytes,
        PackageError::Header {
            field: "position",
            ..
        },
        differs("position")
    );
    let mut bytes = with([Raw::new("x", b"abc")]);
    let at = bytes.windows(4).position(|window| window == b"xabc").unwrap();
    bytes[at - 12] ^= 1;
    refused!(bytes, PackageError::Header { .. }, differs("size or checksum"));
    let streamed = Raw::new("x", b"abc")
        .with_flags(1 << 3)
        .with(|raw| raw.descriptor = Some(Vec::new()));
    let mut bytes = with([streamed]);
    let at = bytes.windows(4).position(|window| window == b"xabc").unwrap();
    bytes[at + 4] ^= 1;
    refused!(bytes, PackageError::Header { .. }, differs("size or checksum"));
    // The library takes the name from this field where it has one.
    let mut unicode = b"\x75\x70\x06\0\x01".to_vec();
    unicode.extend(crc32fast::hash(b"x").to_le_bytes());
    unicode.extend(b"y");
    refused!(
        with([Raw::new("x", b"").with(|raw| raw.extra = unicode)]),
        PackageError::Ambiguous { .. },
        "the package can be understood in two ways: the archive library finds other names"
    );
}

#[test]
fn damage_is_told_apart() {
    let plain = with([]);
    refused!(
        b"",
        PackageError::NotZip,
        "not a package: the file is no zip archive; make one with `pack`"
    );
    for end in [100, plain.len() - 60, plain.len() - 1] {
        refused!(
            plain[..end].to_vec(),
            PackageError::Truncated,
            "the package is truncated: a part of it lies beyond its end; transfer it again"
        );
    }
    let mut bytes = plain.clone();
    let at = bytes.windows(7).position(|window| window == b"# Light").unwrap();
    bytes[at] ^= 1;
    refused!(
        bytes,
        PackageError::Checksum { .. },
        "the entry \"README.md\" is damaged: its checksum is wrong"
    );
    let bad = Raw::new("x", &[0xff; 20]).with(|raw| raw.method = 8);
    refused!(
        with([bad]),
        PackageError::Damaged { .. },
        "the entry \"x\" is damaged: it cannot be unpacked"
    );
    let zeros = deflated_zeros(65_536);
    for told in [10, 65_535, 65_537] {
        let lie = Raw::new("x", &zeros).with(|raw| {
            raw.method = 8;
            raw.unpacked = told;
            raw.checksum = crc32fast::hash(&vec![0; 65_536]);
        });
        refused!(
            with([lie]),
            PackageError::Size { .. },
            format!("the entry \"x\" does not unpack to the {told} bytes that are told")
        );
    }
    refused!(
        with([Raw::new("x", b"abc").with(|raw| raw.unpacked = 4)]),
        PackageError::Size { told: 4, .. },
        "the entry \"x\" does not unpack to the 4 bytes that are told"
    );
}

#[test]
fn bytes_behind_a_compressed_content_are_found() {
    let zeros = deflated_zeros(65_536);
    let hiding = |hidden: &[u8]| {
        let stored = [&zeros, hidden].concat();
        Raw::new("x", &stored).with(|raw| {
            raw.method = 8;
            raw.unpacked = 65_536;
            raw.checksum = crc32fast::hash(&vec![0; 65_536]);
        })
    };
    assert!(Package::open(Cursor::new(with([hiding(b"")]))).is_ok());
    for hidden in [b"\0".as_slice(), b"#!/bin/sh\n", &[7; 100_000], &zeros] {
        refused!(
            with([hiding(hidden)]),
            PackageError::Hidden { .. },
            format!(
                "found {} B behind the compressed content of the entry \"x\", which unpack to nothing",
                hidden.len()
            )
        );
    }
    // An empty content has nothing in front of it.
    let empty = Raw::new("x", b"\x03\0hidden").with(|raw| {
        raw.method = 8;
        raw.unpacked = 0;
        raw.checksum = 0;
    });
    refused!(
        with([empty]),
        PackageError::Hidden { bytes: 6, .. },
        "found 6 B behind the compressed content of the entry \"x\", which unpack to nothing"
    );
    // A content that lacks its end is no content.
    let cut = Raw::new("x", &zeros[..zeros.len() - 1]).with(|raw| {
        raw.method = 8;
        raw.unpacked = 65_536;
        raw.checksum = crc32fast::hash(&vec![0; 65_536]);
    });
    refused!(
        with([cut]),
        PackageError::Damaged { .. },
        "the entry \"x\" is damaged: it cannot be unpacked"
    );
}

#[test]
fn the_end_must_tell_the_truth() {
    let entries = needed();
    let bytes = archive(&entries);
    let directory = u32::from_le_bytes(bytes[bytes.len() - 6..][..4].try_into().unwrap()) as usize;
    let length = bytes.len() - 22 - directory;
    let with_end = |end: Vec<u8>| [&bytes[..bytes.len() - 22], &end].concat();
    refused!(
        with_end(end(2, length, directory)),
        PackageError::EntryCount { found: 3, told: 2 },
        "the directory of the package has 3 entries, but 2 are told at its end"
    );
    refused!(
        with_end(end(3, length - 1, directory)),
        PackageError::Prefix { bytes: 1 },
        "found 1 B before the first entry; a package begins with it"
    );
    refused!(
        with_end(end(3, length - 1, directory + 1)),
        PackageError::Directory { index: 0 },
        "the directory of the package is damaged at record 0"
    );
    refused!(
        with_end(end(3, length, directory + 1)),
        PackageError::Truncated,
        "the package is truncated: a part of it lies beyond its end; transfer it again"
    );
    let mut two = end(3, length, directory);
    two[4] = 1;
    refused!(
        with_end(two),
        PackageError::MultiPart,
        "the package is one part of an archive of several files"
    );
    refused!(
        with_end(end(65_535, length, directory)),
        PackageError::Zip64,
        "the package has zip64 records; below 4 GiB it needs none"
    );
}

#[test]
fn limits_are_kept_and_named() {
    let limits = Limits::default;
    let open = |bytes: Vec<u8>, limits: &Limits| {
        Package::open_within(Cursor::new(bytes), limits)
            .unwrap_err()
            .to_string()
    };
    let many: Vec<Raw> = (0..1_998).map(|n| Raw::new(format!("f{n}"), b"")).collect();
    assert_eq!(
        open(with(many.clone()), &limits()),
        "the package has 2001 entries, at most 2000 are allowed"
    );
    assert!(Package::open(Cursor::new(with(many[1..].to_vec()))).is_ok());
    // The number at the end lies.
    let mut bytes = with(many);
    let at = bytes.len() - 14;
    bytes[at..at + 4].copy_from_slice(&[3, 0, 3, 0]);
    assert_eq!(
        open(bytes, &limits()),
        "the package has 2001 entries, at most 2000 are allowed"
    );
    assert_eq!(
        open(with([]), &limits().with_zip_bytes(400)),
        "the package has more than 400 bytes, the most that is allowed"
    );
    assert_eq!(
        open(with([]), &limits().with_unpacked_bytes(125)),
        "the entry \"Dockerfile\" brings the package to more than 125 bytes unpacked, the most that is allowed"
    );
    let long =
        Raw::new("x", b"").with(|raw| raw.extra = [b"\x55\x54\xf8\x07".as_slice(), &[0; 2040]].concat());
    assert_eq!(
        open(with([long]), &limits().with_entries(4)),
        "the directory of the package has 2261 bytes, at most 2048 are allowed"
    );
}

#[test]
fn what_every_package_has_is_missed_by_name() {
    let without = |name: &str| {
        let entries: Vec<_> = needed()
            .into_iter()
            .filter(|raw| raw.name != name.as_bytes())
            .collect();
        archive(&entries)
    };
    // Who reads one is told; only who makes one has to have them.
    for (name, told) in [
        (
            "README.md",
            "the package has no README.md: nobody learns what it is for",
        ),
        (
            "Dockerfile",
            "the package has no Dockerfile: its image is not built but has to be there already",
        ),
    ] {
        let package = Package::open(Cursor::new(without(name))).unwrap();
        let [warning] = package.warnings() else {
            panic!("{:?}", package.warnings())
        };
        assert_eq!(
            (warning.code().as_str(), warning.message()),
            ("missing_file", told)
        );
    }
    refused!(
        archive(&[]),
        PackageError::Missing { .. },
        "the package has no \"manifest.json\"; add the plugin's manifest"
    );
    refused!(
        archive(&[Raw::new("light/manifest.json", b"{}")]),
        PackageError::Missing { .. },
        "the package has no \"manifest.json\"; pack the content of \"light\", not the folder itself"
    );
    let manifest = |content: &[u8]| archive(&[Raw::new("manifest.json", content)]);
    refused!(
        manifest(b"\xff"),
        PackageError::Manifest { .. },
        "manifest.json is refused"
    );
    refused!(
        manifest(&[b' '; 262_145]),
        PackageError::ManifestTooLarge { .. },
        "manifest.json has 262145 bytes, at most 262144 are allowed"
    );
    let PackageError::Manifest { source, text } = Package::open(Cursor::new(manifest(b"{}"))).unwrap_err()
    else {
        panic!("a manifest without fields is taken");
    };
    assert_eq!((source.issues().len(), text.as_str()), (6, "{}"));
}
