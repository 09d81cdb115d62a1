use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use axum::Router;
use axum::body::{Body, to_bytes};
use hap_manifest::PluginId;
use http::{Method, Request, header};
use serde::Serialize;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{TestPlatform, TestReply};
use crate::{Plugin, Settings, StartError};

/// Largest answer that is read, in bytes: 16 MiB.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

type Stop = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A plugin that was started for a test, with the platform that its events go to.
///
/// Requests go through the real routes, with all their checks, in memory. Dropping it is a crash: nothing is drained
/// and nothing said goodbye to. [`stop`](Self::stop) is the orderly way.
pub struct TestPlugin {
    router: Router,
    platform: TestPlatform,
    stop: Stop,
}

impl TestPlugin {
    /// Starts a plugin with the id `test`, without a data directory, on a platform of its own.
    ///
    /// # Errors
    /// As [`into_router`](crate::into_router).
    pub async fn start<P: Plugin>(plugin: P) -> Result<Self, StartError> {
        Self::builder().start(plugin).await
    }

    /// For more than the defaults: a data directory, a platform that is shared, settings.
    pub fn builder() -> TestPluginBuilder {
        TestPluginBuilder::default()
    }

    /// Sends a command. `params` is anything that serialises to JSON; `()` sends `null`.
    ///
    /// # Panics
    /// When `params` cannot be written as JSON.
    pub async fn command(&self, name: &str, params: impl Serialize) -> TestReply {
        let body = json!({"command": name, "params": params_of(params)});
        self.request(Method::POST, "/command", Some(&body)).await
    }

    /// Sends settings.
    ///
    /// # Panics
    /// When they cannot be written as JSON.
    pub async fn configure(&self, config: impl Serialize) -> TestReply {
        let body = params_of(config);
        self.request(Method::POST, "/config", Some(&body)).await
    }

    /// Asks for the status.
    pub async fn status(&self) -> TestReply {
        self.request(Method::GET, "/status", None).await
    }

    /// Asks for the health.
    pub async fn health(&self) -> TestReply {
        self.request(Method::GET, "/health", None).await
    }

    /// Sends any request, with a JSON body where one is given.
    ///
    /// # Panics
    /// When `path` is no path.
    pub async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> TestReply {
        let request = Request::builder().method(method).uri(path);
        let request = match body {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        #[expect(clippy::expect_used, reason = "a test that names no path is wrong itself")]
        self.send(request.expect("the path is a path")).await
    }

    /// Sends a request that was made by hand: with other headers, or a body that is no JSON.
    ///
    /// # Panics
    /// When the answer has more than 16 MiB.
    #[expect(clippy::expect_used, reason = "an answer that cannot be read fails the test")]
    pub async fn send(&self, request: Request<Body>) -> TestReply {
        let answer = match self.router.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let (head, body) = answer.into_parts();
        let body = to_bytes(body, MAX_ANSWER).await.expect("the answer can be read");
        TestReply::new(head.status, head.headers, &body)
    }

    /// The platform that the plugin sends its events to.
    #[must_use]
    pub const fn platform(&self) -> &TestPlatform {
        &self.platform
    }

    /// Stops the plugin as SIGTERM does: refuses new commands, finishes running ones, calls
    /// [`Plugin::stop`] and delivers the last events.
    pub async fn stop(self) {
        (self.stop)().await;
    }
}

impl fmt::Debug for TestPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestPlugin")
            .field("platform", &self.platform)
            .finish_non_exhaustive()
    }
}

/// Says how a plugin is started for a test.
#[derive(Debug, Default)]
#[must_use = "nothing happens until `start`"]
pub struct TestPluginBuilder {
    platform: TestPlatform,
    settings: Option<Settings>,
    data_dir: Option<std::path::PathBuf>,
}

impl TestPluginBuilder {
    /// Gives the plugin a directory that outlives it, so that a second start finds what the first one left.
    pub fn data_dir(self, dir: impl AsRef<Path>) -> Self {
        Self {
            data_dir: Some(dir.as_ref().to_owned()),
            ..self
        }
    }

    /// Lets the plugin send its events to a platform that the test has already.
    pub fn platform(self, platform: &TestPlatform) -> Self {
        Self {
            platform: platform.clone(),
            ..self
        }
    }

    /// Other settings than those of a plugin with the id `test`. A platform address in them is not used.
    pub fn settings(self, settings: Settings) -> Self {
        Self {
            settings: Some(settings),
            ..self
        }
    }

    /// Starts the plugin.
    ///
    /// # Errors
    /// As [`into_router`](crate::into_router).
    pub async fn start<P: Plugin>(self, plugin: P) -> Result<TestPlugin, StartError> {
        let settings = match self.settings {
            Some(settings) => settings,
            None => {
                Settings::new(PluginId::new("test").map_err(|error| StartError::lasting(error.to_string()))?)
            }
        };
        let mut settings = settings.with_test_platform(self.platform.clone());
        if let Some(dir) = self.data_dir {
            settings = settings.with_data_dir(dir);
        }
        let (router, service) = crate::serve(plugin).settings(settings).started().await?;
        Ok(TestPlugin {
            router,
            platform: self.platform,
            stop: Box::new(move || Box::pin(async move { service.stop(true).await })),
        })
    }
}

#[expect(clippy::expect_used, reason = "what is no JSON is a mistake in the test")]
fn params_of(value: impl Serialize) -> Value {
    serde_json::to_value(value).expect("the value can be written as JSON")
}
