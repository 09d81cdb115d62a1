//! The platform that the suite emulates answers as the real one does.

use std::time::SystemTime;

use hap_conformance::platform::{Answer, Platform, Proof};
use hap_host::{Supervisor, engine::FakeEngine};
use hap_manifest::{WebhookSecret, env, webhook};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::*;

/// Where a plugin sends its events, and how it proves that they are its own.
struct Sender {
    url: String,
    token: String,
    secret: WebhookSecret,
    client: Client,
}

impl Sender {
    fn new(variables: impl Fn(&str) -> String) -> Self {
        Self {
            url: format!("{}/events", variables(env::PLATFORM_API_URL)),
            token: variables(env::HAP_API_TOKEN),
            secret: variables(env::HAP_WEBHOOK_SECRET).parse().unwrap(),
            client: Client::builder().no_proxy().build().unwrap(),
        }
    }

    fn emulated(platform: &Platform) -> Self {
        Self::new(|name| {
            let all = platform.environment();
            all.into_iter().find(|(found, _)| *found == name).unwrap().1
        })
    }

    fn post(&self, body: &str) -> RequestBuilder {
        self.client.post(&self.url).body(body.to_owned())
    }

    fn by_token(&self, body: &Value) -> RequestBuilder {
        self.post(&body.to_string()).bearer_auth(&self.token)
    }

    fn signed(&self, body: &Value, key: &WebhookSecret, (id, sent): (&str, SystemTime)) -> RequestBuilder {
        let body = body.to_string();
        let signature = webhook::sign(key, id, sent, body.as_bytes());
        self.post(&body)
            .header(webhook::ID_HEADER, id)
            .header(webhook::TIMESTAMP_HEADER, webhook::timestamp(sent))
            .header(webhook::SIGNATURE_HEADER, signature)
    }

    /// What may come of an event, each with what it is called.
    fn requests(&self) -> Vec<(&'static str, RequestBuilder)> {
        let (now, motion) = (SystemTime::now(), json!({"type": "motion", "id": "1"}));
        let other = WebhookSecret::from_bytes(&[7; 32]).unwrap();
        let event = |field: &str, value: Value| {
            let mut event = json!({"type": "motion"});
            event.as_object_mut().unwrap().insert(field.to_owned(), value);
            event
        };
        let by_token = |name, body: Value| (name, self.by_token(&body));
        let signed = |name, body: &Value, key, id| (name, self.signed(body, key, id));
        vec![
            by_token("an event", motion.clone()),
            by_token("the same", motion.clone()),
            signed("signed", &json!({"type": "motion"}), &self.secret, ("m1", now)),
            signed(
                "signed again",
                &json!({"type": "motion"}),
                &self.secret,
                ("m1", now),
            ),
            signed("another key", &motion, &other, ("m2", now)),
            signed(
                "stale",
                &motion,
                &self.secret,
                ("m3", now - Duration::from_secs(400)),
            ),
            signed("a number behind a dot", &motion, &self.secret, ("m.7", now)),
            ("no proof", self.post(&motion.to_string())),
            ("another token", self.post(&motion.to_string()).bearer_auth("x")),
            by_token(
                "a batch",
                json!([{"type": "a", "id": "1"}, {"type": "b", "id": "2"}]),
            ),
            by_token("an empty batch", json!([])),
            by_token("a bad event in a batch", json!([{"type": "a"}, {"type": ""}])),
            by_token("too many", json!(vec![json!({"type": "a"}); 501])),
            by_token("too large", event("data", json!("x".repeat(257 * 1024)))),
            by_token("a long type", json!({"type": "x".repeat(257)})),
            by_token("a long source", event("source", json!("x".repeat(1025)))),
            by_token("its own source", event("source", json!("/plugins/motion/1"))),
            by_token("a foreign source", event("source", json!("/plugins/lock"))),
            by_token("dots", event("source", json!("/plugins/motion/../lock"))),
            by_token("no time", event("time", json!("yesterday"))),
            by_token("an old version", event("specversion", json!("0.3"))),
            by_token("no event", json!("motion")),
            ("binary mode", self.by_token(&motion).header("ce-type", "motion")),
            (
                "another type",
                self.by_token(&motion).header("content-type", "text/plain"),
            ),
            (
                "compressed",
                self.by_token(&motion).header("content-encoding", "gzip"),
            ),
            (
                "another method",
                self.client.get(&self.url).bearer_auth(&self.token),
            ),
        ]
    }

    async fn answers(&self) -> Vec<(&'static str, u16, Value)> {
        let mut answers = Vec::new();
        for (name, request) in self.requests() {
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            let body: Value = answer.json().await.unwrap();
            let told = ["success", "code", "accepted", "duplicates"].map(|field| body.get(field).cloned());
            answers.push((name, status, json!(told)));
        }
        answers
    }
}

#[tokio::test]
async fn the_emulated_platform_answers_as_the_real_one() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let host = Supervisor::builder(engine.clone(), state.path())
        .start()
        .await
        .unwrap();
    let motion = Manifest::builder("motion", "Motion", "1.0.0", "motion:1")
        .build()
        .unwrap();
    let motion = host.install(motion).await.unwrap();
    motion.start().await.unwrap();
    let spec = engine.spec(motion.id()).unwrap();
    let real = Sender::new(|name| {
        let found = spec.env.iter().find(|variable| variable.name() == name);
        found.unwrap().expose_value().to_owned()
    });

    let platform = Platform::start(motion.id()).await.unwrap();
    let emulated = Sender::emulated(&platform);
    let (real, emulated) = (real.answers().await, emulated.answers().await);
    for (real, emulated) in real.iter().zip(&emulated) {
        assert_eq!(real, emulated);
    }
    assert_eq!(real.len(), emulated.len());
    let deliveries = platform.deliveries();
    assert_eq!(deliveries[0].proof, Proof::Token);
    assert!(deliveries[0].problems.is_empty());
    assert_eq!(deliveries[2].proof, Proof::Signature);
    assert_eq!(deliveries[2].events[0].id, "m1");
    assert_eq!(deliveries[4].problems[0].sentence, "P-PROOF-4");
}

#[tokio::test]
async fn the_emulated_platform_answers_as_it_is_told_to() {
    let platform = Platform::start(&"motion".parse().unwrap()).await.unwrap();
    let sender = Sender::emulated(&platform);
    let event = json!({"type": "motion", "id": "1"});
    let send = || sender.by_token(&event).timeout(Duration::from_millis(500)).send();
    platform.answer_next([
        Answer::Status {
            status: 503,
            retry_after: Some(Duration::from_secs(7)),
        },
        Answer::Nothing,
        Answer::Half,
    ]);
    let answer = send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "7");
    assert!(send().await.unwrap_err().is_timeout());
    assert!(send().await.is_err());
    // What was answered by half is stored, as it is where only the answer is lost.
    let stored: Value = send().await.unwrap().json().await.unwrap();
    assert_eq!(stored, json!({"success": true, "accepted": 0, "duplicates": 1}));
    assert_eq!(platform.deliveries().len(), 4);
    let url = platform.url();
    drop(platform);
    for _ in 0..100 {
        let refused = sender
            .client
            .get(&url)
            .timeout(Duration::from_secs(1))
            .send()
            .await;
        if refused.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it goes on without its last owner");
}
