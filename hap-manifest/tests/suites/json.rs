//! The kinds of JSONTestSuite (Nicolas Seriot, "Parsing JSON is a Minefield"): texts that every reader of RFC 8259 has to
//! take, has to refuse, and those that the RFC leaves to it.
//!
//! Each goes through every reader of this crate and through that of the wire, as a value of a document.

use hap_manifest::{Issue, IssueCode, Manifest, document, wire::CommandRequest};
use serde_json::Value;

/// Have to be taken.
const TAKEN: [&[u8]; 96] = [
    b"[[]   ]",
    b"[\"\"]",
    b"[]",
    b"[\"a\"]",
    b"[false]",
    b"[null, 1, \"1\", {}]",
    b"[null]",
    b"[1\n]",
    b" [1]",
    b"[1,null,null,null,2]",
    b"[2] ",
    b"[123e65]",
    b"[0e+1]",
    b"[0e1]",
    b"[ 4]",
    b"[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]\n",
    b"[20e1]",
    b"[-0]",
    b"[-123]",
    b"[-1]",
    b"[-0]",
    b"[1E22]",
    b"[1E-2]",
    b"[1E+2]",
    b"[123e45]",
    b"[123.456e78]",
    b"[1e-2]",
    b"[1e+2]",
    b"[123]",
    b"[123.456789]",
    b"{\"asd\":\"sdf\", \"dfg\":\"fgh\"}",
    b"{\"asd\":\"sdf\"}",
    b"{}",
    b"{\"\":0}",
    b"{\"foo\\u0000bar\": 42}",
    b"{ \"min\": -1.0e+28, \"max\": 1.0e+28 }",
    b"{\"x\":[{\"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}], \"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}",
    b"{\"a\":[]}",
    b"{\"title\":\"\\u041f\\u043e\\u043b\\u0442\\u043e\\u0440\\u0430\"}",
    b"{\n\"a\": \"b\"\n}",
    b"[\"\\u0060\\u012a\\u12AB\"]",
    b"[\"\\uD801\\udc37\"]",
    b"[\"\\ud83d\\ude39\\ud83d\\udc8d\"]",
    b"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
    b"[\"\\\\u0000\"]",
    b"[\"\\\"\"]",
    b"[\"a/*b*/c/*d//e\"]",
    b"[\"\\\\a\"]",
    b"[\"\\\\n\"]",
    b"[\"\\u0012\"]",
    b"[\"\\uFFFF\"]",
    b"[\"asd\"]",
    b"[ \"asd\"]",
    b"[\"\\uDBFF\\uDFFF\"]",
    b"[\"new\\u00A0line\"]",
    "[\"\u{10ffff}\"]".as_bytes(),
    "[\"\u{ffff}\"]".as_bytes(),
    b"[\"\\u0000\"]",
    b"[\"\\u002c\"]",
    "[\"\u{3c0}\"]".as_bytes(),
    "[\"\u{1bfff}\"]".as_bytes(),
    b"[\"asd \"]",
    b"\" \"",
    b"[\"\\uD834\\uDd1e\"]",
    b"[\"\\u0821\"]",
    b"[\"\\u0123\"]",
    "[\"\u{2028}\"]".as_bytes(),
    "[\"\u{2029}\"]".as_bytes(),
    b"[\"\\u0061\\u30af\\u30EA\\u30b9\"]",
    b"[\"new\\u000Aline\"]",
    "[\"\u{7f}\"]".as_bytes(),
    b"[\"\\uA66D\"]",
    b"[\"\\u005C\"]",
    "[\"\u{2342}\u{3248}\u{2373}\"]".as_bytes(),
    b"[\"\\uDBFF\\uDFFE\"]",
    b"[\"\\uD83F\\uDFFE\"]",
    b"[\"\\u200B\"]",
    b"[\"\\u2064\"]",
    b"[\"\\uFDD0\"]",
    b"[\"\\uFFFE\"]",
    b"[\"\\u0022\"]",
    "[\"\u{20ac}\u{1d11e}\"]".as_bytes(),
    b"[\"a\x7fa\"]",
    b"false",
    b"42",
    b"-0.1",
    b"null",
    b"\"asd\"",
    b"true",
    b"\"\"",
    b"[\"a\"]\n",
    b"[true]",
    b" [] ",
    b"[\n\t 1 ,\r\n2]",
    b"{\"a\": {\"b\": {\"c\": null}}}",
    b"[1, 2, 3.5e-1, \"\\u00e9\"]",
];

/// Have to be refused.
const REFUSED: [&[u8]; 177] = [
    b"[1 true]",
    b"[a\xe5]",
    b"[\"\": 1]",
    b"[\"\"],",
    b"[,1]",
    b"[1,,2]",
    b"[\"x\",,]",
    b"[\"x\"]]",
    b"[\"\",]",
    b"[\"x\"",
    b"[x",
    b"[3[4]]",
    b"[\xff]",
    b"[1:2]",
    b"[,]",
    b"[-]",
    b"[   , \"\"]",
    b"[\"a\",\n4\n,1,",
    b"[1,]",
    b"[1,,]",
    b"[\"\x0ba\"\\f]",
    b"[*]",
    b"[\"\"",
    b"[1,",
    b"[1,\n1\n,1",
    b"[{}",
    b"[fals]",
    b"[nul]",
    b"[tru]",
    b"123\0",
    b"[++1234]",
    b"[+1]",
    b"[+Inf]",
    b"[-01]",
    b"[-1.0.]",
    b"[-2.]",
    b"[-NaN]",
    b"[.-1]",
    b"[.2e-3]",
    b"[0.1.2]",
    b"[0.3e+]",
    b"[0.3e]",
    b"[0.e1]",
    b"[0_capital_E+]",
    b"[0E+]",
    b"[0E]",
    b"[0e+]",
    b"[0e]",
    b"[1.0e+]",
    b"[1.0e-]",
    b"[1.0e]",
    b"[1 000.0]",
    b"[1eE2]",
    b"[2.e+3]",
    b"[2.e-3]",
    b"[2.e3]",
    b"[9.e+]",
    b"[Inf]",
    b"[NaN]",
    "[\u{ff11}]".as_bytes(),
    b"[1+2]",
    b"[0x1]",
    b"[0x42]",
    b"[Infinity]",
    b"[0e+-1]",
    b"[-123.123foo]",
    b"[123\xe5]",
    b"[1e1\xe5]",
    b"[0\xe5]",
    b"[-Infinity]",
    b"[-foo]",
    b"[- 1]",
    b"[-012]",
    b"[-.123]",
    b"[-1x]",
    b"[1ea]",
    b"[1e\xe5]",
    b"[1.]",
    b"[.123]",
    b"[1.2a-3]",
    b"[1.8011670033376514H-308]",
    b"[012]",
    b"[\"x\", truth]",
    b"{[: \"x\"}\n",
    b"{\"x\", null}",
    b"{\"x\"::\"b\"}",
    "{\u{1f1e8}\u{1f1ed}}".as_bytes(),
    b"{\"a\":\"a\" 123}",
    b"{key: 'value'}",
    b"{\"\xb9\":\"0\",}",
    b"{\"a\" b}",
    b"{:\"b\"}",
    b"{\"a\" \"b\"}",
    b"{\"a\":",
    b"{\"a\"",
    b"{1:1}",
    b"{9999E9999:1}",
    b"{null:null,null:null}",
    b"{\"id\":0,,,,,}",
    b"{'a':0}",
    b"{\"id\":0,}",
    b"{\"a\":\"b\"}/**/",
    b"{\"a\":\"b\"}/**//",
    b"{\"a\":\"b\"}//",
    b"{\"a\":\"b\"}/",
    b"{\"a\":\"b\",,\"c\":\"d\"}",
    b"{a: \"b\"}",
    b"{\"a\":\"a",
    b"{ \"foo\" : \"bar\", \"a\" }",
    b"{\"a\":\"b\"}#",
    b" ",
    b"[\"\\uD800\\\"]",
    b"[\"\\uD800\\u\"]",
    b"[\"\\uD800\\u1\"]",
    b"[\"\\uD800\\u1x\"]",
    "[\u{e9}]".as_bytes(),
    b"[\"\\\0\"]",
    b"[\"\\\\\\\"]",
    b"[\"\\\t\"]",
    "[\"\\\u{1f300}\"]".as_bytes(),
    b"[\"\\\"]",
    b"[\"\\x00\"]",
    b"[\"\\u00A\"]",
    b"[\"\\uD834\\uDd\"]",
    b"[\"\\uD800\\uD800\\x\"]",
    b"[\"\\u\xe5\"]",
    b"[\"\\a\"]",
    b"[\"\\uqqqq\"]",
    b"[\"\\\xe5\"]",
    b"[\\u0020\"asd\"]",
    b"[\\n]",
    b"\"",
    b"['single quote']",
    b"abc",
    b"[\"\\",
    b"[\"a\0a\"]",
    b"[\"new\nline\"]",
    b"[\"\t\"]",
    b"\"\\UA66D\"",
    b"\"\"x",
    b"[\xe2\x81\xa0]",
    b"<.>",
    b"[<null>]",
    b"[1]x",
    b"[1]]",
    b"[\"asd]",
    b"a\xc3\xa5",
    b"[True]",
    b"1]",
    b"{\"x\": true,",
    b"[][]",
    b"]",
    b"{}}",
    b"",
    b"[",
    b"{\"\":",
    b"{\"a\":/*comment*/\"b\"}",
    b"{\"a\": true} \"x\"",
    b"['",
    b"[,",
    b"[{",
    b"[\"a",
    b"[\"a\"",
    b"{",
    b"{]",
    b"{,",
    b"{[",
    b"{\"a",
    b"{'a'",
    b"[\"\\{[\"\\{[\"\\{[\"\\{",
    b"*",
    b"{\"a\":\"b\"}#{}",
    b"[\\u000A\"\"]",
    b"[1",
    b"[ false, nul",
    b"[ true, fals",
    b"[\x0c]",
];

/// Are left to the reader: what all of them do here.
const LEFT: [(&[u8], bool); 33] = [
    // Numbers that no double holds are refused, and not rounded to infinity; those that are too small are zero.
    (b"[123.456e-789]", true),
    (b"[0.4e00669999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999969999999006]", false),
    (b"[-1e+9999]", false),
    (b"[1.5e+9999]", false),
    (b"[-123123e100000]", false),
    (b"[123123e100000]", false),
    (b"[123e-10000000]", true),
    (b"[-123123123123123123123123123123]", true),
    (b"[100000000000000000000]", true),
    (b"[-237462374673276894279832749832423479823246327846]", true),
    // Halves of a pair are no character.
    (b"{\"\\uDFAA\":0}", false),
    (b"[\"\\uDADA\"]", false),
    (b"[\"\\uD888\\u1234\"]", false),
    (b"[\"\\uD800\\n\"]", false),
    (b"[\"\\uDd1ea\"]", false),
    (b"[\"\\uD800\\uD800\\n\"]", false),
    (b"[\"\\ud800\"]", false),
    (b"[\"\\ud800abc\"]", false),
    (b"[\"\\uDd1e\\uD834\"]", false),
    (b"[\"\\uDFAA\"]", false),
    // Other encodings than UTF-8, and bytes that are none.
    (b"\xff\xfe[\0\"\0\xe9\0\"\0]\0", false),
    (b"[\"\xff\"]", false),
    (b"[\"\xe6\x97\xa5\xd1\x88\xfa\"]", false),
    (b"[\"\xf4\xbf\xbf\xbf\"]", false),
    (b"[\"\xed\xa0\x80\"]", false),
    (b"[\"\x81\"]", false),
    (b"[\"\xc0\xaf\"]", false),
    (b"[\"\xfc\x83\xbf\xbf\xbf\xbf\"]", false),
    (b"[\"\xfc\x80\x80\x80\x80\x80\"]", false),
    (b"[\"\xe0\xff\"]", false),
    (b"[\0\"\0\xe9\0\"\0]", false),
    (b"\0[\0\"\0\xe9\0\"\0]", false),
    (b"{\"a\":\"b\\u0000\"}", true),
];

/// What each reader says of a text, by its name. A text that is JSON and no value of the reader's type is taken.
fn verdicts(text: &[u8]) -> [(&'static str, bool); 4] {
    let wrapped = [b"{\"command\": \"c\", \"params\": ", text, b"}"].concat();
    let in_manifest = Manifest::from_slice(&[b"{\"x\": ", text, b"}"].concat());
    let is_json = |issues: &[Issue]| {
        !issues.iter().any(|issue| {
            matches!(
                issue.code(),
                IssueCode::InvalidJson | IssueCode::InvalidUtf8 | IssueCode::TooLarge
            )
        })
    };
    [
        (
            "document",
            document::read::<Value>(text)
                .err()
                .is_none_or(|error| is_json(error.issues())),
        ),
        ("manifest", is_json(in_manifest.unwrap_err().issues())),
        ("wire", serde_json::from_slice::<CommandRequest>(&wrapped).is_ok()),
        ("value", serde_json::from_slice::<Value>(text).is_ok()),
    ]
}

fn check(text: &[u8], taken: bool) -> Vec<String> {
    let shown = String::from_utf8_lossy(text);
    let wrong = verdicts(text)
        .into_iter()
        .filter(|(_, verdict)| *verdict != taken);
    wrong
        .map(|(reader, _)| {
            format!(
                "{reader}: {shown:?} has to be {}",
                if taken { "taken" } else { "refused" }
            )
        })
        .collect()
}

#[test]
fn what_every_reader_of_json_takes_and_refuses() {
    let mut wrong = Vec::new();
    wrong.extend(TAKEN.iter().flat_map(|text| check(text, true)));
    // What ends early, or goes on behind its end, may be whole inside another text; it is looked at by itself.
    for text in REFUSED {
        let alone = verdicts(text);
        for (reader, taken) in alone
            .into_iter()
            .filter(|(reader, _)| matches!(*reader, "document" | "value"))
        {
            if taken {
                wrong.push(format!(
                    "{reader}: {:?} has to be refused",
                    String::from_utf8_lossy(text)
                ));
            }
        }
    }
    wrong.extend(LEFT.iter().flat_map(|(text, taken)| check(text, *taken)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A hundred thousand levels end no reader's stack.
#[test]
fn depth_is_bounded_in_every_reader() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        for text in [
            open.repeat(100_000),
            format!("{}1{}", open.repeat(500), close.repeat(500)),
        ] {
            for (reader, taken) in verdicts(text.as_bytes()) {
                assert!(!taken, "{reader}: {open}");
            }
        }
        let text = format!("{}1{}", open.repeat(50), close.repeat(50));
        for (reader, taken) in verdicts(text.as_bytes()) {
            assert!(taken, "{reader}: {open}");
        }
    }
}
