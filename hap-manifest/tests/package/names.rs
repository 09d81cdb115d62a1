//! Names that a package cannot have, or not beside each other.

use std::io::Cursor;

use hap_manifest::package::{NameRule, Package, PackageError};

use crate::raw::{Raw, with};

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let deep = "a/".repeat(32) + "a";
    let rows: &[(&[u8], NameRule)] = &[
        (b"../x", NameRule::Traversal),
        (b"a/../../x", NameRule::Traversal),
        (b"a/../manifest.json", NameRule::Traversal),
        (b"a/..", NameRule::Traversal),
        (b"/etc/passwd", NameRule::Absolute),
        (b"//server/x", NameRule::Absolute),
        (b"C:\\x", NameRule::WindowsPath),
        (b"c:/x", NameRule::WindowsPath),
        (b"C:x", NameRule::WindowsPath),
        (b"..\\x", NameRule::Backslash),
        (b"\\\\server\\x", NameRule::Backslash),
        (b"a\\b", NameRule::Backslash),
        (b"a\0.txt", NameRule::Nul),
        (b"a//b", NameRule::NotNormal),
        (b"./a", NameRule::NotNormal),
        (b"a/./b", NameRule::NotNormal),
        (b"a//", NameRule::NotNormal),
        (b"/", NameRule::Empty),
        (b"", NameRule::Empty),
        (b"a\n", NameRule::Character('\n')),
        (b"a\x1b[2J", NameRule::Character('\u{1b}')),
        (b"ab:c", NameRule::Character(':')),
        (b"a*", NameRule::Character('*')),
        ("a\u{202e}gpj".as_bytes(), NameRule::Character('\u{202e}')),
        ("e\u{301}".as_bytes(), NameRule::Character('\u{301}')),
        (b"a.", NameRule::PartEnd),
        (b"a /b", NameRule::PartEnd),
        (b"nul", NameRule::Reserved),
        (b"a/CON.txt", NameRule::Reserved),
        (b"com1", NameRule::Reserved),
        (b"\xff", NameRule::Encoding),
        (&[b'a'; 256], NameRule::TooLong),
        (deep.as_bytes(), NameRule::TooDeep),
    ];
    for (name, wanted) in rows {
        let bytes = with([Raw::new(name, b"").with_flags(1 << 11)]);
        match Package::open(Cursor::new(bytes)).unwrap_err() {
            PackageError::Name { rule, .. } => assert_eq!(rule, *wanted, "{}", name.escape_ascii()),
            other => panic!("{}: {other:?}", name.escape_ascii()),
        }
    }
    refused!(
        with([Raw::new("../x", b"")]),
        PackageError::Name { .. },
        "invalid name \"../x\" in the package: it has a \"..\" part and could lead outside"
    );
    refused!(
        with([Raw::new("ü", b"")]),
        PackageError::Name {
            rule: NameRule::Encoding,
            ..
        },
        "invalid name \"ü\" in the package: it is not ASCII, nor marked as UTF-8"
    );
}

#[test]
fn names_that_clash_are_refused() {
    let twice = Raw::new("manifest.json", b"{}");
    refused!(
        with([twice]),
        PackageError::Duplicate { .. },
        "the entry \"manifest.json\" is given twice"
    );
    refused!(
        with([Raw::folder("a/"), Raw::folder("a/")]),
        PackageError::Duplicate { .. },
        "the entry \"a\" is given twice"
    );
    refused!(
        with([Raw::new("Manifest.JSON", b"{}")]),
        PackageError::CaseClash { .. },
        "the entries \"Manifest.JSON\" and \"manifest.json\" differ only in case"
    );
    refused!(
        with([Raw::new("A/x", b""), Raw::new("a/y", b"")]),
        PackageError::CaseClash { .. },
        "the entries \"a\" and \"A\" differ only in case"
    );
    refused!(
        with([
            Raw::new("files", b""),
            Raw::new("\u{17f}", b"").with_flags(1 << 11),
            Raw::new("S", b"")
        ]),
        PackageError::CaseClash { .. },
        "the entries \"S\" and \"ſ\" differ only in case"
    );
    for clash in [
        [Raw::new("a", b""), Raw::folder("a/")],
        [Raw::folder("a/"), Raw::new("a", b"")],
        [Raw::new("a", b""), Raw::new("a/b", b"")],
        [Raw::new("a/b", b""), Raw::new("a", b"")],
    ] {
        refused!(
            with(clash),
            PackageError::FileAndFolder { .. },
            "the entry \"a\" is a file and a folder at once"
        );
    }
}
