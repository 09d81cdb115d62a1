//! The routes, driven in process.

mod auth;
mod command;
mod config;
mod custom_routes;
mod describe;
mod health;
mod layers;
mod log;
mod openapi;
mod secrets;
mod stop;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Notify;
use tower::ServiceExt as _;

use crate::api::{Context, Health, Plugin, Reply};
use crate::config::Configuration;
use crate::error::{Fault, Result};
use crate::server::auth::TokenCheck;
use crate::server::custom_routes::CustomRoutes;
use crate::server::router::dispatcher;
use crate::server::schemas::Schemas;
use crate::server::service::Service;
use crate::settings::Settings;

/// A plugin that does whatever a test needs.
#[derive(Default, Clone)]
struct Lamp(Arc<LampState>);

#[derive(Default)]
struct LampState {
    finished: AtomicUsize,
    started: Notify,
    go: Notify,
    configs: Mutex<Vec<u8>>,
    configuring: AtomicUsize,
    stopped: AtomicUsize,
    unwell: AtomicUsize,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Command {
    Ping,
    Dim {
        #[serde(default)]
        level: u8,
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        scenes: Vec<Scene>,
    },
    Wait {
        ms: u64,
    },
    UntilGo,
    Panic,
    Break,
    Refuse,
    Request,
}

#[derive(Deserialize, JsonSchema)]
struct Scene {
    #[expect(dead_code, reason = "only read")]
    room: String,
}

#[derive(Deserialize, JsonSchema)]
struct Config {
    level: u8,
    #[serde(default)]
    ms: u64,
}

#[derive(Serialize, JsonSchema)]
struct Status {
    level: u8,
}

impl Plugin for Lamp {
    type Config = Config;
    type Command = Command;
    type Status = Status;

    fn health(&self) -> Health {
        match self.0.unwell.load(Ordering::SeqCst) {
            0 => Health::healthy(),
            1 => Health::degraded("one bulb is dark"),
            2 => Health::unhealthy("all bulbs are dark"),
            _ => panic!("no idea"),
        }
    }

    async fn command(&self, cx: &Context, command: Command) -> Result<Reply> {
        let reply = match command {
            Command::Ping => Reply::text("pong"),
            Command::Dim { level, .. } => Reply::text("dimmed").with_data("level", level),
            Command::Wait { ms } => {
                self.0.started.notify_one();
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Reply::text("waited")
            }
            Command::UntilGo => {
                self.0.started.notify_one();
                self.0.go.notified().await;
                Reply::text("went")
            }
            Command::Panic => panic!("the bulb exploded"),
            Command::Break => Reply::json("not a number".parse::<u8>()?)?,
            Command::Refuse => return Err(Fault::rejected("no_bulb", "there is no bulb").with_status(409)),
            Command::Request => Reply::json(serde_json::json!({
                "id": cx.request_id(),
                "trace": cx.trace_parent().map(|trace| trace.to_string()),
                "time_left_ms": cx.time_left().map(|left| u64::try_from(left.as_millis()).unwrap()),
            }))?,
        };
        self.0.finished.fetch_add(1, Ordering::SeqCst);
        Ok(reply)
    }

    async fn status(&self, _: &Context) -> Result<Status> {
        Ok(Status {
            level: self.0.configs.lock().unwrap().last().copied().unwrap_or_default(),
        })
    }

    async fn configure(&self, _: &Context, config: Config) -> Result<()> {
        assert_eq!(
            self.0.configuring.fetch_add(1, Ordering::SeqCst),
            0,
            "configurations overlap"
        );
        tokio::time::sleep(Duration::from_millis(config.ms)).await;
        self.0.configuring.fetch_sub(1, Ordering::SeqCst);
        if config.level > 100 {
            return Err(Fault::rejected("too_bright", "the level is at most 100").with_path("level"));
        }
        self.0.configs.lock().unwrap().push(config.level);
        Ok(())
    }

    async fn stop(&self, _: &Context) {
        self.0.stopped.fetch_add(1, Ordering::SeqCst);
    }
}

fn settings() -> Settings {
    Settings::new("lamp".parse().unwrap()).with_version("1.2.3")
}

/// A running plugin with its service, whose life a test can steer.
struct Running {
    lamp: Lamp,
    service: Arc<Service<Lamp>>,
    router: Router,
}

impl Running {
    async fn start(settings: Settings) -> Self {
        let running = Self::assemble(settings).await;
        running.service.start().await.unwrap();
        running
    }

    async fn assemble(settings: Settings) -> Self {
        let lamp = Lamp::default();
        let token = settings.token.clone();
        let schemas = Schemas::of::<Lamp>().unwrap();
        let mut problems = Vec::new();
        let config = Configuration::read(
            &settings,
            schemas.config(),
            schemas.config_bounds::<Lamp>(),
            &mut problems,
        );
        assert!(problems.is_empty(), "{problems:?}");
        let service = Service::assemble(lamp.clone(), settings, schemas, config)
            .await
            .unwrap();
        let router =
            dispatcher(&service, TokenCheck::new(token, false), CustomRoutes::default()).into_router();
        Self {
            lamp,
            service,
            router,
        }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.router.clone().oneshot(request).await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(post(path, body)).await
    }

    async fn command(&self, body: &str) -> Answer {
        self.post("/command", body).await
    }
}

fn post(path: &str, body: &str) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    json: Value,
    text: String,
}

impl Answer {
    async fn of(response: axum::response::Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Self {
            status: parts.status,
            headers: parts.headers,
            json: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        }
    }

    /// Checks the shape that every refusal has.
    #[track_caller]
    fn check_refusal(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), &self.json["code"]),
            (status, &Value::from(code)),
            "{self:?}"
        );
        assert_eq!(self.json["success"], false, "{self:?}");
        assert!(self.json["error"].is_string(), "{self:?}");
    }

    #[track_caller]
    fn check_ok(&self, result: &str) {
        assert_eq!(
            (self.status.as_u16(), &self.json["success"]),
            (200, &Value::Bool(true)),
            "{self:?}"
        );
        assert_eq!(self.json["result"], result, "{self:?}");
    }
}
