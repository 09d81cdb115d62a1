//! What `docs/protocol.md` says that it did not say before, shown on the platform and on a plugin.

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, SystemTime},
};

use axum::http::{Request, StatusCode};
use hap_host::{ErrorKind, PluginHandle, Supervisor, engine::FakeEngine};
use hap_manifest::{Manifest, WebhookSecret, env, webhook};
use hap_plugin::{
    Context, NoStatus, Plugin, Reply, Result,
    schemars::{self, JsonSchema},
    testing::TestPlugin,
};
use hap_tests::document;
use reqwest::{Client, RequestBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

fn page() -> String {
    std::fs::read_to_string(document::path("protocol.md")).unwrap()
}

#[test]
fn b15_each_sentence_has_an_id_of_its_own_that_can_be_linked() {
    let page = page();
    let mut ids = BTreeSet::new();
    for line in page.lines().filter(|line| line.contains("**[P-")) {
        let id = line.split("**[").nth(1).and_then(|rest| rest.split(']').next());
        let id = id.unwrap();
        assert_eq!(line, format!("* <a id=\"{id}\"></a>**[{id}]**"));
        assert!(ids.insert(id), "{id} is there twice");
    }
    assert!(ids.len() > 100, "{}", ids.len());
    for link in page.split("](#P-").skip(1) {
        let id = format!("P-{}", link.split(')').next().unwrap());
        assert!(ids.contains(id.as_str()), "{id} is linked and not there");
    }
    for named in page.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')) {
        let is_id = named.starts_with("P-") && named.ends_with(|c: char| c.is_ascii_digit());
        assert!(!is_id || ids.contains(named), "{named} is named and not there");
    }
}

/// A plugin of a platform, as it sends events by its own environment.
struct Sender {
    _host: Supervisor,
    light: PluginHandle,
    url: String,
    token: String,
    secret: String,
    client: Client,
}

/// Where an answer is, and what its body says.
type Answer = (u16, Value);

impl Sender {
    async fn new(state: &Path) -> Self {
        let engine = FakeEngine::new();
        let host = Supervisor::builder(engine.clone(), state).start().await.unwrap();
        let light = Manifest::builder("light", "Light", "1.0.0", "light:1")
            .build()
            .unwrap();
        let light = host.install(light).await.unwrap();
        light.start().await.unwrap();
        let spec = engine.spec(light.id()).unwrap();
        let variable = |name: &str| {
            let found = spec.env.iter().find(|variable| variable.name() == name);
            found.unwrap().expose_value().to_owned()
        };
        Self {
            url: format!("{}/events", variable(env::PLATFORM_API_URL)),
            token: variable(env::HAP_API_TOKEN),
            secret: variable(env::HAP_WEBHOOK_SECRET),
            client: Client::builder().no_proxy().build().unwrap(),
            _host: host,
            light,
        }
    }

    fn post(&self, body: &str) -> RequestBuilder {
        self.client.post(&self.url).body(body.to_owned())
    }

    async fn by_token(&self, body: &Value) -> Answer {
        answer(self.post(&body.to_string()).bearer_auth(&self.token)).await
    }

    /// Signed with a key under an id, at a time.
    fn signed(&self, body: &str, key: &WebhookSecret, (id, sent): (&str, SystemTime)) -> RequestBuilder {
        let signature = webhook::sign(key, id, sent, body.as_bytes());
        self.post(body)
            .header(webhook::ID_HEADER, id)
            .header(webhook::TIMESTAMP_HEADER, webhook::timestamp(sent))
            .header(webhook::SIGNATURE_HEADER, signature)
    }

    fn key(&self) -> WebhookSecret {
        self.secret.parse().unwrap()
    }

    async fn by_signature(&self, body: &Value, id: &str) -> Answer {
        let now = SystemTime::now();
        answer(self.signed(&body.to_string(), &self.key(), (id, now))).await
    }

    async fn refused(&self, body: &Value) -> (u16, String) {
        let (status, answer) = self.by_token(body).await;
        let field = |name: &str| answer.get(name).unwrap();
        assert_eq!(field("success"), false, "{answer}");
        assert!(field("error").is_string(), "{answer}");
        (status, field("code").as_str().unwrap().to_owned())
    }
}

async fn answer(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn taken(accepted: u64, duplicates: u64) -> Answer {
    (
        202,
        json!({"success": true, "accepted": accepted, "duplicates": duplicates}),
    )
}

#[tokio::test]
async fn b15_the_key_of_a_signature_is_the_decoded_secret_and_a_signature_alone_counts() {
    // The example of the page was computed by another program.
    let page_text = page();
    let secret = page_text.split_once("the secret `").unwrap().1;
    let secret: WebhookSecret = secret.split('`').next().unwrap().parse().unwrap();
    let sent = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let signed = webhook::sign(&secret, "msg-1", sent, br#"{"type":"motion"}"#);
    assert!(page_text.contains(&format!("`{signed}`")), "{signed}");

    let state = tempfile::tempdir().unwrap();
    let light = Sender::new(state.path()).await;
    let (now, body) = (SystemTime::now(), r#"{"type":"motion"}"#);
    assert_eq!(
        answer(light.signed(body, &light.key(), ("m1", now))).await,
        taken(1, 0)
    );
    let text = WebhookSecret::from_bytes(light.secret.as_bytes()).unwrap();
    let (status, refusal) = answer(light.signed(body, &text, ("m2", now))).await;
    assert_eq!((status, &refusal["code"]), (401, &json!("unauthorized")));

    // Of two proofs the signature counts.
    let wrong = light.signed(body, &text, ("m3", now)).bearer_auth(&light.token);
    assert_eq!(answer(wrong).await.0, 401);
    let right = light.signed(body, &light.key(), ("m4", now));
    assert_eq!(answer(right.bearer_auth("another")).await, taken(1, 0));

    let old = light.signed(body, &light.key(), ("m5", now - Duration::from_secs(301)));
    let (status, refusal) = answer(old).await;
    assert_eq!((status, &refusal["code"]), (401, &json!("stale_timestamp")));
    let dotted = light.signed(body, &light.key(), ("m.7", now));
    assert_eq!(answer(dotted).await.0, 401);
}

#[tokio::test]
async fn b15_an_event_without_an_id_is_stored_once_if_signed_and_each_time_by_token() {
    let state = tempfile::tempdir().unwrap();
    let light = Sender::new(state.path()).await;
    let nameless = json!({"type": "motion"});
    assert_eq!(light.by_token(&nameless).await, taken(1, 0));
    assert_eq!(light.by_token(&nameless).await, taken(1, 0));
    assert_eq!(light.by_signature(&nameless, "m1").await, taken(1, 0));
    assert_eq!(light.by_signature(&nameless, "m1").await, taken(0, 1));
    let batch = json!([{"type": "motion"}, {"type": "motion", "id": ""}]);
    assert_eq!(light.by_signature(&batch, "m2").await, taken(2, 0));
    // These are the names that they were stored under.
    let named = json!([
        {"type": "motion", "id": "m1"},
        {"type": "motion", "id": "m2.0"},
        {"type": "motion", "id": "m2.1"},
        {"type": "motion", "id": "m2"},
    ]);
    assert_eq!(light.by_token(&named).await, taken(1, 3));
}

#[tokio::test]
async fn b15_an_empty_batch_is_taken_and_a_bad_event_refuses_its_batch() {
    let state = tempfile::tempdir().unwrap();
    let light = Sender::new(state.path()).await;
    assert_eq!(light.by_token(&json!([])).await, taken(0, 0));
    let batch = json!([{"type": "motion", "id": "1"}, {"type": ""}]);
    let (status, refusal) = light.by_token(&batch).await;
    assert_eq!((status, &refusal["details"]), (400, &json!({"index": 1})));
    assert_eq!(
        light.by_token(&json!({"type": "motion", "id": "1"})).await,
        taken(1, 0)
    );
}

#[tokio::test]
async fn b15_the_fields_of_an_event_have_the_bounds_of_the_page() {
    let state = tempfile::tempdir().unwrap();
    let light = Sender::new(state.path()).await;
    let of = |field: &str, bytes: usize| {
        let mut event = json!({"type": "motion"});
        event[field] = json!("x".repeat(bytes));
        event
    };
    for (field, most) in [("type", 256), ("id", 256), ("source", 1024), ("subject", 1024)] {
        assert_eq!(light.by_token(&of(field, most)).await.0, 202, "{field}");
        let refused = light.refused(&of(field, most + 1)).await;
        assert_eq!(refused, (400, "invalid_event".to_owned()), "{field}");
    }
    for source in ["", "/plugins/light", "/plugins/light/1", "urn:lamp:1", "/lamps/7"] {
        let event = json!({"type": "motion", "source": source});
        assert_eq!(light.by_token(&event).await.0, 202, "{source}");
    }
    for source in [
        "/plugins/lock",
        "http://host/plugins/lock",
        "/plugins/light/../lock",
        "/plugins/light/%2e%2e/lock",
        "/plugins\\lock",
    ] {
        let refused = light.refused(&json!({"type": "motion", "source": source})).await;
        assert_eq!(refused, (403, "foreign_source".to_owned()), "{source}");
    }
    let refused = light
        .refused(&json!({"type": "motion", "time": "2026-01-31"}))
        .await;
    assert_eq!(refused, (400, "invalid_event".to_owned()));
    let refused = light
        .refused(&json!({"type": "motion", "specversion": "0.3"}))
        .await;
    assert_eq!(refused, (400, "invalid_event".to_owned()));
}

#[tokio::test]
async fn b15_refusals_of_the_platform_have_the_codes_of_the_page() {
    let state = tempfile::tempdir().unwrap();
    let light = Sender::new(state.path()).await;
    let many = json!(vec![json!({"type": "motion"}); 501]);
    let nested = (0..64).fold(json!(0), |inner, _| json!([inner]));
    for (body, status, code) in [
        (many, 413, "batch_too_large"),
        (
            json!({"type": "motion", "data": "x".repeat(256 * 1024)}),
            413,
            "event_too_large",
        ),
        (json!({"type": "motion", "data": nested}), 400, "too_deep"),
        (json!("motion"), 400, "invalid_event"),
    ] {
        assert_eq!(light.refused(&body).await, (status, code.to_owned()));
    }
    let body = r#"{"type":"motion"}"#;
    for (name, value) in [
        ("ce-type", "motion"),
        ("content-type", "text/plain"),
        ("content-encoding", "gzip"),
    ] {
        let request = light.post(body).bearer_auth(&light.token).header(name, value);
        let (status, refusal) = answer(request).await;
        assert_eq!(
            (status, &refusal["code"]),
            (415, &json!("unsupported_media_type")),
            "{name}"
        );
    }
    let got = light.client.get(&light.url).bearer_auth(&light.token);
    let (status, refusal) = answer(got).await;
    assert_eq!((status, &refusal["code"]), (405, &json!("method_not_allowed")));
    let (status, refusal) = answer(light.client.post(format!("{}/x", light.url))).await;
    assert_eq!((status, &refusal["code"]), (404, &json!("not_found")));
}

#[tokio::test]
async fn b15_the_data_of_a_status_event_is_that_of_a_status() {
    let state = tempfile::tempdir().unwrap();
    let light = Sender::new(state.path()).await;
    for data in [json!({"on": false}), json!({"on": true})] {
        light.by_token(&json!({"type": "status", "data": data})).await;
    }
    light.by_token(&json!({"type": "motion"})).await;
    let last = light.light.last_pushed_status().await.unwrap().unwrap();
    assert_eq!(last.event.data, json!({"on": true}));
}

/// A plugin that says these bytes whatever it is asked.
async fn saying(reply: String) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let reply = reply.clone();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(reply.as_bytes()).await;
            });
        }
    });
    at
}

#[tokio::test]
async fn b15_a_reply_is_framed_in_three_ways_and_its_content_type_does_not_matter() {
    let body = r#"{"success":true,"result":7}"#;
    let length = body.len();
    let chunked = format!("transfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n");
    for (rest, kind) in [
        (format!("content-length: {length}\r\n\r\n{body}"), None),
        (chunked, None),
        (format!("\r\n{body}"), None),
        (
            format!("content-type: text/html\r\ncontent-length: {length}\r\n\r\n{body}"),
            None,
        ),
        (
            format!("content-length: {}\r\n\r\n{body}", length + 1),
            Some(ErrorKind::Interrupted),
        ),
        (
            "content-encoding: gzip\r\ncontent-length: 2\r\n\r\n\u{1f}\u{b}".to_owned(),
            Some(ErrorKind::InvalidReply),
        ),
    ] {
        let state = tempfile::tempdir().unwrap();
        let engine = FakeEngine::new();
        let host = Supervisor::builder(engine.clone(), state.path())
            .start()
            .await
            .unwrap();
        let light = Manifest::builder("light", "Light", "1.0.0", "light:1")
            .build()
            .unwrap();
        let light = host.install(light).await.unwrap();
        let reply = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{rest}");
        engine.set_address(light.id(), saying(reply).await);
        light.start().await.unwrap();
        let answered = light.command("turn_on", json!({})).await;
        match answered {
            Ok(answered) => assert_eq!((answered.result, kind), (json!(7), None), "{rest}"),
            Err(error) => assert_eq!(Some(error.kind()), kind, "{rest}: {error}"),
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Config {
    level: u8,
    label: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Command {
    Settings,
    Dim { level: u8 },
}

#[derive(Default)]
struct Lamp;

impl Plugin for Lamp {
    type Config = Config;
    type Command = Command;
    type Status = NoStatus;

    async fn command(&self, cx: &Context, command: Command) -> Result<Reply> {
        match command {
            Command::Settings => Ok(Reply::json(&*cx.config::<Self>()?)?),
            Command::Dim { level } => Ok(Reply::json(level)?),
        }
    }
}

#[tokio::test]
async fn b15_settings_replace_those_of_before_and_refused_ones_leave_them() {
    let lamp = TestPlugin::start(Lamp).await.unwrap();
    lamp.configure(json!({"level": 3, "label": "hall"}))
        .await
        .assert_success();
    lamp.configure(json!({"label": "stairs"})).await.assert_success();
    let kept = json!({"level": 0, "label": "stairs"});
    let settings = lamp.command("settings", json!({})).await;
    assert_eq!(*settings.result(), kept);
    lamp.configure(json!({"level": 1000}))
        .await
        .assert_error("invalid_config");
    lamp.configure(json!([])).await.assert_error("invalid_config");
    assert_eq!(*lamp.command("settings", json!({})).await.result(), kept);
    lamp.stop().await;
}

#[tokio::test]
async fn b15_refusals_of_a_plugin_have_the_codes_of_the_page_and_no_time_means_no_work() {
    let lamp = TestPlugin::start(Lamp).await.unwrap();
    let post = |body: &'static str, header: (&'static str, &'static str)| {
        let request = Request::post("/command").header("content-type", "application/json");
        request.header(header.0, header.1).body(body.into()).unwrap()
    };
    let page = page();
    let table = page.split("Usual codes").nth(1).unwrap();
    let nothing = ("x-nothing", "1");
    let dim = r#"{"command":"dim","params":{"level":3}}"#;
    for (body, header, status, code) in [
        (dim, ("x-request-timeout-ms", "0"), 504, "timeout"),
        ("{", nothing, 400, "invalid_json"),
        ("[1]", nothing, 422, "invalid_command"),
        (r#"{"command":"no_such"}"#, nothing, 404, "unknown_command"),
        (
            r#"{"command":"dim","params":{"level":"x"}}"#,
            nothing,
            422,
            "invalid_params",
        ),
        (dim, ("content-encoding", "gzip"), 415, "unsupported_media_type"),
    ] {
        let reply = lamp.send(post(body, header)).await;
        assert_eq!(reply.status(), StatusCode::from_u16(status).unwrap(), "{code}");
        reply.assert_error(code);
        let row = table.lines().find(|line| line.contains(&format!("`{code}`")));
        assert!(row.unwrap().starts_with(&format!("| {status} ")), "{row:?}");
    }
    lamp.send(post(dim, ("x-request-timeout-ms", "soon")))
        .await
        .assert_success();
    lamp.stop().await;
}

/// A short event without an id that was sent again, because its answer was lost, became a second one.
#[tokio::test]
async fn b05_what_is_signed_and_sent_again_under_one_id_is_one_event() {
    let state = tempfile::tempdir().unwrap();
    let light = Sender::new(state.path()).await;
    let body = json!({"type": "motion", "data": {"room": "hall"}});
    assert_eq!(light.by_signature(&body, "msg-1").await, taken(1, 0));
    assert_eq!(light.by_signature(&body, "msg-1").await, taken(0, 1));
    assert_eq!(light.by_signature(&body, "msg-2").await, taken(1, 0));
}
