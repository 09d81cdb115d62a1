//! Texts for people.

use serde_json::json;

use crate::{accepts, refuses};

#[test]
fn texts_of_one_line() {
    for (key, what) in [
        ("name", "name"),
        ("category", "category"),
        ("homepage", "homepage"),
        ("license", "license"),
    ] {
        let longest = "ä".repeat(255);
        accepts(
            key,
            &[json!("x"), json!(" x "), json!("größe \u{1f4a1}"), json!(longest)],
        );
        let empty = "it is empty; write something that can be seen, or remove it if it is optional";
        let lines = "it has a line break or another control character; write it in one line";
        let turns = "it has a character that turns the direction of writing; remove that character";
        let long = "it has 256 characters, at most 255 are allowed";
        let start = "ä".repeat(60);
        refuses(
            key,
            &[
                (json!(""), &format!("invalid {what} \"\": {empty}")),
                (json!(" \t"), &format!("invalid {what} \" \\t\": {empty}")),
                (json!("a\nb"), &format!("invalid {what} \"a\\nb\": {lines}")),
                (
                    json!("\u{1b}[2J"),
                    &format!("invalid {what} \"\\u{{1b}}[2J\": {lines}"),
                ),
                (
                    json!("a\u{202e}b"),
                    &format!("invalid {what} \"a\\u{{202e}}b\": {turns}"),
                ),
                (
                    json!(longest + "ä"),
                    &format!("invalid {what} \"{start}\"...: {long}"),
                ),
                (json!(5), "expected a string, found 5; write \"5\" in quotes"),
                (
                    json!({}),
                    "expected a string, found an object; write one text in quotes",
                ),
            ],
        );
    }
}

#[test]
fn homepage_leads_to_a_page() {
    accepts(
        "homepage",
        &[
            json!("https://light.example.com/a:b"),
            json!("HTTP://light.example.com"),
            json!("light.example.com"),
            json!("/light?a:b"),
            json!("#a:b"),
        ],
    );
    let rule = "it is no address of a page: it begins with something else than http:// or https://; write for example \"https://light.example.com\"";
    for refused in [
        "javascript:alert(1)",
        " javascript://x",
        "data:text/html,x",
        "https:light",
        "light:80/x",
        "mailto:a@b",
    ] {
        refuses(
            "homepage",
            &[(json!(refused), &format!("invalid homepage {refused:?}: {rule}"))],
        );
    }
}

#[test]
fn lists_of_texts_of_one_line() {
    for (key, what) in [("tags", "tag"), ("secrets", "secret")] {
        accepts(key, &[json!([]), json!(["a", "b c"]), json!(null)]);
        refuses(
            key,
            &[
                (
                    json!("a"),
                    "expected a list, found the string \"a\"; write [\"a\"]",
                ),
                (json!({}), "expected a list, found an object; write [ ... ]"),
                (
                    json!(["a", ""]),
                    &format!(
                        "invalid {what} \"\": it is empty; write something that can be seen, or remove it if it is optional"
                    ),
                ),
                (
                    json!([true]),
                    "expected a string, found true; write \"true\" in quotes",
                ),
                (
                    json!([null]),
                    "expected a string, found null; write a text in quotes, or leave it out",
                ),
            ],
        );
    }
    refuses(
        "secrets",
        &[(
            json!(["a", "a"]),
            "`a` is already listed at /secrets/0; remove it",
        )],
    );
}

#[test]
fn description_and_author() {
    accepts(
        "description",
        &[
            json!(""),
            json!("two\r\nlines\tand more"),
            json!("ä".repeat(10_000)),
        ],
    );
    let start = "ä".repeat(60);
    refuses(
        "description",
        &[
            (
                json!("ä".repeat(10_001)),
                &format!(
                    "invalid description \"{start}\"...: it has 10001 characters, at most 10000 are allowed"
                ),
            ),
            (
                json!("a\u{1b}[2J"),
                "invalid description \"a\\u{1b}[2J\": it has the control character '\\u{1b}'; remove it; only tabs and line breaks are allowed",
            ),
            (
                json!("a\u{2067}b"),
                "invalid description \"a\\u{2067}b\": it has a character that turns the direction of writing; remove that character",
            ),
            (
                json!(null),
                "`description` is required; write a value in the place of null",
            ),
        ],
    );
    accepts("author", &[json!(""), json!("Example Home")]);
    refuses(
        "author",
        &[(
            json!("a\nb"),
            "invalid author \"a\\nb\": it has a line break or another control character; write it in one line",
        )],
    );
}
