//! [`Capture`]: the log of a test.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::telemetry::log::line::JsonLine;
use crate::telemetry::log::output::Output;
use crate::telemetry::log::span_fields::SpanFields;
use crate::telemetry::redactor::Redactor;

/// What was written to the log that `run` would install, as text.
#[derive(Clone, Default)]
pub(crate) struct Capture(Arc<Mutex<Vec<u8>>>);

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Capture {
    pub(crate) fn subscriber(&self, redactor: &Redactor) -> impl Subscriber + Send + Sync + use<> {
        let writer = Output::new(self.clone(), redactor.clone());
        let line = JsonLine {
            plugin_id: Some("lamp".to_owned()),
        };
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(SpanFields)
            .event_format(line)
            .with_writer(move || writer.clone());
        tracing_subscriber::registry().with(layer)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}
