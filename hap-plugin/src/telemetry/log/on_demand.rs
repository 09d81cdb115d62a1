//! [`OnDemand`]: a subscriber that has the span of a request made when it is first needed.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};
use tracing_core::span::Current;
use tracing_subscriber::filter::LevelFilter;

use crate::telemetry::log::request_span::make;

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Whether spans of requests may be left until then.
pub(crate) fn is_installed() -> bool {
    INSTALLED.load(Ordering::Relaxed)
}

/// To be told whether it has become the subscriber of the whole process.
pub(super) fn installed(is_installed: bool) {
    INSTALLED.store(is_installed, Ordering::Relaxed);
}

/// Passes everything on, and before everything that looks at the current span sees to it that there is one.
///
/// While a subscriber is set for one thread alone anywhere in the process, `tracing` lets no look at a subscriber call for
/// another, and lines logged meanwhile lack their request. Such subscribers are for tests, in which this one is not
/// installed.
pub(super) struct OnDemand<S>(pub(super) S);

impl<S: Subscriber> Subscriber for OnDemand<S> {
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        if attributes.is_contextual() {
            make();
        }
        self.0.new_span(attributes)
    }

    fn event(&self, event: &Event<'_>) {
        make();
        self.0.event(event);
    }

    fn enter(&self, span: &Id) {
        // Below, and not above it.
        make();
        self.0.enter(span);
    }

    fn current_span(&self) -> Current {
        make();
        self.0.current_span()
    }

    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        self.0.on_register_dispatch(dispatch);
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.0.register_callsite(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.0.max_level_hint()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn event_enabled(&self, event: &Event<'_>) -> bool {
        self.0.event_enabled(event)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.0.record(span, values);
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.0.record_follows_from(span, follows);
    }

    fn exit(&self, span: &Id) {
        self.0.exit(span);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.0.clone_span(id)
    }

    fn try_close(&self, id: Id) -> bool {
        self.0.try_close(id)
    }
}
