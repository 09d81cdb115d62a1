//! A plugin as a process whose spans go to a collector in this one.
//!
//! Without a test harness, since the plugin is this program started again, and takes no arguments.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, and says what it does"
)]

use std::process::{ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use bytes::Bytes;
use hap_plugin::{Context, NoStatus, Plugin, Reply, Result, Secret};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, stdin};
use tokio::net::TcpListener;
use tokio::process::{Child, Command as Process};
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

/// Tells this program to be the plugin.
const ROLE: &str = "HAP_TEST_OTEL";
const PASSWORD: &str = "hunter2-hunter2";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const DEADLINE: Duration = Duration::from_secs(20);

struct Lamp;

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Command {
    Dim { level: u8 },
    Explode {},
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    password: Secret<String>,
}

impl Plugin for Lamp {
    type Config = Config;
    type Command = Command;
    type Status = NoStatus;

    async fn start(&self, cx: &Context) -> Result<()> {
        let stop = cx.shutdown_token();
        cx.spawn("poll", async move { stop.cancelled().await });
        Ok(())
    }

    async fn command(&self, cx: &Context, command: Command) -> Result<Reply> {
        let Command::Dim { level } = command else {
            panic!("the bulb exploded")
        };
        let config = cx.config::<Self>()?;
        let password = config.password.expose();
        let dim = async {
            tracing::info!("logged in with {password}");
            cx.emit("lamp.dimmed", &level).await
        };
        dim.instrument(tracing::info_span!("bulb", level, password))
            .await?;
        Ok(Reply::text("dimmed"))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::var_os(ROLE).is_some() {
        // Ends with its input, so that nothing outlives the test.
        let end = async { drop(stdin().read_to_end(&mut Vec::new()).await) };
        return hap_plugin::serve(Lamp).with_graceful_shutdown(end).run().await;
    }
    println!("a request is a span of its caller's trace, and no secret is in it");
    a_request_is_a_span_of_its_callers_trace().await;
    println!("a collector that is away or refuses costs the plugin nothing");
    a_collector_that_is_away_or_refuses_costs_nothing().await;
    println!("an endpoint that cannot be used is told");
    an_endpoint_that_cannot_be_used_is_told().await;
    println!("the default encoding carries the trace too");
    the_default_encoding_carries_the_trace_too().await;
    println!("test result: ok");
    ExitCode::SUCCESS
}

async fn a_request_is_a_span_of_its_callers_trace() {
    let collector = Receiver::start(StatusCode::OK).await;
    let platform = Receiver::start(StatusCode::ACCEPTED).await;
    let lamp = LampProcess::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=key-of-the-collector"),
        ("PLATFORM_API_URL", platform.url.as_str()),
    ])
    .await;
    let traced = format!("00-{TRACE}-{PARENT}-01");
    assert_eq!(lamp.command("dim", Some(&traced)).await, 200);
    // Its caller does not want it recorded.
    assert_eq!(
        lamp.command("dim", Some(&format!("00-{TRACE}-{PARENT}-00")))
            .await,
        200
    );
    // Nobody has begun a trace.
    assert_eq!(lamp.command("explode", None).await, 500);
    let log = lamp.stop().await;

    let spans = collector.spans();
    let names: Vec<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    // Neither the checks of the health nor the background task, and nothing of the unrecorded request.
    assert_eq!(names, ["bulb", "POST /command", "POST /command"], "{spans:#?}");
    let (bulb, request, exploded) = (&spans[0], &spans[1], &spans[2]);
    assert_eq!(
        (&request["traceId"], &request["parentSpanId"], &request["kind"]),
        (&json!(TRACE), &json!(PARENT), &json!(2)),
        "{request:#}"
    );
    assert_eq!(
        (&bulb["traceId"], &bulb["parentSpanId"]),
        (&json!(TRACE), &request["spanId"]),
        "{bulb:#}"
    );
    assert_eq!(attribute(request, "http.response.status_code")["intValue"], "200");
    assert_eq!(attribute(bulb, "password")["stringValue"], "***");
    assert_ne!(exploded["traceId"], TRACE);
    assert_eq!(exploded["status"]["code"], 2, "{exploded:#}");

    // What the plugin tells others of within the trace is below its own span.
    let first: Value = serde_json::from_slice(&platform.bodies()[0].1).unwrap();
    // Alone, or in a batch with the next.
    let event = first.get(0).unwrap_or(&first);
    let told = format!("00-{TRACE}-{}-01", request["spanId"].as_str().unwrap());
    assert_eq!(event["traceparent"], told, "{event}");
    assert!(
        log.contains(TRACE) && log.contains(exploded["traceId"].as_str().unwrap()),
        "{log}"
    );
    assert!(!log.contains("otel.name") && !log.contains("otel.kind"), "{log}");

    let bodies = collector.bodies();
    let resource =
        serde_json::from_slice::<Value>(&bodies[0].1).unwrap()["resourceSpans"][0]["resource"].clone();
    assert_eq!(
        attribute(&resource, "service.name")["stringValue"],
        "lamp",
        "{resource:#}"
    );
    assert_eq!(attribute(&resource, "service.version")["stringValue"], "1.2.3");
    for (path, body) in bodies {
        assert_eq!(path, "/v1/traces");
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(!text.contains(PASSWORD), "{text}");
    }
    assert!(!log.contains(PASSWORD), "{log}");
}

async fn a_collector_that_is_away_or_refuses_costs_nothing() {
    let refusing = Receiver::start(StatusCode::BAD_REQUEST).await;
    let away = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    for url in [refusing.url.clone(), format!("http://{away}")] {
        let lamp = LampProcess::start(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url.as_str())]).await;
        assert_eq!(lamp.command("dim", None).await, 200);
        let begun = Instant::now();
        let log = lamp.stop().await;
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert!(
            log.contains("spans are lost") || log.contains("not exported"),
            "{log}"
        );
    }
}

async fn an_endpoint_that_cannot_be_used_is_told() {
    let lamp = LampProcess::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://me:hunter2@collector")]).await;
    assert_eq!(lamp.command("dim", None).await, 200);
    let log = lamp.stop().await;
    let told = "OTEL_EXPORTER_OTLP_ENDPOINT: it is not an http:// address; name a collector";
    assert!(log.contains(told) && !log.contains("hunter2@"), "{log}");
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ];
    let log = LampProcess::start(&environment).await.stop().await;
    assert!(log.contains("it is neither http/protobuf nor http/json"), "{log}");
    // Without a collector nobody misses one.
    let log = LampProcess::start(&[]).await.stop().await;
    assert!(!log.contains("span"), "{log}");
}

async fn the_default_encoding_carries_the_trace_too() {
    let collector = Receiver::start(StatusCode::OK).await;
    let lamp = LampProcess::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str())]).await;
    assert_eq!(
        lamp.command("dim", Some(&format!("00-{TRACE}-{PARENT}-01")))
            .await,
        200
    );
    lamp.stop().await;
    let bodies = collector.bodies();
    let trace: Vec<u8> = (0..TRACE.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&TRACE[at..at + 2], 16).unwrap())
        .collect();
    let carried = |(_, body): &(String, Bytes)| body.windows(trace.len()).any(|bytes| bytes == trace);
    assert!(bodies.iter().any(carried), "{bodies:?}");
}

fn attribute(of: &Value, key: &str) -> Value {
    let attributes = of["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    found.map_or(Value::Null, |found| found["value"].clone())
}

/// Keeps the bodies that it receives.
#[derive(Clone)]
struct Receiver {
    url: String,
    received: Arc<Mutex<Vec<(String, Bytes)>>>,
    answer: StatusCode,
}

impl Receiver {
    async fn start(answer: StatusCode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            received: Arc::default(),
            answer,
        };
        let router = Router::new().fallback(receive).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    fn bodies(&self) -> Vec<(String, Bytes)> {
        self.received.lock().unwrap().clone()
    }

    /// All spans, those that ended first in front.
    fn spans(&self) -> Vec<Value> {
        let all = self.bodies().into_iter().flat_map(|(_, body)| {
            let body: Value = serde_json::from_slice(&body).unwrap();
            let scopes = body["resourceSpans"][0]["scopeSpans"].as_array().unwrap().clone();
            scopes
                .into_iter()
                .flat_map(|scope| scope["spans"].as_array().unwrap().clone())
        });
        all.collect()
    }
}

async fn receive(State(receiver): State<Receiver>, uri: Uri, body: Bytes) -> StatusCode {
    receiver
        .received
        .lock()
        .unwrap()
        .push((uri.path().to_owned(), body));
    receiver.answer
}

/// The lamp's process.
struct LampProcess {
    child: Child,
    url: String,
    http: reqwest::Client,
}

impl LampProcess {
    async fn start(environment: &[(&str, &str)]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = Process::new(std::env::current_exe().unwrap())
            .env_clear()
            .env(ROLE, "plugin")
            .env("PLUGIN_ID", "lamp")
            .env("PLUGIN_VERSION", "1.2.3")
            .env("PORT", port.to_string())
            .env("HAP_CONFIG", json!({ "password": PASSWORD }).to_string())
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lamp = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        let begun = Instant::now();
        while !lamp.is_healthy().await {
            assert!(begun.elapsed() < DEADLINE, "the lamp does not turn healthy");
            sleep(Duration::from_millis(10)).await;
        }
        lamp
    }

    async fn is_healthy(&self) -> bool {
        let answer = self.http.get(format!("{}/health", self.url)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    async fn command(&self, name: &str, traceparent: Option<&str>) -> u16 {
        let request = self
            .http
            .post(format!("{}/command", self.url))
            .json(&json!({"command": name, "params": {"level": 40}}));
        let request = match traceparent {
            Some(traceparent) => request.header("traceparent", traceparent),
            None => request,
        };
        request.send().await.unwrap().status().as_u16()
    }

    /// Stops it; what it logged.
    async fn stop(mut self) -> String {
        drop(self.child.stdin.take());
        let mut log = String::new();
        let mut output = self.child.stdout.take().unwrap();
        let ended = timeout(DEADLINE, async {
            output.read_to_string(&mut log).await.unwrap();
            self.child.wait().await.unwrap()
        });
        let status: ExitStatus = ended.await.unwrap();
        assert!(status.success(), "{status}: {log}");
        log
    }
}
