//! [`SpanFields`]: how the fields of a span are kept for the lines within it.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{FormatFields, Writer};

/// The entries of a JSON object, each with a comma behind it.
///
/// Every request has a span, and most of them log nothing, so this does no more than a line needs. Entries that are
/// recorded later are added at the end.
pub(super) struct SpanFields;

impl<'writer> FormatFields<'writer> for SpanFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut entries = Entries {
            writer,
            written: Ok(()),
        };
        fields.record(&mut entries);
        entries.written
    }
}

impl SpanFields {
    /// Reads what was kept; of several entries of one name the last.
    pub(super) fn read(kept: &str) -> serde_json::Result<Map<String, Value>> {
        serde_json::from_str(&format!("{{{}}}", kept.trim_end_matches(',')))
    }
}

struct Entries<'a> {
    writer: Writer<'a>,
    written: fmt::Result,
}

impl Entries<'_> {
    fn add(&mut self, field: &Field, write: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        let writer = &mut self.writer;
        self.written = self
            .written
            .and_then(|()| write_text(writer, field.name()))
            .and_then(|()| writer.write_char(':'))
            .and_then(|()| write(writer))
            .and_then(|()| writer.write_char(','));
    }
}

fn write_text(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    if text.bytes().any(|b| matches!(b, b'"' | b'\\' | ..b' ')) {
        return write!(writer, "{}", Value::from(text));
    }
    writer.write_char('"')?;
    writer.write_str(text)?;
    writer.write_char('"')
}

impl Visit for Entries<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, |writer| write!(writer, "{}", Value::from(value)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, |writer| write!(writer, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, |writer| write!(writer, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, |writer| write!(writer, "{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, |writer| write_text(writer, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Redactor;
    use crate::log::capture::Capture;

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
}
