//! Texts made to cost time or memory: the largest that is read must be judged within moments.

use std::time::{Duration, Instant};

use hap_manifest::Manifest;

/// Far more than it takes without optimisation on a slow machine, far less than a quadratic algorithm needs.
const PATIENCE: Duration = Duration::from_secs(15);

/// A text of about the largest size: `head`, then `part` of the running number again and again, then `tail`.
fn large(head: &str, part: impl Fn(usize) -> String, tail: &str) -> String {
    let mut text = head.to_owned();
    for number in 0.. {
        let part = part(number);
        if text.len() + part.len() + tail.len() > Manifest::MAX_BYTES {
            break;
        }
        text.push_str(&part);
    }
    text + tail
}

#[test]
fn the_largest_texts_are_judged_in_time() {
    let long_key = "k".repeat(100_000);
    let rows = [
        large("[0", |_| ",0".to_owned(), "]"),
        large("{\"a\":0", |n| format!(",\"{n}\":0"), "}"),
        large(
            "{\"api_port\":0",
            |n| format!(",\"api_port{}\":0", n % 10_000),
            "}",
        ),
        large("{\"a\":0", |_| ",\"a\":0".to_owned(), "}"),
        large("{\"a\":0", |n| format!(",\"\\n{n}\":0"), "}"),
        // Keys that nothing tells apart but their middle.
        large("{\"a\":0", |n| format!(",\"key{n:06}-----key\":0"), "}"),
        large(
            &format!("{{\"{long_key}\":[0"),
            |_| ",{\"a\":1,\"a\":2}".to_owned(),
            "]}",
        ),
        large(
            &format!("{{\"{long_key}\":0,\"{long_key}\":[0"),
            |_| ",0".to_owned(),
            "]}",
        ),
        large("{\"volumes\":[\"/a\"", |n| format!(",\"/{n}\""), "]}"),
        large(
            "{\"secrets\":[\"a\"",
            |n| format!(",\"{n}\""),
            "],\"config_schema\":{\"properties\":{}}}",
        ),
        large("{\"id\":\"", |_| "A".to_owned(), "\"}"),
        large("{\"image\":\"a", |_| "/a".to_owned(), "\"}"),
        large("{\"version\":\"1.0.0", |_| ".0".to_owned(), "\"}"),
        large("{\"name\":\"", |_| "\\u0041".to_owned(), "\"}"),
        large("{\"\":", |_| "[[".to_owned(), "]}"),
        large("", |_| "\n".to_owned(), "x"),
        large("{\"a\":1", |_| "0".to_owned(), "}"),
    ];
    for text in rows {
        let began = Instant::now();
        let error = Manifest::from_json(&text).unwrap_err();
        let shown = error.render(&text).len() + error.to_string().len();
        let took = began.elapsed();
        let begins: String = text.chars().take(30).collect();
        assert!(took < PATIENCE, "{begins} took {took:?}");
        assert!(shown < 100_000, "{begins} is explained with {shown} bytes");
    }
}
