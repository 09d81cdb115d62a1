//! Image references: which are accepted, how they are taken apart, and why others are refused.

use container_image_dist_ref::ImgRef;
use hap_manifest::ImageRef;
use proptest::prelude::*;

const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn references_are_taken_apart() {
    let digest = format!("sha256:{HEX}");
    let pinned = format!("registry.example.com:5000/home/light:1.2@{digest}");
    let only_digest = format!("light@{digest}");
    let rows = [
        ("light", None, "light", None, None),
        ("light:latest", None, "light", Some("latest"), None),
        (
            "example/light:1.2.3-rc_1",
            None,
            "example/light",
            Some("1.2.3-rc_1"),
            None,
        ),
        ("a/b/c", None, "a/b/c", None, None),
        ("localhost/light", Some("localhost"), "light", None, None),
        (
            "localhost:5000/a/b:1",
            Some("localhost:5000"),
            "a/b",
            Some("1"),
            None,
        ),
        (
            "registry.example.com/light",
            Some("registry.example.com"),
            "light",
            None,
            None,
        ),
        (
            "REGISTRY.example.com/light",
            Some("REGISTRY.example.com"),
            "light",
            None,
            None,
        ),
        (
            "192.0.2.1:5000/light",
            Some("192.0.2.1:5000"),
            "light",
            None,
            None,
        ),
        (
            "[2001:db8::1]:5000/light:2",
            Some("[2001:db8::1]:5000"),
            "light",
            Some("2"),
            None,
        ),
        ("[::1]/light", Some("[::1]"), "light", None, None),
        ("a__b/c-d---e/f.g_h", None, "a__b/c-d---e/f.g_h", None, None),
        (
            pinned.as_str(),
            Some("registry.example.com:5000"),
            "home/light",
            Some("1.2"),
            Some(digest.as_str()),
        ),
        (only_digest.as_str(), None, "light", None, Some(digest.as_str())),
    ];
    for (text, registry, repository, tag, digest) in rows {
        let image: ImageRef = text.parse().unwrap();
        assert_eq!(image.registry(), registry, "{text}");
        assert_eq!(image.repository(), repository, "{text}");
        assert_eq!(image.tag(), tag, "{text}");
        assert_eq!(image.digest(), digest, "{text}");
        assert_eq!(image.is_pinned(), digest.is_some(), "{text}");
        assert_eq!(image.to_string(), text);
    }
}

/// The help where there is none of its own.
const EXAMPLE: &str = "; for example \"example/light:1.0\"";

#[test]
fn others_are_refused_with_a_reason() {
    let upper = format!("a@sha256:{}", HEX.to_uppercase());
    let rows = [
        ("", "\"\": it is empty"),
        (
            "--privileged",
            "\"--privileged\": the part \"--privileged\" must begin and end with a letter or digit",
        ),
        ("a b", "\"a b\": ' ' at position 2 is not allowed"),
        ("a\n", "\"a\\n\": '\\n' at position 2 is not allowed"),
        ("ä", "\"ä\": 'ä' at position 1 is not allowed"),
        (
            "https://example.com/a",
            "\"https://example.com/a\": it has a scheme; leave out the part up to \"://\"",
        ),
        (
            "acme/Case:1",
            "\"acme/Case:1\": 'C' in the repository is not one of a-z, 0-9, '.', '_' and '-'; write the repository in lower case",
        ),
        ("a//b", "\"a//b\": the repository has an empty part"),
        ("/a", "\"/a\": the repository has an empty part"),
        ("a/", "\"a/\": the repository has an empty part"),
        ("localhost/", "\"localhost/\": the repository has an empty part"),
        (
            "a___b",
            "\"a___b\": the separator \"___\" in the repository is not '.', '_', '__' or dashes",
        ),
        (
            "a..b",
            "\"a..b\": the separator \"..\" in the repository is not '.', '_', '__' or dashes",
        ),
        ("a:", "\"a:\": the tag after ':' is empty"),
        (
            "a:b:c",
            "\"a:b:c\": the tag \"b:c\" has characters other than letters, digits, '_', '.' and '-'",
        ),
        (
            "a:-x",
            "\"a:-x\": the tag \"-x\" has characters other than letters, digits, '_', '.' and '-'",
        ),
        (
            "a@",
            "\"a@\": the digest after '@' is not of the form algorithm:hex",
        ),
        (
            "a@sha256:abc",
            "\"a@sha256:abc\": the sha256 digest is not 64 lower-case hexadecimal digits",
        ),
        (
            "a@md5:abc",
            "\"a@md5:abc\": the digest algorithm \"md5\" is not sha256, sha384 or sha512",
        ),
        (
            upper.as_str(),
            "\"a@sha256:0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF012\"...: the sha256 digest is not 64 lower-case hexadecimal digits",
        ),
        (
            HEX,
            "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab\"...: it is an image id, not a name",
        ),
        (
            "sha256:0123456789abcdef",
            "\"sha256:0123456789abcdef\": it is an image id, not a name",
        ),
        ("sha384", "\"sha384\": it is an image id, not a name"),
        ("sha512:1", "\"sha512:1\": it is an image id, not a name"),
        ("x.y:0/a", "\"x.y:0/a\": \"0\" is not a registry port"),
        ("x.y:99999/a", "\"x.y:99999/a\": \"99999\" is not a registry port"),
        ("x.y:+80/a", "\"x.y:+80/a\": \"+80\" is not a registry port"),
        ("-x.y/a", "\"-x.y/a\": \"-x.y\" is not a registry host"),
        ("x..y/a", "\"x..y/a\": \"x..y\" is not a registry host"),
        ("../a", "\"../a\": \"..\" is not a registry host"),
        (
            "[::1/a",
            "\"[::1/a\": the IPv6 address of the registry has no ']'",
        ),
        ("[x]/a", "\"[x]/a\": \"x\" is not an IPv6 address"),
        (
            "[::1]x/a",
            "\"[::1]x/a\": only a port may follow the registry's ']'",
        ),
    ];
    for (text, expected) in rows {
        let message = text.parse::<ImageRef>().unwrap_err().to_string();
        let help = if expected.contains("; ") { "" } else { EXAMPLE };
        assert_eq!(
            message,
            format!("invalid image reference {expected}{help}"),
            "{text:?}"
        );
    }
    let long_tag = format!("a:{}", "t".repeat(129));
    let message = long_tag.parse::<ImageRef>().unwrap_err().to_string();
    assert!(
        message.ends_with(&format!(
            "the tag has 129 characters, at most 128 are allowed{EXAMPLE}"
        )),
        "{message}"
    );
    let long_name = format!("x.y/{}", "a".repeat(252));
    let message = long_name.parse::<ImageRef>().unwrap_err().to_string();
    assert!(
        message.ends_with(&format!(
            "registry and repository together exceed 255 bytes{EXAMPLE}"
        )),
        "{message}"
    );
}

/// References and near misses, from the alphabet and the separators that matter.
fn reference() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        Just(String::new()),
        "[a-z0-9.-]{1,6}/",
        "[a-zA-Z]{1,3}\\.[a-z]{1,2}(:[0-9]{1,5})?/",
        "localhost(:[0-9]{2})?/",
        "\\[[0-9a-f:]{2,6}\\](:[0-9]{1,4})?/",
    ];
    let rest = "[a-z0-9._-]{1,5}(/[a-zA-Z0-9._-]{0,5}){0,2}(:[A-Za-z0-9._-]{0,4})?(@sha256:[0-9a-f]{63,65})?";
    (host, rest).prop_map(|(host, rest)| host + &rest)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Another parser, itself tested against the engines' own, must accept what is accepted here.
    #[test]
    fn what_is_accepted_is_accepted_elsewhere(text in reference()) {
        if let Ok(image) = text.parse::<ImageRef>() {
            let other = ImgRef::new(&text);
            prop_assert!(other.is_ok(), "{text} is accepted only here");
            if let Ok(other) = other {
                prop_assert_eq!(image.tag(), other.tag().filter(|tag| !tag.is_empty()));
                prop_assert_eq!(image.is_pinned(), other.digest().is_some());
            }
        }
    }
}
