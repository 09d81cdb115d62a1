//! [`Origin`]: which request a call belongs to.

use hap_manifest::TraceParent;
use http::HeaderMap;
use uuid::Uuid;

/// Name of the header, in requests and in their answers.
pub(crate) const REQUEST_ID: &str = "x-request-id";
/// Longest request id that is taken over.
const MAX_ID: usize = 128;

/// The id and the trace that came with a request.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) request_id: String,
    pub(crate) trace: Option<TraceParent>,
}

impl Origin {
    /// Reads the headers. A missing or odd request id is replaced by a new one: it goes into logs and answers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let fit =
            |id: &&str| !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(|b| b.is_ascii_graphic());
        Self {
            request_id: text(REQUEST_ID)
                .filter(fit)
                .map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned),
            trace: text(TraceParent::HEADER).and_then(TraceParent::parse),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(id: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, http::HeaderValue::from_static(id));
        Origin::of(&headers).request_id
    }

    #[test]
    fn an_odd_request_id_is_replaced() {
        assert_eq!(origin("req-7/a"), "req-7/a");
        for odd in ["", "a b", "\t"] {
            assert_eq!(origin(odd).len(), 32, "{odd:?}");
        }
    }
}
