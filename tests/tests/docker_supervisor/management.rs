//! The management API, served on loopback and spoken to by an HTTP client.

use std::net::Ipv4Addr;

use hap_host::{ShutdownMode, Supervisor};
use hap_manifest::package::{PackOptions, pack};
use hap_tests::docker::Instance;
use reqwest::{Client, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::{DEADLINE, light, supervisor};

/// The API at its address, as a caller sees it.
struct Caller {
    http: Client,
    base: String,
}

impl Caller {
    async fn new(supervisor: &Supervisor) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap();
        let base = format!("http://{}/api/v1", listener.local_addr().unwrap());
        let app = axum::Router::new().nest("/api", supervisor.management_router());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let http = Client::builder().no_proxy().build().unwrap();
        Self { http, base }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A call that takes nothing in its body.
    async fn act(&self, path: &str) -> Value {
        let request = self.http.post(self.url(path));
        good(request.header(header::CONTENT_TYPE, "application/json")).await
    }

    async fn get(&self, path: &str) -> Value {
        good(self.http.get(self.url(path))).await
    }
}

async fn send(request: RequestBuilder) -> Response {
    tokio::time::timeout(DEADLINE, request.send())
        .await
        .unwrap()
        .unwrap()
}

async fn good(request: RequestBuilder) -> Value {
    let response = send(request).await;
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// Reads a stream until this stands in it.
async fn read_until(response: &mut Response, wanted: &str) -> String {
    let mut text = String::new();
    let reading = async {
        while !text.contains(wanted) {
            let piece = response.chunk().await.unwrap();
            let piece = piece.unwrap_or_else(|| panic!("the stream ended without {wanted:?}: {text}"));
            text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    };
    tokio::time::timeout(DEADLINE, reading).await.unwrap();
    text
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_light_lives_its_whole_life_over_http() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let supervisor = supervisor(&instance, state.path()).await;
    let caller = Caller::new(&supervisor).await;
    supervisor.measure_isolation().await.unwrap();
    let health = caller.get("/health").await;
    assert_eq!(health["engine"]["isolation"], true, "{health}");
    assert_eq!(health["isolation"]["state"], "holds", "{health}");

    let folder = light::folder().await;
    let package = pack(folder.path(), &PackOptions::new()).unwrap().into_bytes();
    let upload = |http: &Client| {
        http.post(caller.url("/plugins"))
            .header(header::CONTENT_TYPE, "application/zip")
            .body(package.clone())
    };
    let mut installing = send(upload(&caller.http).header(header::ACCEPT, "text/event-stream")).await;
    let told = read_until(&mut installing, "event: installed").await;
    assert!(told.contains(r#""stage":"building""#), "{told}");
    let again = send(upload(&caller.http)).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    assert_eq!(
        std::fs::read_dir(state.path().join("staging")).unwrap().count(),
        0
    );

    let mut happened = send(caller.http.get(caller.url("/events?plugin=light"))).await;
    let mut sent = send(caller.http.get(caller.url("/plugin-events?plugin=light"))).await;
    assert_eq!(caller.act("/plugins/light/start").await["phase"], "healthy");
    read_until(&mut happened, r#""to":"healthy""#).await;

    let command = |body: Value| caller.http.post(caller.url("/plugins/light/command")).json(&body);
    let answer = good(command(
        json!({"command": "set_brightness", "params": {"level": 40}}),
    ))
    .await;
    assert_eq!(answer["success"], true);
    read_until(&mut sent, r#""plugin":"light""#).await;
    let refused = send(command(
        json!({"command": "set_brightness", "params": {"level": 400}}),
    ))
    .await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(
        (&refused["refused_by"], &refused["code"]),
        (&json!("plugin"), &json!("invalid_params"))
    );

    let config = caller.http.put(caller.url("/plugins/light/config"));
    let taken = good(config.json(&json!({"default_brightness": 70, "transition_ms": 100}))).await;
    assert_eq!(taken["delivered"], true);
    let status = caller.get("/plugins/light/status").await;
    assert!(status.to_string().contains("70"), "{status}");
    assert!(
        caller.get("/plugins/light/usage").await["memory_bytes"]
            .as_u64()
            .unwrap()
            > 0
    );

    let mut logs = send(
        caller
            .http
            .get(caller.url("/plugins/light/logs/stream?tail=1000")),
    )
    .await;
    read_until(&mut logs, "event: line").await;
    let lines = caller.get("/plugins/light/logs?tail=1").await;
    assert_eq!(lines["lines"].as_array().unwrap().len(), 1);
    assert_eq!(caller.act("/plugins/light/stop").await["phase"], "stopped");
    // The stream goes on with the next run, and ends with the plugin.
    caller.act("/plugins/light/start").await;
    read_until(&mut logs, r#""source":"host""#).await;
    read_until(&mut logs, "event: line").await;

    let removed = good(caller.http.delete(caller.url("/plugins/light?remove_data=true"))).await;
    assert_eq!(removed, json!({"id": "light", "data_removed": true}));
    read_until(&mut logs, r#"{"reason":"no_more"}"#).await;
    let gone = send(caller.http.get(caller.url("/plugins/light"))).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    read_until(&mut happened, "shutting_down").await;
}
