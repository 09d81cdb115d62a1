use serde_json::{Map, Value};
use tracing::Level;

use crate::model::redact::Redactor;

/// One line of a plugin, read as what its program most likely meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) message: String,
    pub(super) origin: Option<String>,
    /// The trace that it belongs to.
    pub(super) trace_id: Option<String>,
    /// What else a structured line says, as JSON.
    pub(super) fields: Option<String>,
}

/// Names under which programs in many languages write these things.
const LEVELS: [&str; 4] = ["level", "severity", "levelname", "lvl"];
const MESSAGES: [&str; 3] = ["message", "msg", "event"];
const ORIGINS: [&str; 3] = ["target", "logger", "name"];
const TRACES: [&str; 3] = ["trace_id", "traceId", "trace.id"];
const TIMES: [&str; 4] = ["timestamp", "time", "ts", "@timestamp"];

impl Line {
    /// Reads a line. Texts are redacted, freed from control characters and cut after so
    /// many characters.
    pub(super) fn read(text: &str, redactor: &Redactor, characters: usize) -> Self {
        // After parsing as well: within JSON a secret may be written with escapes.
        let clean = |text: &str| redactor.line(text, characters);
        match object(text) {
            Some(mut members) => {
                let level = take(&mut members, &LEVELS).and_then(|level| level_of(&level));
                // Rust's own format nests them.
                if let Some(Value::Object(nested)) = members.remove("fields") {
                    members.extend(nested);
                }
                let message = take(&mut members, &MESSAGES).map(plain);
                let origin = take(&mut members, &ORIGINS).map(plain);
                let trace_id = take_trace(&mut members);
                take(&mut members, &TIMES);
                let members = redactor.value(Value::Object(members));
                let empty = members.as_object().is_some_and(Map::is_empty);
                Self {
                    level: level.unwrap_or(Level::INFO),
                    message: clean(&message.unwrap_or_default()),
                    origin: origin.map(|origin| clean(&origin)),
                    trace_id,
                    fields: (!empty).then(|| clean(&members.to_string())),
                }
            }
            None => Self {
                level: Level::INFO,
                message: clean(text),
                origin: None,
                trace_id: None,
                fields: None,
            },
        }
    }
}

fn object(text: &str) -> Option<Map<String, Value>> {
    // Most lines of most programs are no JSON: not even tried.
    if !text.trim_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok()
}

fn take(members: &mut Map<String, Value>, names: &[&str]) -> Option<Value> {
    names.iter().find_map(|name| members.remove(*name))
}

/// What is no id of a trace is a field like any other.
fn take_trace(members: &mut Map<String, Value>) -> Option<String> {
    let is_id = |text: &str| {
        text.len() == 32
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let name = TRACES
        .iter()
        .find(|name| members.get(**name).and_then(Value::as_str).is_some_and(is_id))?;
    members.remove(*name).map(plain)
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn level_of(value: &Value) -> Option<Level> {
    if let Some(number) = value.as_u64() {
        // As pino and bunyan count.
        return Some(match number {
            0..20 => Level::TRACE,
            20..30 => Level::DEBUG,
            30..40 => Level::INFO,
            40..50 => Level::WARN,
            _ => Level::ERROR,
        });
    }
    match value.as_str()?.to_ascii_lowercase().as_str() {
        "trace" => Some(Level::TRACE),
        "debug" => Some(Level::DEBUG),
        "info" | "information" | "notice" => Some(Level::INFO),
        "warn" | "warning" => Some(Level::WARN),
        "error" | "err" | "fatal" | "critical" | "panic" | "alert" | "emergency" => Some(Level::ERROR),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(text: &str) -> Line {
        Line::read(text, &Redactor::new(["hunter2".to_owned()]), 40)
    }

    #[test]
    fn structured_lines_of_several_languages_give_level_message_and_fields() {
        let rows = [
            (
                r#"{"timestamp":"t","level":"WARN","message":"late","device":"d1","target":"lamp::bus"}"#,
                (Level::WARN, "late", Some("lamp::bus"), Some(r#"{"device":"d1"}"#)),
            ),
            (
                r#"{"timestamp":"t","level":"ERROR","fields":{"message":"gone","n":1},"target":"a"}"#,
                (Level::ERROR, "gone", Some("a"), Some(r#"{"n":1}"#)),
            ),
            (
                r#"{"level":50,"time":1,"msg":"broken","pid":7}"#,
                (Level::ERROR, "broken", None, Some(r#"{"pid":7}"#)),
            ),
            (
                r#"{"levelname":"DEBUG","name":"root","msg":"tick"}"#,
                (Level::DEBUG, "tick", Some("root"), None),
            ),
            (r#"{"severity":"odd","msg":"x"}"#, (Level::INFO, "x", None, None)),
            (r#"{"a":1}"#, (Level::INFO, "", None, Some(r#"{"a":1}"#))),
        ];
        for (text, (level, message, origin, fields)) in rows {
            let line = read(text);
            assert_eq!(line.level, level, "{text}");
            assert_eq!(line.message, message, "{text}");
            assert_eq!(line.origin.as_deref(), origin, "{text}");
            assert_eq!(line.fields.as_deref(), fields, "{text}");
        }
    }

    #[test]
    fn the_trace_of_a_line_is_told_apart_where_it_is_one() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        for name in TRACES {
            let line = read(&format!(r#"{{"msg":"x","{name}":"{id}"}}"#));
            assert_eq!(
                (line.trace_id.as_deref(), line.fields),
                (Some(id), None),
                "{name}"
            );
        }
        for odd in [r#""none""#, "7", r#""4BF92F3577B34DA6A3CE929D0E0E4736""#] {
            let line = read(&format!(r#"{{"msg":"x","trace_id":{odd}}}"#));
            assert_eq!(line.trace_id, None);
            assert!(line.fields.unwrap().starts_with(r#"{"trace_id":"#), "{odd}");
        }
    }

    #[test]
    fn other_lines_are_information() {
        for text in ["started", "{not json", "[1,2]", ""] {
            assert_eq!(
                (read(text).level, read(text).message),
                (Level::INFO, text.to_owned())
            );
        }
    }

    #[test]
    fn secrets_and_control_characters_go_and_long_lines_are_cut() {
        assert_eq!(
            read("a hunter2\u{1b}[31m\tb").message,
            "a [REDACTED]\u{fffd}[31m b"
        );
        let structured = read(r#"{"msg":"hunter\u0032","k":"hunter2"}"#);
        assert_eq!(structured.message, "[REDACTED]");
        assert_eq!(structured.fields.as_deref(), Some(r#"{"k":"[REDACTED]"}"#));
        assert_eq!(read(&"x".repeat(50)).message, format!("{}...", "x".repeat(40)));
        let deep = format!("{}{}", r#"{"a":"#.repeat(1000), "1");
        assert_eq!(read(&deep).level, Level::INFO);
    }
}
