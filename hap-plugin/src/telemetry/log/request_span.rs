//! The span of a request, whose ids are in all that is logged within it.

use tracing::Span;

use crate::telemetry::request_context::RequestContext;

pub(crate) fn request_span(request_context: &RequestContext) -> Span {
    // Of the highest level, so that errors keep their request id when little is logged.
    tracing::error_span!(
        "request",
        request_id = request_context.request_id,
        trace_id = request_context.trace.trace_id()
    )
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use tracing::Instrument as _;

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
        let request_context = RequestContext::of(&headers);
        for is_done in [false, true] {
            let work = async {
                let _goodbye = SaysGoodbye;
                if !is_done {
                    std::future::pending::<()>().await;
                }
            };
            let mut work = Box::pin(work.instrument(request_span(&request_context)));
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
