//! [`InRequest`]: work within the span of its request, and the span made no sooner than it is needed.
//!
//! Most requests log nothing, and a span for each would be a tenth of the instructions that a small command takes. So
//! where the log is the framework's own, what goes to a thread with the work is the origin of the request alone, and
//! [`OnDemand`](super::on_demand::OnDemand) has the span made when somebody looks: by logging a line, by making or entering
//! a span of their own, or by asking for the one they are in.

use std::cell::RefCell;
use std::future::Future;
use std::mem::replace;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tracing::Span;
use tracing::span::EnteredSpan;
use tracing::subscriber::NoSubscriber;

use crate::telemetry::log::on_demand;
use crate::telemetry::request_context::Origin;

thread_local! {
    static HERE: RefCell<Here> = const { RefCell::new(Here::Nowhere) };
}

/// What this thread is at.
enum Here {
    Nowhere,
    /// In a request that nobody has looked at yet.
    Unmade(Arc<Origin>),
    Made(EnteredSpan),
}

/// The same between two polls, when it may go to another thread.
enum Scope {
    Unmade(Arc<Origin>),
    Made(Span),
    /// It is on the thread.
    Away,
}

pin_project! {
    /// A future that belongs to a request, whose ids are in all that is logged meanwhile, its drop included.
    pub(crate) struct InRequest<F> {
        scope: Scope,
        // `None`: it is done.
        #[pin]
        work: Option<F>,
    }

    impl<F> PinnedDrop for InRequest<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.work.is_some() {
                let _here = Entered::of(this.scope);
                this.work.set(None);
            }
        }
    }
}

impl<F> InRequest<F> {
    /// `span` where there is one already.
    pub(crate) fn new(origin: &Arc<Origin>, span: Option<Span>, work: F) -> Self {
        let scope = match span {
            Some(span) => Scope::Made(span),
            None if on_demand::is_installed() => Scope::Unmade(Arc::clone(origin)),
            None => Scope::Made(span_of(origin)),
        };
        Self {
            scope,
            work: Some(work),
        }
    }
}

impl<F: Future> Future for InRequest<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _here = Entered::of(this.scope);
        let Some(work) = this.work.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let polled = work.poll(cx);
        if polled.is_ready() {
            // Now, so that it need not be entered once more for its drop.
            this.work.set(None);
        }
        polled
    }
}

/// The request is on this thread; what was there before comes back with the drop.
struct Entered<'a> {
    scope: &'a mut Scope,
    before: Here,
}

impl<'a> Entered<'a> {
    fn of(scope: &'a mut Scope) -> Self {
        let here = match replace(scope, Scope::Away) {
            Scope::Unmade(origin) => Here::Unmade(origin),
            Scope::Made(span) => Here::Made(span.entered()),
            Scope::Away => Here::Nowhere,
        };
        // Fails where the thread is ending, and then nobody logs on it any more.
        let before = HERE.try_with(|cell| cell.replace(here)).unwrap_or(Here::Nowhere);
        Self { scope, before }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let before = replace(&mut self.before, Here::Nowhere);
        let here = HERE.try_with(|cell| cell.replace(before));
        *self.scope = match here.unwrap_or(Here::Nowhere) {
            Here::Unmade(origin) => Scope::Unmade(origin),
            Here::Made(span) => Scope::Made(span.exit()),
            Here::Nowhere => Scope::Away,
        };
    }
}

/// Makes and enters the span of the request that this thread is at, if there is one without.
pub(super) fn make() {
    // Fails where the thread is ending, and then it is at no request.
    let _ = HERE.try_with(|cell| {
        if !matches!(*cell.borrow(), Here::Unmade(_)) {
            return;
        }
        // Taken away meanwhile, since making a span asks for the one around it.
        let here = match cell.replace(Here::Nowhere) {
            Here::Unmade(origin) => {
                let span = span_of(&origin);
                // Nobody took it, and perhaps somebody does the next time: see `OnDemand`.
                let is_lost = span.with_subscriber(|(_, taker)| taker.is::<NoSubscriber>());
                if is_lost.unwrap_or(true) {
                    Here::Unmade(origin)
                } else {
                    Here::Made(span.entered())
                }
            }
            other => other,
        };
        *cell.borrow_mut() = here;
    });
}

fn span_of(origin: &Origin) -> Span {
    // Of the highest level, so that errors keep their request id when little is logged.
    tracing::error_span!(
        "request",
        request_id = origin.request_id,
        trace_id = origin.trace.trace_id()
    )
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::telemetry::log::capture::Capture;
    use crate::telemetry::redactor::Redactor;

    struct SaysGoodbye;

    impl Drop for SaysGoodbye {
        fn drop(&mut self) {
            tracing::info!("gone");
        }
    }

    #[tokio::test]
    async fn what_is_dropped_half_way_still_logs_the_request() {
        let capture = Capture::default();
        let _log = tracing::subscriber::set_default(capture.subscriber(&Redactor::default()));
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", http::HeaderValue::from_static("req-1"));
        let origin = Arc::new(Origin::of(&headers));
        for is_done in [false, true] {
            let work = async {
                let _goodbye = SaysGoodbye;
                if !is_done {
                    std::future::pending::<()>().await;
                }
            };
            let mut work = Box::pin(InRequest::new(&origin, None, work));
            assert_eq!(
                futures_util::FutureExt::now_or_never(work.as_mut()).is_some(),
                is_done
            );
            drop(work);
            tracing::info!("outside");
        }
        let ids: Vec<_> = capture
            .lines()
            .into_iter()
            .map(|line| (line["message"].clone(), line["request_id"].clone()))
            .collect();
        let once = [
            ("gone".into(), "req-1".into()),
            ("outside".into(), serde_json::Value::Null),
        ];
        assert_eq!(ids, [once.clone(), once].concat());
    }
}
