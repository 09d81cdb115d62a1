//! Version ranges: the cases of Cargo's `semver`, whose language is spoken here, and those of node's `semver` as far as both
//! languages have the same words. What only node's has is refused, with what to write instead.

use hap_manifest::Manifest;

/// A range, versions in it, and versions that are not.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Both languages, or Cargo's where node reads the same text another way.
const RANGES: [Row; 36] = [
    ("*", &["0.0.0", "1.0.0", "99.9.9"], &["1.0.0-beta"]),
    // Without an operator: Cargo's caret, node's equality.
    (
        "1.2.3",
        &["1.2.3", "1.2.4", "1.9.0"],
        &["1.2.2", "2.0.0", "1.2.3-rc.1"],
    ),
    ("1.2", &["1.2.0", "1.9.9"], &["1.1.9", "2.0.0"]),
    ("1", &["1.0.0", "1.9.9"], &["0.9.9", "2.0.0"]),
    ("0.2.3", &["0.2.3", "0.2.9"], &["0.2.2", "0.3.0"]),
    ("^1.2.3", &["1.2.3", "1.8.1"], &["1.2.2", "2.0.0", "2.0.0-alpha"]),
    ("^1.2", &["1.2.0", "1.4.2"], &["1.1.9", "2.0.0"]),
    ("^1", &["1.0.0", "1.99.0"], &["0.9.0", "2.0.0"]),
    ("^0.1.2", &["0.1.2", "0.1.99"], &["0.1.1", "0.2.0"]),
    ("^0.1", &["0.1.0", "0.1.2"], &["0.0.9", "0.2.0"]),
    ("^0.0.1", &["0.0.1"], &["0.0.0", "0.0.2", "0.1.0"]),
    ("^0.0", &["0.0.0", "0.0.9"], &["0.1.0"]),
    ("^0", &["0.0.0", "0.9.9"], &["1.0.0"]),
    (
        "^1.2.3-beta.2",
        &["1.2.3-beta.2", "1.2.3-beta.4", "1.2.3", "1.2.4"],
        &["1.2.3-beta.1", "1.2.4-beta.2"],
    ),
    ("^0.0.1-beta", &["0.0.1-beta", "0.0.1"], &["0.0.1-alpha", "0.0.2"]),
    ("~1.2.3", &["1.2.3", "1.2.9"], &["1.2.2", "1.3.0"]),
    ("~1.2", &["1.2.0", "1.2.9"], &["1.1.9", "1.3.0"]),
    ("~1", &["1.0.0", "1.9.9"], &["0.9.0", "2.0.0"]),
    ("~0.0.1", &["0.0.1", "0.0.9"], &["0.1.0"]),
    (
        "~1.2.3-beta",
        &["1.2.3-beta", "1.2.3-rc", "1.2.3", "1.2.8"],
        &["1.2.3-alpha", "1.3.0"],
    ),
    ("=1.2.3", &["1.2.3"], &["1.2.2", "1.2.4", "1.2.3-rc"]),
    ("=1.2", &["1.2.0", "1.2.9"], &["1.1.0", "1.3.0"]),
    ("=1", &["1.0.0", "1.9.9"], &["2.0.0"]),
    ("=1.2.3-rc.1", &["1.2.3-rc.1"], &["1.2.3", "1.2.3-rc.2"]),
    (">1.2.3", &["1.2.4", "2.0.0"], &["1.2.3", "1.2.3-rc", "1.2.4-rc"]),
    (">1.2", &["1.3.0"], &["1.2.0", "1.2.9"]),
    (">=1.2.3", &["1.2.3", "3.0.0"], &["1.2.2", "1.3.0-rc"]),
    (
        ">=1.2.3-rc.1",
        &["1.2.3-rc.1", "1.2.3", "1.2.4"],
        &["1.2.3-beta", "1.2.4-rc.1"],
    ),
    ("<1.2.3", &["1.2.2", "0.0.0"], &["1.2.3", "1.2.3-rc"]),
    ("<=1.2.3", &["1.2.3", "0.1.0"], &["1.2.4"]),
    ("<=1.2", &["1.2.0", "1.2.9"], &["1.3.0"]),
    (">=1.2, <3", &["1.2.0", "2.9.9"], &["1.1.0", "3.0.0", "3.0.0-rc"]),
    (">= 1.2.3", &["1.2.3"], &["1.2.2"]),
    ("1.*", &["1.0.0", "1.9.9"], &["2.0.0", "0.9.0"]),
    ("1.2.*", &["1.2.0", "1.2.9"], &["1.3.0", "1.1.9"]),
    ("1.x", &["1.0.0", "1.9.9"], &["2.0.0"]),
];

/// Node's alone, and what neither takes.
const REFUSED: [&str; 24] = [
    "1.0.0 - 2.0.0",
    "1.0 - 2",
    "1.2.3 || 2.0.0",
    ">1.0.0 || <0.5.0",
    "||",
    ">=1.2.3 <2.0.0",
    "1 2",
    "",
    " ",
    "latest",
    "v1.2.3",
    "^v1.2",
    "~> 1.2",
    "==1.2.3",
    "!1.2.3",
    "1.2.3.4",
    "01.2.3",
    "1.02.3",
    "1.2.3-",
    "1.2.3-01",
    "1.2.3-a..b",
    "1.*.3",
    "^99999999999999999999",
    "1,",
];

fn manifest(range: &str) -> Result<Manifest, String> {
    let text = serde_json::json!({
        "id": "light", "name": "Light", "version": "1.0.0", "description": "", "author": "", "image": "light:1", "platform": range,
    });
    let read = Manifest::from_json(&text.to_string());
    read.map(|parsed| parsed.manifest)
        .map_err(|error| error.to_string())
}

#[test]
fn what_is_in_a_range_and_what_is_not() {
    for (range, inside, outside) in RANGES {
        let manifest = manifest(range).unwrap_or_else(|error| panic!("{range}: {error}"));
        let read = manifest.platform().unwrap();
        for version in inside {
            assert!(read.matches(&version.parse().unwrap()), "{version} is in {range}");
        }
        for version in outside {
            assert!(
                !read.matches(&version.parse().unwrap()),
                "{version} is not in {range}"
            );
        }
    }
}

#[test]
fn what_is_no_range_here_is_refused_with_what_to_write() {
    for range in REFUSED {
        let error = manifest(range).unwrap_err();
        assert!(
            error.contains("/platform") && error.contains("write"),
            "{range}: {error}"
        );
    }
}

/// The order of versions, from section 11 of Semantic Versioning 2.0.0.
#[test]
fn versions_stand_in_their_order() {
    let order = [
        "0.9.9",
        "1.0.0-1",
        "1.0.0-2",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1",
        "1.1.0",
        "2.0.0",
        "2.1.0",
        "2.1.1",
        "10.0.0",
    ];
    let versions = order.map(|version| version.parse::<semver::Version>().unwrap());
    assert!(versions.is_sorted(), "{versions:?}");
}
