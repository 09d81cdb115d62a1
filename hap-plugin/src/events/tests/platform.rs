use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use hap_manifest::wire::{Event, EventBody};
use hap_manifest::{ApiToken, WebhookSecret, webhook};
use http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use crate::events::client::EventClient;
use crate::settings::Settings;
use crate::telemetry::Metrics;

/// A platform that answers as told and keeps what it acknowledged.
#[derive(Clone)]
struct Platform(Arc<Mutex<Inbox>>);

struct Inbox {
    status: StatusCode,
    events: Vec<Event>,
    requests: Vec<HeaderMap>,
    bad_signatures: usize,
}

fn secret() -> WebhookSecret {
    WebhookSecret::from_bytes(&[9; 32]).unwrap()
}

impl Platform {
    async fn start() -> (Self, String) {
        let platform = Self(Arc::new(Mutex::new(Inbox {
            status: StatusCode::ACCEPTED,
            events: Vec::new(),
            requests: Vec::new(),
            bad_signatures: 0,
        })));
        let router = Router::new()
            .route("/api/v1/events", post(receive))
            .with_state(platform.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/v1", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (platform, url)
    }

    fn answer(&self, status: StatusCode) {
        self.0.lock().unwrap().status = status;
    }

    fn ids(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap()
            .events
            .iter()
            .map(|event| event.id.clone())
            .collect()
    }

    async fn wait_for(&self, events: usize) {
        let give_up = Instant::now() + Duration::from_secs(20);
        while self.ids().len() < events {
            assert!(
                Instant::now() < give_up,
                "{} of {events} events",
                self.ids().len()
            );
            sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn receive(State(platform): State<Platform>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut inbox = platform.0.lock().unwrap();
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let verified = webhook::verify(
        &[secret()],
        text(webhook::ID_HEADER),
        text(webhook::TIMESTAMP_HEADER),
        text(webhook::SIGNATURE_HEADER),
        &body,
        SystemTime::now(),
    );
    if verified.is_err() {
        inbox.bad_signatures += 1;
    }
    if inbox.status == StatusCode::ACCEPTED {
        let batch = matches!(EventBody::from_slice(&body).unwrap(), EventBody::Batch(_));
        let media = if batch {
            "application/cloudevents-batch+json"
        } else {
            "application/cloudevents+json"
        };
        assert_eq!(text("content-type"), media);
        let events: Vec<Event> = if batch {
            serde_json::from_slice(&body).unwrap()
        } else {
            vec![serde_json::from_slice(&body).unwrap()]
        };
        inbox.events.extend(events);
    }
    inbox.requests.push(headers);
    inbox.status
}

fn settings(url: &str) -> Settings {
    Settings::new("lamp".parse().unwrap())
        .with_platform_url(url)
        .unwrap()
}

async fn start(settings: &Settings) -> (EventClient, crate::events::delivery::Delivery) {
    crate::events::delivery::start(settings, &Arc::new(Metrics::default()))
        .await
        .unwrap()
}

#[tokio::test]
async fn events_arrive_signed_and_in_order() {
    let (platform, url) = Platform::start().await;
    let (events, delivery) = start(&settings(&url).with_webhook_secret(secret())).await;
    let mut ids = Vec::new();
    for n in 0..50 {
        ids.push(
            events
                .emit("light.changed", &serde_json::json!({ "n": n }))
                .await
                .unwrap(),
        );
    }
    platform.wait_for(50).await;
    assert_eq!(platform.ids(), ids);
    let inbox = platform.0.lock().unwrap();
    assert_eq!(inbox.bad_signatures, 0);
    let event = &inbox.events[7];
    assert_eq!(
        (event.source.as_str(), event.r#type.as_str()),
        ("/plugins/lamp", "light.changed")
    );
    assert_eq!(event.data["n"], 7);
    assert!(
        inbox
            .requests
            .iter()
            .all(|headers| !headers.contains_key("authorization"))
    );
    drop(delivery);
}

#[tokio::test]
async fn without_a_secret_the_token_authenticates() {
    let (platform, url) = Platform::start().await;
    let token = ApiToken::from_bytes(&[3; 32]);
    let (events, _delivery) = start(&settings(&url).with_api_token(token.clone())).await;
    events.emit("a", &()).await.unwrap();
    platform.wait_for(1).await;
    let presented = platform.0.lock().unwrap().requests[0]["authorization"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(presented, format!("Bearer {}", token.expose()));
}

#[tokio::test]
async fn a_flush_at_the_end_delivers_what_is_pending() {
    let (platform, url) = Platform::start().await;
    let (events, delivery) = start(&settings(&url)).await;
    for _ in 0..20 {
        events.emit("a", &()).await.unwrap();
    }
    delivery.close(Instant::now() + Duration::from_secs(5)).await;
    assert_eq!(platform.ids().len(), 20);
    assert!(matches!(
        events.emit("late", &()).await,
        Err(crate::events::error::EmitError::Closed)
    ));
}

#[tokio::test]
async fn undelivered_events_wait_on_disk_for_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let (platform, url) = Platform::start().await;
    platform.answer(StatusCode::SERVICE_UNAVAILABLE);
    let settings = settings(&url)
        .with_webhook_secret(secret())
        .with_data_dir(dir.path());
    let (events, delivery) = start(&settings).await;
    let mut ids = Vec::new();
    for n in 0..30 {
        ids.push(events.emit("a", &n).await.unwrap());
    }
    delivery.close(Instant::now() + Duration::from_millis(100)).await;
    assert!(platform.ids().is_empty());

    platform.answer(StatusCode::ACCEPTED);
    let (events, _delivery) = start(&settings).await;
    ids.push(events.emit("a", &30).await.unwrap());
    platform.wait_for(31).await;
    assert_eq!(platform.ids(), ids);
}

#[tokio::test]
async fn concurrent_emitters_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (platform, url) = Platform::start().await;
    let (events, _delivery) = start(&settings(&url).with_data_dir(dir.path())).await;
    let emitters: Vec<_> = (0..8)
        .map(|_| {
            let events = events.clone();
            tokio::spawn(async move {
                let mut ids = Vec::new();
                for n in 0..50 {
                    ids.push(events.emit("a", &n).await.unwrap());
                }
                ids
            })
        })
        .collect();
    let mut emitted = HashSet::new();
    for emitter in emitters {
        emitted.extend(emitter.await.unwrap());
    }
    platform.wait_for(400).await;
    assert_eq!(platform.ids().into_iter().collect::<HashSet<_>>(), emitted);
}

#[tokio::test]
async fn an_event_that_nobody_waits_for_takes_its_place_among_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let (platform, url) = Platform::start().await;
    let (events, delivery) = start(&settings(&url).with_data_dir(dir.path())).await;
    let mut ids = Vec::new();
    for n in 0..50 {
        ids.push(events.try_emit("a", &n).unwrap());
        if n % 7 == 0 {
            ids.push(events.emit("b", &n).await.unwrap());
        }
    }
    // At once: what is still on its way to the disk belongs to the flush.
    delivery.close(Instant::now() + Duration::from_secs(5)).await;
    assert_eq!(platform.ids(), ids);
    assert!(matches!(
        events.try_emit("late", &()),
        Err(crate::events::error::EmitError::Closed)
    ));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (platform, url) = Platform::start().await;
    platform.answer(StatusCode::TEMPORARY_REDIRECT);
    let (events, _delivery) = start(&settings(&url)).await;
    events.emit("a", &()).await.unwrap();
    sleep(Duration::from_millis(300)).await;
    assert_eq!(platform.0.lock().unwrap().requests.len(), 1);
}
