mod deliver;
mod hostile;
mod limits;
mod proofs;
mod take;
mod wire;

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    body::Body,
    http::{Request, Response, StatusCode, header},
};
use hap_manifest::{ApiToken, PluginId, WebhookSecret, webhook};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::{
    Inbox,
    credentials::Credentials,
    cursor::Cursor,
    rate::EventRateLimit,
    subscribe::{Delivery, PluginEvents, SubscribeOptions},
};
use crate::{
    metrics::Metrics,
    model::{
        keys::{KeyPair, PluginKeys},
        retention::EventRetention,
    },
    store::Store,
};

/// An inbox with the plugins `light` and `lock`, whose keys are made of their numbers.
struct Bench {
    _folder: TempDir,
    store: Store,
    credentials: Credentials,
    inbox: Inbox,
}

impl Bench {
    async fn new() -> Self {
        Self::with(EventRetention::default(), EventRateLimit::default()).await
    }

    async fn with(retention: EventRetention, rate: EventRateLimit) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open_with(folder.path().to_path_buf(), retention)
            .await
            .unwrap();
        let credentials = Credentials::default();
        credentials.set(&id("light"), &keys(1));
        credentials.set(&id("lock"), &keys(2));
        let inbox = Inbox::new(store.clone(), credentials.clone(), rate, Arc::new(Metrics::new()));
        Self {
            _folder: folder,
            store,
            credentials,
            inbox,
        }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.inbox.router().oneshot(request).await.unwrap()).await
    }

    /// Sends an event of `light` with its token.
    async fn post(&self, body: impl Into<Body>) -> Answer {
        self.send(by_token("light", 1, body)).await
    }

    fn all(&self) -> PluginEvents {
        self.inbox
            .subscribe(SubscribeOptions::default().after(Cursor::START))
    }
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    body: Value,
    retry_after: Option<u64>,
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let status = response.status();
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .map(|value| value.to_str().unwrap().parse().unwrap());
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap();
        Self {
            status,
            body,
            retry_after,
        }
    }

    #[track_caller]
    fn accepted(&self, accepted: u64, duplicates: u64) {
        let wanted = json!({"success": true, "accepted": accepted, "duplicates": duplicates});
        assert_eq!((self.status, &self.body), (StatusCode::ACCEPTED, &wanted));
    }

    #[track_caller]
    fn refused(&self, status: StatusCode, code: &str) {
        assert_eq!(
            (self.status, &self.body["code"]),
            (status, &json!(code)),
            "{}",
            self.body
        );
        assert_eq!(self.body["success"], json!(false));
        assert!(self.body["error"].as_str().is_some_and(|text| !text.is_empty()));
    }
}

fn id(name: &str) -> PluginId {
    PluginId::new(name).unwrap()
}

fn token(n: u8) -> ApiToken {
    ApiToken::from_bytes(&[n; 32])
}

fn secret(n: u8) -> WebhookSecret {
    WebhookSecret::from_bytes(&[n; 32]).unwrap()
}

fn pair(n: u8) -> KeyPair {
    KeyPair {
        token: token(n),
        webhook_secret: secret(n),
    }
}

fn keys(n: u8) -> PluginKeys {
    PluginKeys::new(pair(n))
}

fn now() -> i64 {
    webhook::timestamp(SystemTime::now()).try_into().unwrap()
}

fn to(plugin: &str) -> axum::http::request::Builder {
    Request::post(format!("/plugins/{plugin}/api/v1/events"))
}

fn by_token(plugin: &str, key: u8, body: impl Into<Body>) -> Request<Body> {
    to(plugin)
        .header(header::AUTHORIZATION, format!("Bearer {}", token(key).expose()))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .unwrap()
}

/// A request signed with a key for a moment, and the body that it carries.
fn signed(plugin: &str, key: u8, timestamp: i64, signed: &str, sent: &str) -> Request<Body> {
    to(plugin)
        .header(webhook::ID_HEADER, "msg-1")
        .header(webhook::TIMESTAMP_HEADER, timestamp)
        .header(
            webhook::SIGNATURE_HEADER,
            webhook::sign(
                &secret(key),
                "msg-1",
                SystemTime::UNIX_EPOCH + Duration::from_secs(timestamp.unsigned_abs()),
                signed.as_bytes(),
            ),
        )
        .body(Body::from(sent.to_owned()))
        .unwrap()
}

fn rate(per_second: u32, burst: u32) -> EventRateLimit {
    EventRateLimit::new(
        NonZeroU32::new(per_second).unwrap(),
        NonZeroU32::new(burst).unwrap(),
    )
}

/// The next items of a stream: events by id, gaps by count.
async fn items(events: &mut PluginEvents, count: usize) -> Vec<String> {
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(match events.next().await.unwrap().unwrap() {
            Delivery::Event(event) => event.event.id,
            Delivery::Missed { count, .. } => format!("missed {count}"),
        });
    }
    items
}

const MOTION: &str = r#"{"type":"motion","id":"1"}"#;
