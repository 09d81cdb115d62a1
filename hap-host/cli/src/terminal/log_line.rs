use serde_json::{Map, Value};

use super::{
    console::{BAD, DIM, WARNING},
    harmless::harmless,
};

/// What a structured line says beside its message that whoever looks at one plugin as it runs knows already.
const KNOWN: [&str; 6] = ["timestamp", "time", "ts", "level", "plugin_id", "target"];

/// A line of a plugin's output for people: one of JSON with a message as its level, its message and its fields, any other as
/// it is. Programs are given the line itself.
pub(crate) fn log_line(line: &str) -> String {
    structured(line).unwrap_or_else(|| harmless(line))
}

fn structured(line: &str) -> Option<String> {
    let fields: Map<String, Value> = line
        .starts_with('{')
        .then(|| serde_json::from_str(line).ok())
        .flatten()?;
    let named = ["message", "msg"]
        .into_iter()
        .find(|name| fields.get(*name).is_some_and(Value::is_string))?;
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let level = harmless(&text("level").to_ascii_uppercase());
    let level = match level.as_str() {
        "" => String::new(),
        "ERROR" | "CRITICAL" | "FATAL" => format!("{BAD}{level:5}{BAD:#} "),
        "WARN" | "WARNING" => format!("{WARNING}{level:5}{WARNING:#} "),
        _ => format!("{DIM}{level:5}{DIM:#} "),
    };
    // The second line of a message must not pass for a line of ours.
    let message = harmless(text(named)).replace('\n', "\n        ");
    let mut shown = format!("{level}{message}");
    for (name, value) in &fields {
        if name == named || KNOWN.contains(&name.as_str()) {
            continue;
        }
        let value = match value {
            Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '=', '\n']) => text.clone(),
            other => other.to_string(),
        };
        shown.push_str(&format!(" {DIM}{}={DIM:#}{}", harmless(name), harmless(&value)));
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(line: &str) -> String {
        anstream::adapter::strip_str(&log_line(line)).to_string()
    }

    #[test]
    fn a_structured_line_is_told_by_its_level_its_message_and_its_fields() {
        let line = r#"{"timestamp":"2026-01-01T00:00:00Z","level":"INFO","plugin_id":"bell","target":"a::b","message":"listening as bell","address":"0.0.0.0:8000","took":3,"why":"no reason"}"#;
        assert_eq!(
            plain(line),
            r#"INFO  listening as bell address=0.0.0.0:8000 took=3 why="no reason""#
        );
        assert_eq!(
            plain(r#"{"msg":"up\n-- healthy","level":"warning"}"#),
            "WARNING up\n        -- healthy"
        );
    }

    #[test]
    fn every_other_line_stays_as_it_is_but_for_what_steers_a_terminal() {
        for line in [
            "bell rings",
            "{",
            "{}",
            r#"{"level":"INFO"}"#,
            r#"{"message":3}"#,
            "[1]",
            "",
        ] {
            assert_eq!(plain(line), line);
        }
        let steering = format!(
            r#"{{"message":"a{}[2J","level":"\u001b[31m","k\u0007":"\u202e"}}"#,
            '\u{9b}'
        );
        assert!(!plain(&steering).contains(['\u{9b}', '\u{1b}', '\u{7}', '\u{202e}']));
        assert_eq!(plain("a\u{1b}[2J"), "a\u{fffd}[2J");
    }
}
