//! Fields of a manifest that have no type of their own: what each accepts, and in which words it refuses.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

mod texts;

use hap_manifest::{Issue, Manifest};
use serde_json::{Value, json};

const GUIDE: &str = include_str!("../fixtures/guide.json");

/// The issues of the guide's manifest with one field of this value.
fn issues(key: &str, value: &Value) -> Vec<Issue> {
    let mut manifest: Value = serde_json::from_str(GUIDE).unwrap();
    manifest
        .as_object_mut()
        .unwrap()
        .insert(key.to_owned(), value.clone());
    match Manifest::from_json(&manifest.to_string()) {
        Ok(parsed) => parsed.warnings,
        Err(error) => error.issues().to_vec(),
    }
}

#[track_caller]
fn accepts(key: &str, values: &[Value]) {
    for value in values {
        assert_eq!(issues(key, value), [], "{key}: {value}");
    }
}

/// Refused values, each with the whole message.
#[track_caller]
fn refuses(key: &str, rows: &[(Value, &str)]) {
    for (value, expected) in rows {
        let told: Vec<_> = issues(key, value)
            .iter()
            .map(|issue| match issue.help() {
                Some(help) => format!("{}; {help}", issue.message()),
                None => issue.message().to_owned(),
            })
            .collect();
        assert_eq!(told, [*expected], "{key}: {value}");
    }
}

#[test]
fn dockerfile_is_in_the_folder() {
    accepts(
        "dockerfile",
        &[
            json!("Dockerfile"),
            json!("./Dockerfile"),
            json!("docker/Dockerfile.plugin"),
            json!("a b/..c/...".to_owned()),
            json!("\u{e4}".repeat(255)),
        ],
    );
    let example = "name a file in the plugin's folder, such as \"docker/Dockerfile\"";
    let normal = "it has an empty segment or a '.'";
    for (refused, rule) in [
        ("", "it is empty"),
        (
            "/Dockerfile",
            "it is absolute, and is looked for within the plugin's folder",
        ),
        ("../Dockerfile", "it leads out of the plugin's folder"),
        ("a/../../b", "it leads out of the plugin's folder"),
        ("a//b", normal),
        ("a/", normal),
        ("a/./b", normal),
        ("././a", normal),
        (".", normal),
        ("C:/Dockerfile", "':' at position 2 is not allowed"),
        ("a\nb", "'\\n' at position 2 is not allowed"),
        ("a\u{202e}b", "'\\u{202e}' at position 2 is not allowed"),
        ("..\\Dockerfile", "it has a backslash"),
    ] {
        refuses(
            "dockerfile",
            &[(
                json!(refused),
                &format!("invalid dockerfile {refused:?}: {rule}; {example}"),
            )],
        );
    }
    refuses(
        "dockerfile",
        &[
            (
                json!("docker\\Dockerfile"),
                "invalid dockerfile \"docker\\\\Dockerfile\": it has a backslash; write \"docker/Dockerfile\"",
            ),
            (
                json!("a".repeat(256)),
                &format!(
                    "invalid dockerfile \"{}\"...: it has 256 characters, at most 255 are allowed",
                    "a".repeat(60)
                ),
            ),
            (json!(5), "expected a string, found 5; write \"5\" in quotes"),
        ],
    );
}

#[test]
fn version() {
    accepts(
        "version",
        &[
            json!("0.0.0"),
            json!("1.2.3"),
            json!("1.0.0-rc.1+build.5"),
            json!("18446744073709551615.0.0"),
        ],
    );
    for (version, rule) in [
        ("", "empty string, expected a semver version"),
        ("1", "unexpected end of input while parsing major version number"),
        (
            "1.0",
            "unexpected end of input while parsing minor version number",
        ),
        (
            "v1.0.0",
            "unexpected character 'v' while parsing major version number",
        ),
        ("01.0.0", "invalid leading zero in major version number"),
        ("1.0.0-", "empty identifier segment in pre-release identifier"),
        ("1.0.0 ", "unexpected character ' ' after patch version number"),
        (
            "18446744073709551616.0.0",
            "value of major version number exceeds u64::MAX",
        ),
        (
            "latest",
            "unexpected character 'l' while parsing major version number",
        ),
    ] {
        let is_guessed = ["1", "1.0", "v1.0.0", "01.0.0", "1.0.0 "].contains(&version);
        let example = if is_guessed { "" } else { " for example" };
        let expected = format!("invalid version {version:?}: {rule}; write{example} \"1.0.0\"");
        refuses("version", &[(json!(version), &expected)]);
    }
    refuses(
        "version",
        &[(json!(1.0), "expected a string, found 1.0; write \"1.0.0\"")],
    );
}

#[test]
fn platform() {
    accepts(
        "platform",
        &[
            json!("*"),
            json!("^1"),
            json!("1"),
            json!(">=1.2, <3"),
            json!("~1.2.3-rc.1"),
        ],
    );
    refuses(
        "platform",
        &[
            (
                json!(""),
                "invalid version range \"\": unexpected end of input while parsing major version number; write for example \"^1.2\"",
            ),
            (
                json!("newest"),
                "invalid version range \"newest\": unexpected character 'n' while parsing major version number; write for example \"^1.2\"",
            ),
            (
                json!("^1 || ^2"),
                "invalid version range \"^1 || ^2\": expected comma after major version number, found '|'; a range has no alternatives; write the whole span, for example \">=1, <3\"",
            ),
            (
                json!(">2, <1"),
                "no version is in the range \">2, <1\"; did you mean \">=1, <2\"?",
            ),
            (json!(1), "expected a string, found 1; write \"1\" in quotes"),
        ],
    );
}

#[test]
fn dependencies() {
    accepts(
        "depends_on",
        &[json!(["broker"]), json!([{"id": "broker", "version": "^1"}])],
    );
    let id = |found: &str| {
        format!(
            "invalid plugin id {found:?}: {:?} at position 7 is not one of a-z, 0-9 and '-'",
            found.chars().nth(6).unwrap()
        )
    };
    for (found, version) in [
        ("broker@1.2", "1.2"),
        ("broker ^1", "^1"),
        ("broker:1", "1"),
        ("broker>=1, <3", ">=1, <3"),
        ("broker = 1.2.3", "= 1.2.3"),
    ] {
        let help = format!("write {{\"id\": \"broker\", \"version\": \"{version}\"}}");
        refuses(
            "depends_on",
            &[(json!([found]), &format!("{}; {help}", id(found)))],
        );
    }
    refuses(
        "depends_on",
        &[
            (
                json!(["broker@latest"]),
                &format!("{}; try \"broker-latest\"", id("broker@latest")),
            ),
            (
                json!([[]]),
                "expected a string, found a list; write one text in quotes",
            ),
            (json!([{}]), "`id` is required; add \"id\" to the object"),
        ],
    );
}

#[test]
fn price_and_icon() {
    accepts(
        "price",
        &[json!(0), json!(9.99), json!("free"), json!("9.99 €"), json!("")],
    );
    refuses(
        "price",
        &[
            (
                json!(-1),
                "invalid price -1: it is negative; write 0 for a plugin that costs nothing",
            ),
            (
                json!("a\u{7}"),
                "invalid price \"a\\u{7}\": it has a line break or another control character; write it in one line",
            ),
            (
                json!(true),
                "expected a number or a string, found true; write for example 9.99 or \"free\"",
            ),
        ],
    );
    accepts(
        "icon",
        &[
            json!("icon.svg"),
            json!(""),
            json!(format!("data:image/png;base64,{}", "A".repeat(10_000))),
        ],
    );
    refuses(
        "icon",
        &[(
            json!("a\u{1b}"),
            "invalid icon \"a\\u{1b}\": it has a line break or another control character; write it in one line",
        )],
    );
}

#[test]
fn environment() {
    accepts(
        "env_vars",
        &[
            json!({}),
            json!({"A": "", "B": "two\nlines", "C": "\u{202e}"}),
            json!({"A": "x".repeat(32 * 1024)}),
        ],
    );
    refuses(
        "env_vars",
        &[
            (
                json!({"A": "a\u{0}b"}),
                "invalid environment variable: its value has a NUL character",
            ),
            (
                json!({"A": "x".repeat(32 * 1024 + 1)}),
                "invalid environment variable: its value has 32769 bytes, at most 32768 are allowed",
            ),
            (
                json!({"A": 5}),
                "expected a string, found 5; write \"5\" in quotes",
            ),
        ],
    );
}

#[test]
fn restart() {
    accepts(
        "restart",
        &[
            json!("always"),
            json!("unless-stopped"),
            json!("on-failure"),
            json!("no"),
            json!("never"),
            json!({}),
            json!({"mode": "always", "initial": "1s", "max": "1s"}),
        ],
    );
    refuses(
        "restart",
        &[
            (
                json!("Always"),
                "invalid restart mode \"Always\": it must be one of \"always\", \"on-failure\" and \"no\"; did you mean \"always\"?",
            ),
            (
                json!("sometimes"),
                "invalid restart mode \"sometimes\": it must be one of \"always\", \"on-failure\" and \"no\"; \"always\" is the default",
            ),
            (
                json!({"mode": "onfailure"}),
                "invalid restart mode \"onfailure\": it must be one of \"always\", \"on-failure\" and \"no\"; did you mean \"on-failure\"?",
            ),
            (
                json!({"initial": "2s", "max": "1s"}),
                "invalid restart pause 2s: it is longer than `max`, 1s; write a shorter `initial` or a longer `max`",
            ),
            (
                json!(false),
                "expected a mode or an object, found false; write \"no\" for a plugin that is never started again",
            ),
            (
                json!(3),
                "expected a mode or an object, found 3; write for example \"on-failure\", or {\"mode\": \"always\", \"max\": \"60s\"}",
            ),
        ],
    );
}

#[test]
fn durations_without_a_unit() {
    refuses(
        "stop_timeout",
        &[
            (
                json!(10),
                "expected a string, found 10; write \"10s\" for seconds",
            ),
            (
                json!("10"),
                "invalid duration \"10\": it has no unit; write \"10s\" for seconds",
            ),
        ],
    );
}
