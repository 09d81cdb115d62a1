//! [`SpanFields`]: how the fields of a span are kept for the lines within it.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{FormatFields, Writer};

/// The entries of a JSON object, each with a comma behind it.
///
/// Every request has a span, and most of them log nothing, so this does no more than a line needs.
/// Entries that are recorded later are added at the end.
pub(super) struct SpanFields;

/// Room for the two ids of a request.
const USUAL: usize = 128;

impl<'writer> FormatFields<'writer> for SpanFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut entries = Entries(String::with_capacity(USUAL));
        fields.record(&mut entries);
        writer.write_str(&entries.0)
    }
}

impl SpanFields {
    /// Reads what was kept; of several entries of one name the last.
    pub(super) fn read(kept: &str) -> serde_json::Result<Map<String, Value>> {
        serde_json::from_str(&format!("{{{}}}", kept.trim_end_matches(',')))
    }
}

struct Entries(String);

impl Entries {
    fn add(&mut self, field: &Field, value: impl fmt::Display) {
        self.add_text(field.name());
        self.0.push(':');
        // A text takes whatever it is given.
        let _ = write!(self.0, "{value},");
    }

    fn add_text(&mut self, text: &str) {
        // To the end in any case: that way it goes many bytes at a time.
        let is_odd = |b| matches!(b, b'"' | b'\\' | ..b' ');
        if text.bytes().fold(false, |odd, b| odd | is_odd(b)) {
            self.0.push_str(&Value::from(text).to_string());
            return;
        }
        self.0.push('"');
        self.0.push_str(text);
        self.0.push('"');
    }
}

impl Visit for Entries {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add_text(field.name());
        self.0.push(':');
        self.add_text(value);
        self.0.push(',');
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
