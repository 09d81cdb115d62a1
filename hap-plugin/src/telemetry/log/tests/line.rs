//! What a line of the log holds.

use serde_json::Value;

use crate::telemetry::log::capture::Capture;
use crate::telemetry::redactor::Redactor;

fn logged(redactor: &Redactor, log: impl FnOnce()) -> Vec<Value> {
    let capture = Capture::default();
    tracing::subscriber::with_default(capture.subscriber(redactor), log);
    capture.lines()
}

#[test]
fn a_line_has_the_fields_of_all_spans_around_it() {
    let lines = logged(&Redactor::default(), || {
        let request = tracing::error_span!("request", request_id = "r-1", trace_id = tracing::field::Empty);
        request.record("trace_id", "4bf9");
        let _request = request.enter();
        let _own = tracing::info_span!("author's own", device = 7, request_id = "r-2").entered();
        tracing::warn!(
            level = 40,
            r#type = "x",
            on = true,
            otel.name = "x",
            "too {}",
            "bright"
        );
    });
    let [line] = &lines[..] else { panic!("{lines:?}") };
    let fields = line.as_object().unwrap();
    for (name, value) in [
        ("level", Value::from("WARN")),
        ("plugin_id", "lamp".into()),
        ("message", "too bright".into()),
        ("trace_id", "4bf9".into()),
        ("device", 7.into()),
        ("request_id", "r-2".into()),
        ("fields.level", 40.into()),
        ("type", "x".into()),
        ("on", true.into()),
    ] {
        assert_eq!(fields.get(name), Some(&value), "{name} in {line}");
    }
    assert!(!fields.contains_key("otel.name"), "{line}");
    assert!(fields["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
}

#[test]
fn a_known_secret_is_taken_out_of_whatever_is_logged() {
    let redactor = Redactor::default();
    redactor.always("hunter2-\"quoted\"");
    let lines = logged(&redactor, || {
        tracing::info!(
            password = "hunter2-\"quoted\"",
            "logged in with hunter2-\"quoted\""
        );
    });
    assert_eq!(lines[0]["password"], "***");
    assert_eq!(lines[0]["message"], "logged in with ***");
}
