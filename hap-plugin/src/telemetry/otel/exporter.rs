//! [`CleanExporter`]: spans without known secrets.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::trace::Status;
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::telemetry::redactor::Redactor;

/// Time between two log lines about a collector that does not take spans.
const QUIET: Duration = Duration::from_secs(60);

/// Takes known secrets out of spans before another exporter sends them, and logs when that fails.
pub(super) struct CleanExporter<E> {
    to: E,
    redactor: Redactor,
    spoke: Mutex<Option<Instant>>,
}

impl<E> CleanExporter<E> {
    pub(super) fn new(to: E, redactor: Redactor) -> Self {
        Self {
            to,
            redactor,
            spoke: Mutex::new(None),
        }
    }

    fn complain(&self, spans: usize, error: &dyn fmt::Display) {
        let mut spoke = self.spoke.lock().unwrap_or_else(PoisonError::into_inner);
        if spoke.is_none_or(|spoke| spoke.elapsed() >= QUIET) {
            *spoke = Some(Instant::now());
            drop(spoke);
            tracing::warn!(spans, %error, "spans are lost: the collector does not take them");
        }
    }
}

impl<E: SpanExporter> SpanExporter for CleanExporter<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        batch.iter_mut().for_each(|span| clean(span, &self.redactor));
        let spans = batch.len();
        let exported = self.to.export(batch).await;
        if let Err(error) = &exported {
            self.complain(spans, error);
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.to.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.to.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.to.set_resource(resource);
    }
}

impl<E: fmt::Debug> fmt::Debug for CleanExporter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CleanExporter")
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

fn clean(span: &mut SpanData, redactor: &Redactor) {
    clean_text(&mut span.name, redactor);
    clean_all(&mut span.attributes, redactor);
    for event in &mut span.events.events {
        clean_text(&mut event.name, redactor);
        clean_all(&mut event.attributes, redactor);
    }
    for link in &mut span.links.links {
        clean_all(&mut link.attributes, redactor);
    }
    if let Status::Error { description } = &mut span.status {
        clean_text(description, redactor);
    }
}

fn clean_all(attributes: &mut [KeyValue], redactor: &Redactor) {
    for attribute in attributes {
        match &mut attribute.value {
            Value::String(text) => clean_value(text, redactor),
            Value::Array(Array::String(list)) => list.iter_mut().for_each(|text| clean_value(text, redactor)),
            _ => {}
        }
    }
}

fn clean_text(text: &mut Cow<'static, str>, redactor: &Redactor) {
    if let Cow::Owned(cleaned) = redactor.clean(&**text) {
        *text = cleaned.into();
    }
}

fn clean_value(text: &mut StringValue, redactor: &Redactor) {
    if let Cow::Owned(cleaned) = redactor.clean(text.as_str()) {
        *text = cleaned.into();
    }
}
