use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use hap_manifest::wire::Event;
use http::{Method, Request, header};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tower::ServiceExt as _;

use crate::api::Plugin;
use crate::error::StartError;
use crate::server::{HiddenCause, Serve, Service};
use crate::settings::TestPlatform;
use crate::testing::builder::TestPluginBuilder;
use crate::testing::reply::TestReply;

/// Largest answer that is read, in bytes: 16 MiB.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// Longest wait for events that were emitted to be delivered. With paused time it passes at once.
const PATIENCE: Duration = Duration::from_secs(60 * 60);
/// Pauses between two looks at what is not delivered yet: they double, so that an hour of paused
/// time has few of them.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_secs(10);

type Ended<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The running plugin, without its type.
trait Running: Send + Sync {
    fn stop(&self) -> Ended<'_>;
    fn crash(&self) -> Ended<'_>;
    fn pending_events(&self) -> u64;
    fn without_secrets(&self, text: &str) -> String;
}

impl<P: Plugin> Running for Service<P> {
    fn stop(&self) -> Ended<'_> {
        Box::pin(self.stop(true))
    }

    fn crash(&self) -> Ended<'_> {
        Box::pin(self.crash())
    }

    fn pending_events(&self) -> u64 {
        self.pending_events()
    }

    fn without_secrets(&self, text: &str) -> String {
        self.without_secrets(text)
    }
}

/// A plugin that was started for a test, with the platform that its events go to.
///
/// Requests go through the real routes, with all their checks, in memory. [`stop`](Self::stop) and
/// [`restart`](Self::restart) are what a host does, [`crash`](Self::crash) what a kill does;
/// dropping it is a crash that nobody waits for.
///
/// The [module](crate::testing) has a whole test. What a plugin keeps over a kill:
///
/// ```
/// use hap_plugin::{Plugin, StartError, serde_json::json, testing::TestPlugin};
///
/// async fn settings_survive<P: Plugin>(first: P, second: P) -> Result<(), StartError> {
///     let plugin = TestPlugin::builder().temporary_data_dir().start(first).await?;
///     plugin.configure(json!({"volume": 30})).await.assert_success();
///     let plugin = plugin.crash_and_restart(second).await?;
///     assert_eq!(plugin.health().await.pointer("/status"), "healthy");
///     Ok(())
/// }
/// ```
pub struct TestPlugin {
    router: Router,
    builder: TestPluginBuilder,
    running: Arc<dyn Running>,
}

impl TestPlugin {
    /// Starts a plugin with the id `test`, without a data directory and a token, on a platform of
    /// its own.
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

    /// Sends any request, with a JSON body where one is given, and with the token where the
    /// settings have one.
    ///
    /// # Panics
    /// When `path` is no path.
    pub async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> TestReply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = self.builder.token() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let request = match body {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        #[expect(clippy::expect_used, reason = "a test that names no path is wrong itself")]
        self.send(request.expect("the path is a path")).await
    }

    /// Sends a request that was made by hand and nothing is added to: with other headers, without
    /// the token, or with a body that is no JSON.
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
        let cause = head.extensions.get::<HiddenCause>();
        let cause = cause.map(|cause| self.running.without_secrets(&cause.0));
        TestReply::new(head.status, head.headers, &body, cause)
    }

    /// The platform that the plugin sends its events to.
    #[must_use]
    pub fn platform(&self) -> &TestPlatform {
        self.builder.test_platform()
    }

    /// All events that the platform has, after everything that was emitted until now has been
    /// delivered.
    ///
    /// # Panics
    /// When something is still not delivered after an hour, as with a platform that is away; it
    /// tells the types that are, and the line of the test. Paused time passes that hour at once.
    #[track_caller]
    pub fn events(&self) -> impl Future<Output = Vec<Event>> + Send {
        let place = Location::caller();
        async move {
            let deadline = Instant::now() + PATIENCE;
            let mut pause = FIRST_LOOK;
            loop {
                let pending = self.running.pending_events();
                if pending == 0 {
                    return self.platform().events();
                }
                assert!(
                    Instant::now() < deadline,
                    "{pending} events wait for the platform, which acknowledged {} (asked for at {place})",
                    self.platform().came()
                );
                sleep(pause).await;
                pause = (pause * 2).min(LAST_LOOK);
            }
        }
    }

    /// Stops the plugin as SIGTERM does: refuses new commands, finishes running ones, calls
    /// [`Plugin::stop`] and delivers the last events.
    pub async fn stop(self) {
        self.running.stop().await;
    }

    /// Ends the plugin as `kill -9` does: running commands and background tasks are dropped where
    /// they are, nothing is drained or said goodbye to.
    ///
    /// Threads and tasks that the author started other than by
    /// [`Context::spawn`](crate::Context::spawn) are not known here and go on.
    pub async fn crash(self) {
        self.running.crash().await;
    }

    /// Stops the plugin in order and starts another value of it in the same surroundings: the same
    /// data directory, settings and platform.
    ///
    /// # Errors
    /// As [`into_router`](crate::into_router).
    pub async fn restart<P: Plugin>(self, plugin: P) -> Result<Self, StartError> {
        let builder = self.builder.clone();
        self.stop().await;
        builder.start(plugin).await
    }

    /// [Crashes](Self::crash) the plugin and starts another value of it in the same surroundings.
    ///
    /// # Errors
    /// As [`into_router`](crate::into_router).
    pub async fn crash_and_restart<P: Plugin>(self, plugin: P) -> Result<Self, StartError> {
        let builder = self.builder.clone();
        self.crash().await;
        builder.start(plugin).await
    }
}

impl TestPluginBuilder {
    /// Starts the plugin.
    ///
    /// # Errors
    /// As [`into_router`](crate::into_router).
    pub async fn start<P: Plugin>(self, plugin: P) -> Result<TestPlugin, StartError> {
        self.start_serve(crate::server::serve(plugin)).await
    }

    /// Starts a plugin that has [routes](Serve::routes) or [layers](Serve::layer) of its own, as
    /// its `main` makes it.
    ///
    /// Settings, address and shutdown of `serve` are not used.
    ///
    /// # Errors
    /// As [`into_router`](crate::into_router).
    pub async fn start_serve<P: Plugin>(self, serve: Serve<P>) -> Result<TestPlugin, StartError> {
        let settings = self.settings_under_test()?;
        let (router, service) = serve.settings(settings).started().await?;
        Ok(TestPlugin::new(self, router, service))
    }
}

impl TestPlugin {
    fn new<P: Plugin>(builder: TestPluginBuilder, router: Router, running: Arc<Service<P>>) -> Self {
        Self {
            router,
            builder,
            running,
        }
    }

    #[cfg(test)]
    pub(super) fn router(&self) -> Router {
        self.router.clone()
    }
}

impl fmt::Debug for TestPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestPlugin")
            .field("platform", self.platform())
            .finish_non_exhaustive()
    }
}

#[expect(clippy::expect_used, reason = "what is no JSON is a mistake in the test")]
fn params_of(value: impl Serialize) -> Value {
    serde_json::to_value(value).expect("the value can be written as JSON")
}
