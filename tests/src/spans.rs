//! Remembers what is traced, for tests that follow it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use tracing::{
    Dispatch, Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    layer::{Context, Layer, SubscriberExt as _},
    registry::LookupSpan,
};

/// Fields by their names.
pub type Fields = BTreeMap<String, String>;

/// A span, with the names of those around it, the outermost first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// Its name; for an event, its target.
    pub name: String,
    /// What it says.
    pub fields: Fields,
    /// The names of the spans around it.
    pub around: Vec<&'static str>,
    /// A span that has ended; true for an event.
    pub ended: bool,
}

/// Remembers every span and event of the thread on which it is the default.
#[derive(Debug, Clone, Default)]
pub struct Spans(Arc<Mutex<Vec<Entry>>>);

/// What was seen, for a span with its number.
type Entry = (Option<u64>, Seen);

impl Spans {
    /// A subscriber that remembers here.
    #[must_use]
    pub fn subscriber(&self) -> impl Subscriber + Send + Sync + 'static {
        // As long as there is a single subscriber, a span that another thread reaches first is asked about there, where
        // nobody listens, and never told to anybody. A second one makes it ask all.
        static SECOND: OnceLock<Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Dispatch::new(tracing_subscriber::registry()));
        tracing_subscriber::registry().with(self.clone())
    }

    /// All spans of this name, and all events of this target, in their order.
    #[must_use]
    pub fn named(&self, name: &str) -> Vec<Seen> {
        let all = self.lock();
        let named = all.iter().filter(|(_, seen)| seen.name == name);
        named.map(|(_, seen)| seen.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, id: &Id, change: impl FnOnce(&mut Seen)) {
        let mut all = self.lock();
        // Numbers are used again; the last one is meant.
        let of = all
            .iter_mut()
            .rev()
            .find(|(known, _)| *known == Some(id.into_u64()));
        if let Some((_, seen)) = of {
            change(seen);
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Reader(&mut fields));
        let around = context.span(id).and_then(|span| span.parent());
        let around = around.into_iter().flat_map(|parent| parent.scope().from_root());
        let seen = Seen {
            name: attributes.metadata().name().to_owned(),
            fields,
            around: around.map(|span| span.name()).collect(),
            ended: false,
        };
        self.lock().push((Some(id.into_u64()), seen));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        self.change(id, |seen| values.record(&mut Reader(&mut seen.fields)));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::new();
        event.record(&mut Reader(&mut fields));
        let around = context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root());
        let seen = Seen {
            name: event.metadata().target().to_owned(),
            fields,
            around: around.map(|span| span.name()).collect(),
            ended: true,
        };
        self.lock().push((None, seen));
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.change(&id, |seen| seen.ended = true);
    }
}

struct Reader<'a>(&'a mut Fields);

impl Visit for Reader<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}
