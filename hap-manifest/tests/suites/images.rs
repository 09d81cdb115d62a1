//! Names of images: the cases of the reference grammar of `distribution/reference`, whose grammar is spoken here.

use hap_manifest::ImageRef;

const F64: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

/// A name, `F` for 64 hexadecimal digits: registry, repository, tag, and whether there is a digest.
type Row = (
    &'static str,
    Option<&'static str>,
    &'static str,
    Option<&'static str>,
    bool,
);

const TAKEN: [Row; 34] = [
    ("test_com", None, "test_com", None, false),
    ("test.com:tag", None, "test.com", Some("tag"), false),
    ("test.com:5000", None, "test.com", Some("5000"), false),
    ("test.com/repo:tag", Some("test.com"), "repo", Some("tag"), false),
    ("test.com:5000/repo", Some("test.com:5000"), "repo", None, false),
    (
        "test.com:5000/repo:tag",
        Some("test.com:5000"),
        "repo",
        Some("tag"),
        false,
    ),
    ("test:5000/repo@sha256:F", Some("test:5000"), "repo", None, true),
    (
        "test:5000/repo:tag@sha256:F",
        Some("test:5000"),
        "repo",
        Some("tag"),
        true,
    ),
    ("test:5000/repo", Some("test:5000"), "repo", None, false),
    ("lowercase:Uppercase", None, "lowercase", Some("Uppercase"), false),
    (
        "sub-dom1.foo.com/bar/baz/quux",
        Some("sub-dom1.foo.com"),
        "bar/baz/quux",
        None,
        false,
    ),
    (
        "sub-dom1.foo.com/bar/baz/quux:some-long-tag",
        Some("sub-dom1.foo.com"),
        "bar/baz/quux",
        Some("some-long-tag"),
        false,
    ),
    (
        "b.gcr.io/test.example.com/my-app:test.example.com",
        Some("b.gcr.io"),
        "test.example.com/my-app",
        Some("test.example.com"),
        false,
    ),
    (
        "xn--n3h.com/myimage:xn--n3h.com",
        Some("xn--n3h.com"),
        "myimage",
        Some("xn--n3h.com"),
        false,
    ),
    ("foo_bar.com:8080", None, "foo_bar.com", Some("8080"), false),
    (
        "foo/foo_bar.com:8080",
        None,
        "foo/foo_bar.com",
        Some("8080"),
        false,
    ),
    ("[2001:db8::1]/repo", Some("[2001:db8::1]"), "repo", None, false),
    (
        "[2001:db8:1:2:3:4:5:6]:5000/repo:tag",
        Some("[2001:db8:1:2:3:4:5:6]:5000"),
        "repo",
        Some("tag"),
        false,
    ),
    (
        "[2001:db8::]:5000/repo",
        Some("[2001:db8::]:5000"),
        "repo",
        None,
        false,
    ),
    ("[::1]:5000/repo@sha256:F", Some("[::1]:5000"), "repo", None, true),
    ("docker/docker", None, "docker/docker", None, false),
    ("library/debian", None, "library/debian", None, false),
    ("debian", None, "debian", None, false),
    (
        "localhost/library/debian",
        Some("localhost"),
        "library/debian",
        None,
        false,
    ),
    (
        "docker.io/docker/docker",
        Some("docker.io"),
        "docker/docker",
        None,
        false,
    ),
    (
        "127.0.0.1:5000/docker/docker",
        Some("127.0.0.1:5000"),
        "docker/docker",
        None,
        false,
    ),
    ("foo/foo_bar", None, "foo/foo_bar", None, false),
    ("foo__bar", None, "foo__bar", None, false),
    ("foo--bar", None, "foo--bar", None, false),
    ("foo.bar", None, "foo.bar", None, false),
    ("a-b.c/d", Some("a-b.c"), "d", None, false),
    ("0/0/0", None, "0/0/0", None, false),
    ("aa/asdf", None, "aa/asdf", None, false),
    ("repo:_tag.1-2", None, "repo", Some("_tag.1-2"), false),
];

const REFUSED: [&str; 46] = [
    "",
    ":justtag",
    "@sha256:F",
    "repo@sha256:ffffffffffffffffffffffffffffffffff",
    "validname@invaliddigest:F",
    "repo@sha256",
    "repo@",
    "repo:",
    "Uppercase:tag",
    "test:5000/Uppercase/lowercase:tag",
    "aa/asdf$$^/aa",
    "a//b",
    "/a",
    "a/",
    "a/b/",
    "-a",
    "a-",
    "_a",
    "a_",
    ".a",
    "a.",
    "a..b",
    "a___b",
    "a.-b",
    "a_.b",
    "docker///docker",
    "docker/-docker",
    "docker/docker-",
    "foo/_bar",
    "foo/.bar",
    "repo:-tag",
    "repo:.tag",
    "repo:tag:tag",
    "repo:t/ag",
    "repo: tag",
    "repo tag",
    "a b/c",
    "https://example.com/repo",
    "example.com:port/repo",
    "[fe80::1%eth0]:5000/repo",
    "[fe80::1%@invalidzone]:5000/repo",
    "[2001:db8::1/repo",
    "2001:db8::1/repo",
    "[]/repo",
    "repo@sha256:F@sha256:F",
    "r\u{e9}po",
];

fn full(text: &str) -> String {
    text.replace('F', F64)
}

#[test]
fn names_are_taken_apart_as_the_grammar_has_it() {
    for (text, registry, repository, tag, digest) in TAKEN {
        let text = full(text);
        let image: ImageRef = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(image.registry(), registry, "{text}");
        assert_eq!(image.repository(), repository, "{text}");
        assert_eq!(image.tag(), tag, "{text}");
        assert_eq!(image.digest().is_some(), digest, "{text}");
        assert_eq!(image.to_string(), text);
    }
}

#[test]
fn what_the_grammar_does_not_have_is_refused() {
    let tag = format!("a:{}", "t".repeat(129));
    let long = "a/".repeat(128) + "a:tag";
    for text in REFUSED.map(full).into_iter().chain([tag, long]) {
        assert!(text.parse::<ImageRef>().is_err(), "{text}");
    }
    // The longest tag.
    assert!(format!("a:{}", "t".repeat(128)).parse::<ImageRef>().is_ok());
}
