//! What the fields of a span become.

use serde_json::Value;

use crate::telemetry::log::capture::Capture;
use crate::telemetry::redactor::Redactor;

#[test]
fn whatever_a_span_holds_comes_out_as_it_went_in() {
    let capture = Capture::default();
    tracing::subscriber::with_default(capture.subscriber(&Redactor::default()), || {
        let later = tracing::field::Empty;
        let span = tracing::error_span!(
            "odd",
            quoted = "a\"b\\c\nd\u{1}é",
            list = ?["x", "\""],
            half = 0.5,
            none = f64::NAN,
            minus = -3,
            most = u64::MAX,
            on = true,
            later,
            twice = 1
        );
        span.record("later", "\"");
        span.record("twice", 2);
        span.in_scope(|| tracing::warn!("now"));
    });
    let line = &capture.lines()[0];
    for (name, value) in [
        ("quoted", Value::from("a\"b\\c\nd\u{1}é")),
        ("list", r#"["x", "\""]"#.into()),
        ("half", 0.5.into()),
        ("none", Value::Null),
        ("minus", (-3).into()),
        ("most", u64::MAX.into()),
        ("on", true.into()),
        ("later", "\"".into()),
        ("twice", 2.into()),
    ] {
        assert_eq!(line.get(name), Some(&value), "{name} in {line}");
    }
}
