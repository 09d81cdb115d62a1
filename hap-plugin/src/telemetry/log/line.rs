//! [`JsonLine`]: how one event becomes one line.

use std::fmt;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::telemetry::log::span_fields::SpanFields;

/// One JSON object a line: time, level, plugin, the fields of all spans around it (request and
/// trace among them), and the event's own.
pub(super) struct JsonLine {
    pub(super) plugin_id: Option<String>,
}

/// Names that the line has itself; a field of the same name is written as `fields.level`.
const OWN: [&str; 5] = ["timestamp", "level", "plugin_id", "target", "message"];

impl<S> FormatEvent<S, SpanFields> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, SpanFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        for span in context
            .event_scope()
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            let extensions = span.extensions();
            let formatted = extensions.get::<FormattedFields<SpanFields>>();
            if let Some(Ok(found)) = formatted.map(|fields| SpanFields::read(fields)) {
                for (name, value) in found {
                    fields.add(&name, value);
                }
            }
        }
        event.record(&mut fields);

        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let metadata = event.metadata();
        let message = fields.message.unwrap_or_default();
        let mut line = Line::default();
        line.add("timestamp", &time.into());
        line.add("level", &metadata.level().as_str().into());
        if let Some(plugin_id) = &self.plugin_id {
            line.add("plugin_id", &plugin_id.as_str().into());
        }
        line.add("target", &metadata.target().into());
        line.add("message", &message);
        for (name, value) in &fields.others {
            line.add(name, value);
        }
        writeln!(writer, "{}", line.end())
    }
}

/// The fields of an event, later ones in the place of earlier ones of the same name.
#[derive(Default)]
struct Fields {
    message: Option<Value>,
    others: Vec<(String, Value)>,
}

impl Fields {
    fn add(&mut self, name: &str, value: Value) {
        // `r#type` is how a field of that name has to be written.
        let name = name.strip_prefix("r#").unwrap_or(name);
        // They steer the export of a span and tell nothing.
        if name.starts_with("otel.") {
            return;
        }
        let name = if OWN.contains(&name) {
            format!("fields.{name}")
        } else {
            name.to_owned()
        };
        match self.others.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = Some(value.into());
        } else {
            self.add(field.name(), value.into());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// A JSON object in the order of its entries, which puts the time first.
#[derive(Default)]
struct Line(String);

impl Line {
    fn add(&mut self, name: &str, value: &Value) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&Value::from(name).to_string());
        self.0.push(':');
        self.0.push_str(&value.to_string());
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}
