//! The author's side: a plugin that is served.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use hap_plugin::{
    Context, NoStatus, Plugin, Reply, Result, Settings, StartError,
    schemars::{self, JsonSchema},
};
use reqwest::{Client, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

/// Longest wait for anything here. Generous, because the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Config {
    transition_ms: u32,
    label: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Command {
    Dim { level: u8, seconds: f64 },
    Trace,
    Settings,
}

struct Lamp;

impl Plugin for Lamp {
    type Config = Config;
    type Command = Command;
    type Status = NoStatus;

    async fn command(&self, cx: &Context, command: Command) -> Result<Reply> {
        Ok(match command {
            Command::Dim { level, seconds } => Reply::json(json!({"level": level, "seconds": seconds}))?,
            Command::Trace => Reply::json(cx.trace_parent().map(|trace| trace.to_string()))?,
            Command::Settings => Reply::json(&*cx.config::<Self>()?)?,
        })
    }
}

/// A plugin that is served until it is told to stop.
struct Served {
    at: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<std::result::Result<(), StartError>>,
    client: Client,
}

impl Served {
    async fn new() -> Self {
        Self::with(Settings::new("lamp".parse().unwrap())).await
    }

    async fn with(settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = hap_plugin::serve(Lamp)
            .settings(settings)
            .listener(listener)
            .with_graceful_shutdown(async {
                let _ = stopped.await;
            });
        let served = Self {
            at,
            stop: Some(stop),
            serving: tokio::spawn(server.into_future()),
            client: Client::builder().no_proxy().timeout(DEADLINE).build().unwrap(),
        };
        while !served.is_healthy().await {
            tokio::task::yield_now().await;
        }
        served
    }

    async fn is_healthy(&self) -> bool {
        let asked = self.client.get(format!("http://{}/health", self.at)).send().await;
        asked.is_ok_and(|answer| answer.status().is_success())
    }

    fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("http://{}{path}", self.at));
        request.header("content-type", "application/json").body(body)
    }

    async fn command(&self, command: Value) -> (StatusCode, Value) {
        answer(self.post("/command", command.to_string())).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// fff#326, serde-rs/json#320: Python and JavaScript write whole numbers with a point.
#[tokio::test]
async fn c04_a_whole_number_with_a_point_fits_where_a_whole_number_does() {
    let lamp = Served::new().await;
    let dim = |level: Value| json!({"command": "dim", "params": {"level": level, "seconds": 2.5}});
    let (status, body) = lamp.command(dim(json!(50.0))).await;
    assert_eq!(
        (status, &body["result"]),
        (StatusCode::OK, &json!({"level": 50, "seconds": 2.5})),
        "{body}"
    );
    let (status, body) = lamp.command(dim(json!(50.5))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    let told = body.to_string();
    assert!(told.contains("50.5 is no whole number"), "{told}");

    let sent = lamp.post("/config", r#"{"transition_ms": 300.0, "label": "hall"}"#);
    assert_eq!(answer(sent).await.0, StatusCode::OK);
    let (_, body) = lamp.command(json!({"command": "settings"})).await;
    assert_eq!(body["result"], json!({"transition_ms": 300, "label": "hall"}));
}

/// axum#3478: half a body, and then the plugin is to stop.
#[tokio::test]
async fn c05_a_body_that_does_not_come_does_not_delay_the_stop() {
    let mut lamp = Served::new().await;
    let mut stream = TcpStream::connect(lamp.at).await.unwrap();
    let half =
        "POST /command HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(half.as_bytes()).await.unwrap();
    // Until the plugin reads it: what comes after it on another connection is answered.
    lamp.command(json!({"command": "trace"})).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    lamp.stop.take().unwrap().send(()).unwrap();
    let stopped = tokio::time::timeout(DEADLINE, &mut lamp.serving).await;
    stopped.unwrap().unwrap().unwrap();
    // The budget is ten seconds, and six of them are for commands.
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
}

/// hyper#2355: connections on which nobody asks anything.
#[tokio::test]
async fn c10_silent_connections_keep_nobody_from_the_health_check() {
    let lamp = Served::new().await;
    let mut silent = Vec::new();
    for _ in 0..600 {
        silent.push(TcpStream::connect(lamp.at).await.unwrap());
    }
    let began = Instant::now();
    let fresh = Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
    let asked = fresh
        .get(format!("http://{}/health", lamp.at))
        .send()
        .await
        .unwrap();
    assert_eq!(asked.status(), StatusCode::OK);
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    // Those that say nothing at all go by themselves.
    let last = silent.last_mut().unwrap();
    let ended = tokio::time::timeout(DEADLINE, last.read_to_end(&mut Vec::new())).await;
    assert!(ended.is_ok(), "it is closed long before an idle one that asked");
}

/// The tests of W3C Trace Context: of two headers neither counts, and the flag of random ids stays.
#[tokio::test]
async fn c12_two_traces_are_none_and_the_random_flag_is_kept() {
    let lamp = Served::new().await;
    let (first, second) = (
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03",
        "00-00000000000000000000000000000001-00f067aa0ba902b7-01",
    );
    let ask = || lamp.post("/command", r#"{"command": "trace"}"#);
    let (_, body) = answer(ask().header("traceparent", first)).await;
    assert!(body["result"].as_str().unwrap().ends_with("-03"), "{body}");
    let (_, body) = answer(ask().header("traceparent", first).header("traceparent", second)).await;
    let begun = body["result"].as_str().unwrap();
    for header in [first, second] {
        assert!(!begun.contains(&header[3..35]), "{begun}");
    }
}

/// n8n#35933, harper#1438: a byte order mark, and a body that is compressed.
#[tokio::test]
async fn c13_a_byte_order_mark_is_passed_over_and_compression_is_refused_by_name() {
    let lamp = Served::new().await;
    let (status, _) = answer(lamp.post("/command", "\u{feff}{\"command\": \"trace\"}")).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = answer(lamp.post("/config", "\u{feff}{\"label\": \"x\"}")).await;
    assert_eq!(status, StatusCode::OK);
    let compressed = lamp
        .post("/command", vec![0x1f, 0x8b])
        .header("content-encoding", "gzip");
    let (status, body) = answer(compressed).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(body.to_string().contains("gzip"), "{body}");
    let plain = lamp
        .post("/command", r#"{"command": "trace"}"#)
        .header("content-encoding", "identity");
    assert_eq!(answer(plain).await.0, StatusCode::OK);
}

/// compose#3768: a variable that nobody gave a value is set, and empty.
#[tokio::test]
async fn c07_an_empty_variable_is_absent() {
    let variables = [
        ("PLUGIN_ID", "lamp"),
        ("PORT", ""),
        ("HAP_CONFIG", ""),
        ("HAP_CONFIG_TRANSITION_MS", ""),
        ("HAP_CONFIG_LABEL", "hall"),
    ];
    let lamp = Served::with(Settings::from_vars(variables).unwrap()).await;
    let (_, body) = lamp.command(json!({"command": "settings"})).await;
    assert_eq!(body["result"], json!({"transition_ms": 0, "label": "hall"}));
    let pointed = [("PLUGIN_ID", "lamp"), ("HAP_CONFIG_TRANSITION_MS", "300.0")];
    let lamp = Served::with(Settings::from_vars(pointed).unwrap()).await;
    let (_, body) = lamp.command(json!({"command": "settings"})).await;
    assert_eq!(body["result"]["transition_ms"], 300);
}
