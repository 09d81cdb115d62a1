//! [`RequestContext`]: which request a call belongs to.

use std::time::Duration;

use hap_manifest::TraceParent;
use http::{HeaderMap, HeaderName};
use tokio::time::Instant;

use crate::telemetry::ids;

/// Name of the header, in requests and in their answers.
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Name of the header by which a caller tells how many milliseconds it waits for the answer.
static TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout-ms");
static TRACE_PARENT: HeaderName = HeaderName::from_static(TraceParent::HEADER);
/// Longest request id that is taken over.
const MAX_ID: usize = 128;

/// The id and the trace that came with a request, and how long its caller waits.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    pub(crate) request_id: String,
    pub(crate) trace: TraceParent,
    /// Whether the trace is the caller's and not one that began here.
    #[cfg(feature = "otel")]
    pub(crate) is_traced: bool,
    // `None`: the caller does not say.
    gives_up: Option<Instant>,
}

impl RequestContext {
    /// Reads the headers of a request that has just come.
    ///
    /// A missing or odd request id is replaced by a new one: it goes into logs and answers. A
    /// request without a trace begins one, which nobody records. What else is odd counts as absent.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let fit =
            |id: &&str| !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(|b| b.is_ascii_graphic());
        // Of several nobody knows which one is meant (W3C Trace Context, section 3.2.1).
        let is_one = headers.get_all(&TRACE_PARENT).iter().nth(1).is_none();
        let trace = text(&TRACE_PARENT)
            .filter(|_| is_one)
            .and_then(TraceParent::parse);
        Self {
            request_id: text(&REQUEST_ID)
                .filter(fit)
                .map_or_else(ids::request_id, str::to_owned),
            #[cfg(feature = "otel")]
            is_traced: trace.is_some(),
            trace: trace.unwrap_or_else(ids::trace),
            // 32 bits are 49 days, which no clock overflows by.
            gives_up: text(&TIMEOUT)
                .and_then(|value| value.trim().parse::<u32>().ok())
                .map(|ms| Instant::now() + Duration::from_millis(ms.into())),
        }
    }

    /// When work must be done: `allowed` after it has begun, or sooner if its caller then waits no
    /// more.
    pub(crate) fn deadline(&self, begun: Instant, allowed: Duration) -> Instant {
        let ours = begun + allowed;
        self.gives_up.map_or(ours, |theirs| ours.min(theirs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request_context(id: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(&REQUEST_ID, http::HeaderValue::from_static(id));
        RequestContext::of(&headers).request_id
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_may_shorten_its_deadline_and_not_lengthen_it() {
        let left = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(&TIMEOUT, http::HeaderValue::from_static(value));
            let now = Instant::now();
            RequestContext::of(&headers).deadline(now, Duration::from_secs(30)) - now
        };
        for (value, ms) in [
            ("250", 250),
            ("0", 0),
            ("60000", 30_000),
            ("4294967295", 30_000),
            ("-1", 30_000),
            ("1.5", 30_000),
            ("99999999999999999999", 30_000),
            ("", 30_000),
        ] {
            assert_eq!(left(value), Duration::from_millis(ms), "{value:?}");
        }
    }

    #[test]
    fn an_odd_request_id_is_replaced() {
        assert_eq!(request_context("req-7/a"), "req-7/a");
        for odd in ["", "a b", "\t"] {
            assert_eq!(request_context(odd).len(), 32, "{odd:?}");
        }
    }
}
