//! [`Transport`]: one attempt to hand a message to the platform.

use std::error::Error;
use std::future::Future;
use std::time::{Duration, SystemTime};

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use hap_manifest::wire::WireError;
use hap_manifest::{ApiToken, WebhookSecret, webhook};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::http_client::HttpClient;
use crate::settings::{PlatformUrl, Settings};
use crate::telemetry::chain;

/// The code of a refusal of an event that names another plugin as its source.
const FOREIGN_SOURCE: &str = "foreign_source";
/// Longest refusal that is read.
const MAX_REFUSAL: usize = 16 * 1024;
/// Longest time for one request.
const DEADLINE: Duration = Duration::from_secs(15);
const USER_AGENT: &str = concat!("hap-plugin/", env!("CARGO_PKG_VERSION"));

/// One event or a batch, the same bytes under the same id at every attempt.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) events: usize,
    body: Bytes,
}

impl Message {
    /// Records that are each a JSON event.
    pub(super) fn new(records: &[Bytes]) -> Self {
        #[derive(Deserialize)]
        struct Id {
            id: String,
        }
        if let [record] = records {
            // Its own id, so that the platform recognises it even after a restart of the plugin.
            let id = serde_json::from_slice(record).map(|Id { id }| webhook::message_id(&id).into_owned());
            let id = id.unwrap_or_else(|_| Uuid::now_v7().to_string());
            return Self {
                id,
                events: 1,
                body: record.clone(),
            };
        }
        let body = [b"[".as_slice(), &records.join(&b','), b"]"].concat();
        Self {
            id: Uuid::now_v7().to_string(),
            events: records.len(),
            body: body.into(),
        }
    }

    #[cfg(test)]
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn content_type(&self) -> &'static str {
        if self.events == 1 {
            "application/cloudevents+json"
        } else {
            "application/cloudevents-batch+json"
        }
    }
}

/// What came of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The platform has it on its disk.
    Accepted,
    /// The platform will not take this message, now or later.
    Refused(StatusCode),
    /// Another attempt may succeed.
    Later {
        /// For the log.
        reason: String,
        /// The platform's wish.
        after: Option<Duration>,
    },
}

/// Carries messages; a fake one lets the sender be tested in virtual time.
pub(super) trait Transport: Send + 'static {
    fn post(&mut self, message: &Message) -> impl Future<Output = Answer> + Send;
}

/// Posts to `{PLATFORM_API_URL}/events`.
pub(super) struct HttpTransport {
    client: HttpClient,
    url: Uri,
    secret: Option<WebhookSecret>,
    token: Option<ApiToken>,
}

impl HttpTransport {
    pub(super) fn new(platform: &PlatformUrl, settings: &Settings) -> Result<Self, http::Error> {
        Ok(Self {
            client: HttpClient::new(DEADLINE),
            url: platform.events().try_into()?,
            secret: settings.webhook_secret.clone(),
            token: settings.token.clone(),
        })
    }

    fn request(&self, message: &Message) -> Result<Request<Bytes>, http::Error> {
        let mut request = Request::post(self.url.clone())
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::CONTENT_TYPE, message.content_type());
        if let Some(secret) = &self.secret {
            // Signed again at each attempt: the platform refuses old timestamps.
            let now = SystemTime::now();
            request = request
                .header(webhook::ID_HEADER, &message.id)
                .header(webhook::TIMESTAMP_HEADER, webhook::timestamp(now))
                .header(
                    webhook::SIGNATURE_HEADER,
                    webhook::sign(secret, &message.id, now, &message.body),
                );
        } else if let Some(token) = &self.token {
            let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()))?;
            bearer.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, bearer);
        }
        request.body(message.body.clone())
    }
}

impl Transport for HttpTransport {
    async fn post(&mut self, message: &Message) -> Answer {
        let later = |error: &dyn Error| Answer::Later {
            reason: chain(error),
            after: None,
        };
        let given_up = Instant::now() + DEADLINE;
        let request = match self.request(message) {
            Ok(request) => request,
            Err(error) => return later(&error),
        };
        match self.client.send(request).await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                let code = match head.status {
                    StatusCode::FORBIDDEN => timeout_at(given_up, code_of(body)).await.ok().flatten(),
                    _ => None,
                };
                judge(head.status, &head.headers, code.as_deref())
            }
            Err(error) => later(&error),
        }
    }
}

/// Hands messages to a platform in the same process.
#[cfg(feature = "testing")]
pub(super) struct TestTransport(pub(super) crate::settings::TestPlatform);

#[cfg(feature = "testing")]
impl Transport for TestTransport {
    async fn post(&mut self, message: &Message) -> Answer {
        match tokio::time::timeout(DEADLINE, self.0.receive(&message.body)).await {
            Ok(Some(status)) => judge(status, &HeaderMap::new(), None),
            Ok(None) | Err(_) => Answer::Later {
                reason: "the platform of the test does not answer".to_owned(),
                after: None,
            },
        }
    }
}

/// The code of a refusal, as far as its first bytes tell one.
async fn code_of(body: Incoming) -> Option<String> {
    let body = to_bytes(Body::new(body), MAX_REFUSAL).await.ok()?;
    serde_json::from_slice::<WireError>(&body).ok()?.code
}

/// The platform acknowledges with 202 and nothing else: only that says that the events are on its
/// disk.
///
/// What it says of the message itself is told from what it says of its sender: an event is given up
/// for its own fault alone, and waits until whoever looks after the platform has mended the
/// credentials.
fn judge(status: StatusCode, headers: &HeaderMap, code: Option<&str>) -> Answer {
    match status {
        StatusCode::ACCEPTED => Answer::Accepted,
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => Answer::Refused(status),
        // An event of a plugin that had another id, left in the data directory.
        StatusCode::FORBIDDEN if code == Some(FOREIGN_SOURCE) => Answer::Refused(status),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Answer::Later {
            reason: format!(
                "the platform answered {status}: it does not know this plugin by its HAP_WEBHOOK_SECRET or \
                 HAP_API_TOKEN, or their clocks differ; the events are kept"
            ),
            after: None,
        },
        status => Answer::Later {
            reason: format!("the platform answered {status} where 202 acknowledges"),
            after: headers
                .get(header::RETRY_AFTER)
                .and_then(|value| retry_after(value.to_str().ok()?)),
        },
    }
}

/// Seconds or a date.
fn retry_after(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value.trim()).ok()?;
    date.duration_since(SystemTime::now()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_202_acknowledges() {
        for status in [200, 201, 204, 302, 401, 403, 404, 429, 500, 503] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(
                matches!(judge(status, &HeaderMap::new(), None), Answer::Later { .. }),
                "{status}"
            );
        }
        assert_eq!(
            judge(StatusCode::ACCEPTED, &HeaderMap::new(), None),
            Answer::Accepted
        );
    }

    #[test]
    fn an_event_is_given_up_for_its_own_fault_and_not_for_the_credentials() {
        let judge = |status: u16, code| judge(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), code);
        for status in [400, 413, 415, 422] {
            assert!(matches!(judge(status, None), Answer::Refused(_)), "{status}");
        }
        assert!(matches!(judge(403, Some("foreign_source")), Answer::Refused(_)));
        for (status, code) in [
            (401, None),
            (401, Some("foreign_source")),
            (403, None),
            (403, Some("x")),
        ] {
            match judge(status, code) {
                Answer::Later { reason, .. } => assert!(reason.contains("the events are kept"), "{reason}"),
                other => panic!("{status} {code:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn an_id_that_no_header_can_carry_becomes_one_that_it_can() {
        for id in ["a.b", "a b", "\u{e4}", ""] {
            let record = serde_json::json!({ "id": id }).to_string();
            let message = Message::new(&[Bytes::from(record.clone())]);
            assert!(HeaderValue::from_str(&message.id).is_ok(), "{id:?}");
            assert!(!message.id.is_empty() && !message.id.contains('.'), "{id:?}");
            assert_eq!(Message::new(&[Bytes::from(record)]).id, message.id, "{id:?}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("soon"), None);
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), None);
        let later = retry_after("Fri, 01 Jan 2100 00:00:00 GMT").unwrap();
        assert!(later > Duration::from_secs(3600 * 24 * 365));
    }

    #[test]
    fn one_event_goes_alone_under_its_own_id_and_more_as_a_batch() {
        let one = Message::new(&[Bytes::from_static(br#"{"id":"e-1"}"#)]);
        assert_eq!(
            (one.id.as_str(), one.content_type()),
            ("e-1", "application/cloudevents+json")
        );
        assert_eq!(one.body, br#"{"id":"e-1"}"#.as_slice());
        let two = Message::new(&[Bytes::from_static(b"{}"), Bytes::from_static(b"{}")]);
        assert_eq!(two.content_type(), "application/cloudevents-batch+json");
        assert_eq!(two.body, b"[{},{}]".as_slice());
        assert!(!two.id.contains('.'));
    }
}
