//! The scanner against `serde_json`, and its explanations.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::document::Document;
use super::find::Found;
use super::members::Members;
use super::node::Node;
use super::scan::MAX_DEPTH;

/// Any JSON value of bounded size; numbers that both sides read the same.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has only finite numbers", |n| n.is_finite())
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let key = prop_oneof!["[a-c/~\"\\\\ ]{0,3}", any::<String>()];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..6)
                .prop_map(|m| Value::Object(m.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Looks up every pointer of the value and compares what lies there.
fn check(text: &str, document: &Document<'_>, value: &Value, pointer: &str) {
    let Found::Exact { value: span, key } = document.find(pointer) else {
        panic!("{pointer} is not found")
    };
    assert_eq!(
        serde_json::from_str::<Value>(&text[span]).unwrap(),
        *value,
        "{pointer}"
    );
    if let Some(key) = key {
        let name: String = serde_json::from_str(&text[key]).unwrap();
        let token = name.replace('~', "~0").replace('/', "~1");
        assert!(
            pointer.ends_with(&format!("/{token}")),
            "{pointer} has the key {name}"
        );
    }
    match value {
        Value::Array(entries) => {
            entries
                .iter()
                .enumerate()
                .for_each(|(i, v)| check(text, document, v, &format!("{pointer}/{i}")));
        }
        Value::Object(members) => members.iter().for_each(|(k, v)| {
            let token = k.replace('~', "~0").replace('/', "~1");
            check(text, document, v, &format!("{pointer}/{token}"));
        }),
        _ => {}
    }
}

/// Every node says its own pointer, and is found by its key.
fn check_nodes(document: &Document<'_>, node: Node<'_>) {
    let children: Vec<_> = node.children().collect();
    assert_eq!(children.len(), node.len());
    for child in children {
        let last = node.is_object().then(|| node.get(&child.key()).unwrap());
        let Found::Exact { value, .. } = document.find(&child.pointer()) else {
            panic!("{child} is not found")
        };
        assert_eq!(value, last.unwrap_or(child).slot.span.range(), "{child}");
        if let Some(last) = last {
            let found = Members::of(node).unwrap().get(&child.key()).unwrap();
            assert_eq!(found.index, last.index, "{child}");
        }
        check_nodes(document, child);
    }
}

proptest! {
    #[test]
    fn every_pointer_leads_to_its_value(value in value(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let document = Document::read(&text).unwrap();
        check(&text, &document, &value, "");
        check_nodes(&document, document.root());
        prop_assert_eq!(document.root().to_value(), value);
        prop_assert!(!document.has_duplicates());
        prop_assert!(document.duplicates(9).is_empty());
    }

    /// A key that is written in another way is still the same key.
    #[test]
    fn keys_given_twice_are_told_whatever_surrounds_them(
        names in proptest::collection::vec("[a-e]{1,2}", 0..100), escape: prop::sample::Index, inner: bool,
    ) {
        let escaped = escape.index(names.len() + 1);
        let members: Vec<_> = names.iter().enumerate().map(|(index, name)| {
            let first = if index == escaped { format!("\\u{:04x}", name.as_bytes()[0]) } else { name[..1].to_owned() };
            format!("\"{first}{}\": {index}", &name[1..])
        }).collect();
        let object = format!("{{{}}}", members.join(","));
        let text = if inner { format!("[1, {{\"a\": {object}}}]") } else { object };
        let mut distinct = names.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let document = Document::read(&text).unwrap();
        prop_assert_eq!(document.has_duplicates(), distinct.len() < names.len());
        prop_assert_eq!(document.duplicates(1000).len(), names.len() - distinct.len());
        prop_assert_eq!(document.root().to_value(), serde_json::from_str::<Value>(&text).unwrap());
        check_nodes(&document, document.root());
    }

    /// Texts that are JSON but for a few bytes, where two parsers disagree most easily.
    #[test]
    fn the_scanner_accepts_what_serde_json_accepts(value in value(), at: usize, with in "[\\[\\]{}:,\"\\\\0-9eE+. a-z/\n\u{1}-]{0,2}") {
        let mut text = serde_json::to_string(&value).unwrap();
        let mut at = at % (text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let end = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
        text.replace_range(at..end, &with);
        prop_assert_eq!(Document::read(&text).is_ok(), serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
    }

    #[test]
    fn any_text_is_either_read_or_explained(text: String) {
        prop_assert_eq!(Document::read(&text).is_ok(), serde_json::from_str::<Value>(&text).is_ok());
        if let Err(mistake) = Document::read(&text) {
            prop_assert!(text.get(mistake.span).is_some());
        }
    }

    #[test]
    fn anything_that_looks_like_a_number_is_read_alike(text in "-?[0-9]{0,3}(\\.[0-9]{0,2})?([eE][+-]?[0-9]{0,4})?[+-.ex]?") {
        prop_assert_eq!(Document::read(&text).is_ok(), serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
    }
}

#[test]
fn nesting_is_bounded_where_serde_json_bounds_it() {
    for (depth, accepted) in [(MAX_DEPTH, true), (MAX_DEPTH + 1, false), (100_000, false)] {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(Document::read(&text).is_ok(), accepted, "{depth}");
        assert_eq!(serde_json::from_str::<Value>(&text).is_ok(), accepted, "{depth}");
    }
}

#[test]
fn texts_with_a_key_twice_are_told_from_others() {
    let rows = [
        (r#"{}"#, false),
        (r#"{"a":{"a":[{"a":1},{"a":2}]},"b":":","c:":"\\"}"#, false),
        (r#"{"\":":1,"\\":2,"x\\\":":3}"#, false),
        (r#"{"a":1,"a":1}"#, true),
        (r#"[{"a":{"b":1,"\u0062":2}}]"#, true),
        (r#"{"a":{"x":1},"a":{"x":1}}"#, true),
    ];
    for (text, expected) in rows {
        let document = Document::read(text).unwrap();
        assert_eq!(document.has_duplicates(), expected, "{text}");
        assert_eq!(document.duplicates(9).is_empty(), !expected, "{text}");
    }
}

#[test]
fn keys_given_twice_are_found() {
    let text = r#"{"a": 1, "b": [{"x": 1, "x": 2}], "a": {"a": 3}, "\u0061": 4}"#;
    let document = Document::read(text).unwrap();
    let found: Vec<_> = document
        .duplicates(9)
        .into_iter()
        .map(|d| (d.pointer, d.first.start, d.again.start))
        .collect();
    let expected = [("/b/0/x", 16, 24), ("/a", 1, 34), ("/a", 1, 49)];
    assert_eq!(
        found,
        expected.map(|(pointer, first, again)| (pointer.to_owned(), first, again))
    );
    assert_eq!(document.duplicates(2).len(), 2);
    let Found::Exact { value, .. } = document.find("/a") else {
        panic!("not found")
    };
    assert_eq!(&text[value], "4");
}

#[test]
fn what_does_not_exist_is_around_what_does() {
    let text = r#"{"a": [1, {}]}"#;
    let document = Document::read(text).unwrap();
    for (pointer, around) in [
        ("/b", 0..14),
        ("/a/2", 6..13),
        ("/a/1/x/y", 10..12),
        ("/a/0/0", 7..8),
        ("/a/-1", 6..13),
    ] {
        assert_eq!(document.find(pointer), Found::Around(around), "{pointer}");
    }
}

#[test]
fn mistakes_are_explained() {
    let rows = [
        ("", 0..0, "the text is empty", "a manifest is a JSON object"),
        (
            "\u{feff}{}",
            0..3,
            "the text begins with a byte order mark",
            "save the file as UTF-8 without it",
        ),
        (
            "{\"a\": 1,}",
            7..8,
            "there is a comma before '}'",
            "remove the comma",
        ),
        (
            "[1, 2 , ]",
            6..7,
            "there is a comma before ']'",
            "remove the comma",
        ),
        (
            "{\"a\": 1, // note\n}",
            9..16,
            "JSON has no comments",
            "remove the comment",
        ),
        (
            "/* note */ {}",
            0..10,
            "JSON has no comments",
            "remove the comment",
        ),
        ("{} # note", 3..9, "JSON has no comments", "remove the comment"),
        (
            "{'a': 1}",
            1..2,
            "strings and keys are written in double quotes",
            "replace ' by \"",
        ),
        (
            "{\u{201c}a\": 1}",
            1..4,
            "the quotation mark \u{201c} is not the plain one",
            "replace it by \"",
        ),
        (
            "{a: 1}",
            1..2,
            "expected a key in double quotes or '}', found \"a\"",
            "write keys in double quotes",
        ),
        (
            "{\"a\": True}",
            6..10,
            "expected a value, found \"True\"",
            "write true",
        ),
        (
            "{\"a\": no}",
            6..8,
            "expected a value, found \"no\"",
            "write false",
        ),
        (
            "{\"a\": None}",
            6..10,
            "expected a value, found \"None\"",
            "write null, or leave the key out",
        ),
        (
            "[NaN]",
            1..4,
            "expected a value or ']', found \"NaN\"",
            "JSON has no such number",
        ),
        (
            "{\"a\": hello}",
            6..11,
            "expected a value, found \"hello\"",
            "write strings in double quotes",
        ),
        (
            "{\"a\" 1}",
            5..6,
            "expected ':' after the key, found \"1\"",
            "add ':' after the key",
        ),
        (
            "{,}",
            1..2,
            "expected a key in double quotes or '}', found ','",
            "write keys in double quotes",
        ),
        (
            "{\"a\": }",
            6..7,
            "expected a value, found '}'",
            "write a value after ':'",
        ),
        (
            "[+1]",
            1..2,
            "expected a value or ']', found '+'",
            "a number has no '+' in front",
        ),
        (
            "id: x",
            0..2,
            "this is YAML",
            "a manifest is a JSON object: convert it, so that it begins with '{'",
        ),
        (
            "{} {}",
            3..4,
            "expected the end, found '{'",
            "remove what follows the document's last '}'",
        ),
        (
            "{\"a\": 1\n\"b\": 2}",
            8..9,
            "a comma is missing before this",
            "add ',' after what precedes it",
        ),
        (
            "[1 2]",
            3..4,
            "a comma is missing before this",
            "add ',' after what precedes it",
        ),
        (
            "{\"a\": \"x}\n",
            6..9,
            "the string is not closed on its line",
            "close it with '\"', and write line breaks as \\n",
        ),
        (
            "[\"a\tb\"]",
            3..4,
            "the string has the control character '\\t'",
            "write it as \\u0009",
        ),
        (
            "[\"a\\d\"]",
            3..5,
            "\\d means nothing",
            "write \\\\ for '\\' itself; else one of \" / b f n r t may follow it, or u and four hexadecimal digits",
        ),
        (
            "[\"\\n\\\\\\u00e4\\ud83d\\udca1\\u12x4\"]",
            24..26,
            "\\u means nothing",
            "write \\\\ for '\\' itself; else one of \" / b f n r t may follow it, or u and four hexadecimal digits",
        ),
        (
            "[\"\\ud83d\\u0041\"]",
            2..8,
            "\\ud83d is one half of a character",
            "write the character itself, or both halves",
        ),
        (
            "[\"\\\u{202e}\"]",
            2..6,
            "'\\' before '\\u{202e}' means nothing",
            "write \\\\ for '\\' itself; else one of \" / b f n r t may follow it, or u and four hexadecimal digits",
        ),
        (
            "[\"\\udca1\"]",
            2..8,
            "\\udca1 is one half of a character",
            "write the character itself, or both halves",
        ),
        (
            "[01]",
            1..3,
            "the number is not written as JSON writes it",
            "remove the leading zeros",
        ),
        (
            "[-]",
            1..2,
            "the number is not written as JSON writes it",
            "a digit must follow '-'",
        ),
        (
            "[1.]",
            1..3,
            "the number is not written as JSON writes it",
            "a digit must follow '.'",
        ),
        (
            "[1e+]",
            1..4,
            "the number is not written as JSON writes it",
            "a digit must follow the exponent's 'e'",
        ),
        (
            "[512m]",
            1..5,
            "the number is not written as JSON writes it",
            "a number has digits, '.', and an exponent such as e3; anything else goes in quotes",
        ),
        ("[1, 2", 5..5, "the text ends inside a list", "close it with ']'"),
        (
            "{\"a\": 1",
            7..7,
            "the text ends inside an object",
            "close it with '}'",
        ),
        (
            "{\"a\"",
            4..4,
            "the text ends inside an object",
            "close it with '}'",
        ),
        (
            "{} x",
            3..4,
            "expected the end, found \"x\"",
            "remove what follows the document's last '}'",
        ),
    ];
    for (text, span, message, help) in rows {
        let mistake = Document::read(text).unwrap_err();
        assert_eq!(
            (mistake.span, mistake.message.as_str()),
            (span, message),
            "{text}"
        );
        assert_eq!(mistake.help.as_deref(), Some(help), "{text}");
    }
    for (text, message) in [
        ("[1e999]", "the number is too large"),
        ("[1;2]", "expected ',' or ']', found ';'"),
        ("[,]", "expected a value or ']', found ','"),
    ] {
        let mistake = Document::read(text).unwrap_err();
        assert_eq!(
            (mistake.message.as_str(), mistake.help),
            (message, None),
            "{text}"
        );
    }
}
