//! The router as an embedder mounts it, over the fake engine. Every answer is checked against the
//! OpenAPI document.
#![cfg(feature = "testing")]

mod choices;
mod hostile;
mod install;
mod life;
mod openapi;
mod origin;
mod orphans;
mod roles;
mod routes;
mod streams;
mod talk;
mod versions;
mod watch;

use std::{sync::LazyLock, time::Duration};

use axum::{
    Router,
    body::{Body, BodyDataStream},
    http::{HeaderMap, Request, StatusCode, header},
    response::Response,
};
use futures_util::StreamExt as _;
use hap_manifest::{Manifest, PluginId};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{router, sse::Streams, state::Api};
use crate::{
    engine::fake::FakeEngine, model::phase::Phase, plugin::handle::PluginHandle, supervisor::Supervisor,
};

/// Longest wait for anything here. Generous, because the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&super::openapi::text()).unwrap());

/// A supervisor over the fake engine, and its management API below `/api`.
struct Bed {
    engine: FakeEngine,
    supervisor: Supervisor,
    router: Router,
    streams: Streams,
    state: tempfile::TempDir,
}

impl Bed {
    async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    async fn with(
        change: impl FnOnce(
            crate::supervisor::builder::SupervisorBuilder,
        ) -> crate::supervisor::builder::SupervisorBuilder,
    ) -> Self {
        let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
        let builder = Supervisor::builder(engine.clone(), state.path());
        let supervisor = change(builder).start().await.unwrap();
        let streams = Streams::new(&supervisor);
        let api = router::build(Api {
            supervisor: supervisor.clone(),
            streams: streams.clone(),
            options: std::sync::Arc::default(),
            uploads: std::sync::Arc::new(tokio::sync::Semaphore::new(super::state::UPLOADS)),
            document: super::openapi::text().into(),
        });
        Self {
            engine,
            supervisor,
            router: Router::new().nest("/api", api),
            streams,
            state,
        }
    }

    async fn installed(&self, id: &str) -> PluginHandle {
        self.installed_with(id, "").await
    }

    /// With more fields of the manifest. It is known to be stopped.
    async fn installed_with(&self, id: &str, extra: &str) -> PluginHandle {
        let plugin = self.supervisor.install(manifest(id, extra)).await.unwrap();
        let stopped = plugin.wait_for(|state| state.phase == Phase::Stopped);
        tokio::time::timeout(DEADLINE, stopped).await.unwrap().unwrap();
        plugin
    }

    /// A light whose password is `hunter2`.
    async fn secretive(&self) -> PluginHandle {
        let light = self.installed_with("light", SECRETIVE).await;
        // It does not run yet: they are kept.
        light.configure(json!({"password": "hunter2"})).await.unwrap_err();
        light
    }

    /// Serves a plugin's API for real, from its next start on.
    async fn serve(&self, plugin: &PluginId, router: Router) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.engine.set_address(plugin, listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Body::empty()).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], Body::empty()).await
    }

    /// A call that takes nothing in its body.
    async fn act(&self, path: &str) -> Answer {
        self.send("POST", path, &[JSON], Body::empty()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[JSON], Body::from(body.to_string()))
            .await
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &[JSON], Body::from(body.to_string()))
            .await
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let response = self.response(method, path, headers, body).await;
        let answer = Answer::of(response).await;
        check(method, path, &answer);
        answer
    }

    async fn follow(&self, path: &str, headers: &[(&str, &str)]) -> Items {
        let response = self.response("GET", path, headers, Body::empty()).await;
        Items::of(response)
    }

    async fn response(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Response {
        let mut request = Request::builder().method(method).uri(format!("/api{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let call = self.router.clone().oneshot(request.body(body).unwrap());
        tokio::time::timeout(DEADLINE, call).await.unwrap().unwrap()
    }
}

const SECRETIVE: &str = r#","secrets":["password"]"#;

const JSON: (&str, &str) = ("content-type", "application/json");
const ZIP: (&str, &str) = ("content-type", "application/zip");

fn manifest(id: &str, extra: &str) -> Manifest {
    Manifest::from_json(&manifest_text(id, extra)).unwrap().manifest
}

fn manifest_text(id: &str, extra: &str) -> String {
    format!(
        r#"{{"id":"{id}","name":"Plugin","version":"1.0.0","description":"d","author":"a","image":"plugin:1"{extra}}}"#
    )
}

/// A complete answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
    /// Null where the body is no JSON.
    json: Value,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (head, body) = response.into_parts();
        let read = axum::body::to_bytes(body, 16 << 20);
        let bytes = tokio::time::timeout(DEADLINE, read).await.unwrap().unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            json: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        }
    }

    /// The code of a refusal by the host itself.
    #[track_caller]
    fn refused(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.json["success"], false, "{}", self.text);
        assert_eq!(self.json["refused_by"], "host", "{}", self.text);
        assert!(!self.json["error"].as_str().unwrap().is_empty());
        self.json["code"].as_str().unwrap()
    }

    #[track_caller]
    fn good(&self) -> &Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text);
        &self.json
    }

    fn error(&self) -> &str {
        self.json["error"].as_str().unwrap_or_default()
    }
}

/// Checks an answer against what the document says of its path, method and status.
#[track_caller]
fn check(method: &str, path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap();
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let found = paths.iter().find(|(template, _)| {
        let (mut ours, mut theirs) = (path.split('/'), template.split('/'));
        let alike = ours
            .by_ref()
            .zip(theirs.by_ref())
            .all(|(ours, theirs)| (theirs == "{id}" && !ours.is_empty()) || ours == theirs);
        alike
            && ours.next().is_none()
            && theirs.next().is_none()
            && path.matches('/').count() == template.matches('/').count()
    });
    let operation = found.map(|(_, path)| &path[method.to_ascii_lowercase()]);
    let Some(operation) = operation.filter(|operation| operation.is_object()) else {
        assert!(
            matches!(answer.status, 404 | 405),
            "{method} {path}: {}",
            answer.text
        );
        return;
    };
    let mut response = &operation["responses"][answer.status.to_string()];
    if response.is_null() {
        assert!(
            answer.status >= 400,
            "{method} {path} answers {} and does not say so",
            answer.status
        );
        response = &operation["responses"]["default"];
    } else if answer.status >= 400 && answer.json["refused_by"] == "host" {
        let code = answer.json["code"].as_str().unwrap();
        let described = response["description"].as_str().unwrap();
        assert!(
            described.contains(&format!("`{code}`")),
            "{method} {path}: {code} is not in {described:?}"
        );
    }
    let schema = &response["content"]["application/json"]["schema"];
    if schema.is_object() {
        check_schema(schema, &answer.json);
    }
}

#[track_caller]
fn check_schema(schema: &Value, value: &Value) {
    let whole = json!({ "components": DOCUMENT["components"], "allOf": [schema] });
    let validator = jsonschema::draft202012::new(&whole).unwrap();
    if let Err(error) = validator.validate(value) {
        panic!("{value} does not fit {schema}: {error}");
    }
}

/// The items of a stream, as its reader sees them.
struct Items {
    body: BodyDataStream,
    text: String,
}

#[derive(Debug)]
struct Item {
    event: String,
    id: Option<String>,
    data: Value,
}

impl Items {
    #[track_caller]
    fn of(response: Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    /// The next item that is more than a comment; `None` at the end.
    async fn next(&mut self) -> Option<Item> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let item = parse(block);
                self.text = rest.to_owned();
                if item.is_some() {
                    return item;
                }
            }
            let piece = tokio::time::timeout(DEADLINE, self.body.next()).await.unwrap();
            self.text.push_str(std::str::from_utf8(&piece?.unwrap()).unwrap());
        }
    }

    /// The next item, which has this name.
    async fn expect(&mut self, event: &str) -> Item {
        let item = self.next().await.unwrap();
        assert_eq!(item.event, event, "{item:?}");
        item
    }
}

fn parse(block: &str) -> Option<Item> {
    let field = |name: &str| {
        block
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
    };
    Some(Item {
        event: field("event")?,
        id: field("id"),
        data: serde_json::from_str(&field("data")?).unwrap(),
    })
}
