//! [`Context`], what a plugin's methods get at hand.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use hap_manifest::{PluginId, TraceParent};
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::api::tasks::Tasks;
use crate::config::{ConfigChanges, Current, Held};
use crate::error::{Fault, Result};
use crate::events::{EmitError, EventClient, EventDraft};
use crate::settings::Settings;
use crate::storage::StateDir;
use crate::telemetry::RequestContext;

/// Who the plugin is, its events, and the request it is answering. Cloning is cheap.
///
/// Every hook of a [`Plugin`](crate::Plugin) gets one. A background task takes a clone:
///
/// ```
/// use hap_plugin::{Context, Result};
///
/// async fn pair(cx: &Context) -> Result<()> {
///     // Kept in the data directory, and given back after a restart.
///     let devices: Vec<String> = cx.load("devices.json").await?.unwrap_or_default();
///     tracing::info!(plugin = cx.name(), known = devices.len(), "pairing");
///     cx.save("devices.json", &devices).await?;
///     cx.emit("bridge.paired", &devices.len()).await?;
///
///     let (task_cx, stop) = (cx.clone(), cx.shutdown_token());
///     cx.spawn("announce", async move {
///         stop.cancelled().await;
///         let _ = task_cx.try_emit("bridge.leaving", &());
///     });
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Context {
    shared: Arc<Shared>,
    // `None` outside of a request.
    request: Option<Request>,
}

#[derive(Clone)]
struct Request {
    request_context: Arc<RequestContext>,
    deadline: Instant,
    // What was in force when it began.
    config: Option<Held>,
}

struct Shared {
    settings: Settings,
    events: EventClient,
    config: Arc<Current>,
    state: StateDir,
    shutdown: CancellationToken,
    tasks: Arc<Tasks>,
}

impl Context {
    /// `shutdown` is cancelled when the plugin begins to stop, `kill` when it has no more time.
    pub(crate) fn new(
        settings: Settings,
        events: EventClient,
        config: Arc<Current>,
        shutdown: CancellationToken,
        kill: CancellationToken,
    ) -> Self {
        let shared = Shared {
            state: StateDir::new(settings.data_dir()),
            settings,
            events,
            config,
            shutdown,
            tasks: Arc::new(Tasks::new(kill)),
        };
        Self {
            shared: Arc::new(shared),
            request: None,
        }
    }

    pub(crate) fn of_request(&self, request_context: Arc<RequestContext>, deadline: Instant) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            request: Some(Request {
                request_context,
                deadline,
                config: self.shared.config.get(),
            }),
        }
    }

    /// The configuration of the request, or the latest one outside of a request.
    pub(super) fn held_config(&self) -> Option<Held> {
        match &self.request {
            Some(request) => request.config.clone(),
            None => self.shared.config.get(),
        }
    }

    pub(super) fn changes<C>(&self) -> ConfigChanges<C> {
        self.shared.config.changes(self.shared.shutdown.clone())
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.shared.tasks
    }

    /// Who the plugin is, where its platform is, and how much it takes on.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// The plugin's id, as the host knows it.
    #[must_use]
    pub fn plugin_id(&self) -> &PluginId {
        &self.shared.settings.id
    }

    /// The plugin's display name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.settings.name
    }

    /// The plugin's version, as the host knows it.
    #[must_use]
    pub fn version(&self) -> &str {
        self.shared.settings.version()
    }

    /// A directory for the plugin's own files that outlives the process, if it has one.
    ///
    /// The names `config.json` and `events` in it are taken. For a value or two there is
    /// [`save`](Self::save).
    #[must_use]
    pub fn data_dir(&self) -> Option<&Path> {
        self.shared.settings.data_dir()
    }

    /// Keeps a value in a file of the data directory, such as `state.json`, for the next start to
    /// [`load`](Self::load).
    ///
    /// The file is replaced as a whole and synced: after a crash or a loss of power there is the
    /// old value or the new one. Of several saves at a time the one that was asked for last stays.
    /// Without a data directory nothing is kept, and this does nothing. At most 16 MiB; not for
    /// values that change many times a second.
    ///
    /// ```
    /// # use hap_plugin::{Context, Result};
    /// #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// struct State {
    ///     rung: u64,
    /// }
    ///
    /// # async fn example(cx: &Context) -> Result<()> {
    /// let mut state: State = cx.load("state.json").await?.unwrap_or_default();
    /// state.rung += 1;
    /// cx.save("state.json", &state).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Code `state_not_saved` when the disk does not take it: the old value stays. Code `internal`
    /// for a value that is no JSON or too long, and for a name that is no plain file name or that
    /// the framework uses itself.
    ///
    /// # Cancel safety
    /// When the future is dropped the value is kept or not, and the file is whole.
    pub async fn save<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<()> {
        self.shared.state.save(name, value).await
    }

    /// What was [saved](Self::save) last under this name; `None` if nothing was, or if there is no
    /// data directory.
    ///
    /// # Errors
    /// Code `state_unreadable` when it does not fit the type: the message names the file and the
    /// place. A [`Plugin::start`](crate::Plugin::start) that passes it on ends the process in a way
    /// that a host does not retry, since only a person can fix it. Code `state_not_read` when the
    /// disk does not give it.
    ///
    /// # Cancel safety
    /// It can be dropped at any time.
    pub async fn load<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        self.shared.state.load(name).await
    }

    /// Base address of the platform's API, without a slash at the end.
    #[must_use]
    pub fn platform_url(&self) -> Option<&str> {
        self.shared.settings.platform.as_ref().map(|url| url.as_str())
    }

    /// The client that emits events, for tasks that need nothing else of the context.
    #[must_use]
    pub fn events(&self) -> &EventClient {
        &self.shared.events
    }

    /// Emits an event of this type, such as `light.changed`, and returns its id once it is
    /// accepted.
    ///
    /// Within a request the event carries the request's `traceparent`.
    ///
    /// # Errors
    /// As [`EventClient::emit`].
    ///
    /// # Cancel safety
    /// An event whose `emit` was dropped half way may be delivered or not.
    pub async fn emit<T: Serialize + ?Sized>(&self, r#type: &str, data: &T) -> Result<String, EmitError> {
        let draft = EventDraft::named(r#type, data)?;
        self.shared.events.accept(draft, self.trace_parent()).await
    }

    /// Emits an event of the author's own enum, as [`emit`](Self::emit) does.
    ///
    /// ```
    /// # use hap_plugin::{Context, Result};
    /// #[derive(serde::Serialize)]
    /// #[serde(tag = "type", content = "data")]
    /// enum Happened {
    ///     #[serde(rename = "bell.rung")]
    ///     Rung { times: u8 },
    /// }
    ///
    /// # async fn example(cx: &Context) -> Result<()> {
    /// cx.emit_event(&Happened::Rung { times: 3 }).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`EventClient::emit_event`].
    ///
    /// # Cancel safety
    /// As [`emit`](Self::emit).
    pub async fn emit_event<E: Serialize + ?Sized>(&self, event: &E) -> Result<String, EmitError> {
        let draft = EventDraft::of(event)?;
        self.shared.events.accept(draft, self.trace_parent()).await
    }

    /// Emits an event of this type without waiting until it is stored; see
    /// [`EventClient::try_emit`].
    ///
    /// # Errors
    /// As [`EventClient::try_emit`].
    pub fn try_emit<T: Serialize + ?Sized>(&self, r#type: &str, data: &T) -> Result<String, EmitError> {
        let draft = EventDraft::named(r#type, data)?;
        self.shared.events.try_accept(draft, self.trace_parent())
    }

    /// Emits an event of the author's own enum without waiting until it is stored; see
    /// [`EventClient::try_emit_event`].
    ///
    /// # Errors
    /// As [`EventClient::try_emit_event`].
    pub fn try_emit_event<E: Serialize + ?Sized>(&self, event: &E) -> Result<String, EmitError> {
        let draft = EventDraft::of(event)?;
        self.shared.events.try_accept(draft, self.trace_parent())
    }

    /// Tells the platform the plugin's state without being asked: an event of type `status`.
    ///
    /// # Errors
    /// As [`EventClient::emit`].
    ///
    /// # Cancel safety
    /// As [`emit`](Self::emit).
    pub async fn push_status<T: Serialize + ?Sized>(&self, status: &T) -> Result<String, EmitError> {
        self.emit("status", status).await
    }

    /// Runs a task in the background, under a name, with this context's request in its log lines.
    ///
    /// It outlives the call, so it cannot borrow: give an `async move` block a clone of the
    /// context, which is cheap.
    ///
    /// A task that panics turns the plugin unhealthy: `/health` says which one, and the log says
    /// why. It is not started again; the host restarts a plugin that stays unhealthy.
    ///
    /// At shutdown it should end soon after [`shutdown_token`](Self::shutdown_token) is cancelled;
    /// it is dropped when the time to stop is used up.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use hap_plugin::Context;
    /// # fn example(cx: &Context) {
    /// let stop = cx.shutdown_token();
    /// cx.spawn("poll", async move {
    ///     let mut ticks = tokio::time::interval(Duration::from_secs(10));
    ///     while stop.run_until_cancelled(ticks.tick()).await.is_some() {
    ///         // Ask the device.
    ///     }
    /// });
    /// # }
    /// ```
    pub fn spawn(&self, name: impl Into<Cow<'static, str>>, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_fallible(name, async {
            task.await;
            Ok(())
        });
    }

    /// Runs a task in the background as [`spawn`](Self::spawn) does; an error it ends with counts
    /// as a panic does.
    pub fn spawn_fallible(
        &self,
        name: impl Into<Cow<'static, str>>,
        task: impl Future<Output = Result<()>> + Send + 'static,
    ) {
        self.shared.tasks.spawn(name.into(), task);
    }

    /// Cancelled when the plugin begins to stop.
    #[must_use]
    pub fn shutdown_token(&self) -> CancellationToken {
        // A child: cancelling it does not stop the plugin.
        self.shared.shutdown.child_token()
    }

    /// The id of the request being answered; `None` outside of one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request
            .as_ref()
            .map(|request| request.request_context.request_id.as_str())
    }

    /// When the request being answered must be done; `None` outside of one.
    ///
    /// It is [`Settings::with_command_timeout`] away from the beginning, or as far as the caller
    /// says in `x-request-timeout-ms` if that is sooner. What is not done by then is dropped at its
    /// next `.await`.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.request.as_ref().map(|request| request.deadline)
    }

    /// How long until the [`deadline`](Self::deadline), for calls of one's own that take a timeout.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline()
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// The trace the request belongs to, to be passed on in the header `traceparent` to what the
    /// plugin calls; `None` outside of a request. A request that came without one begins a trace.
    #[must_use]
    pub fn trace_parent(&self) -> Option<TraceParent> {
        self.request.as_ref().map(|request| request.request_context.trace)
    }
}

/// Within routes of one's own ([`Serve::routes`](crate::Serve::routes)) a handler takes it as an
/// argument.
impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parts.extensions.get().cloned().ok_or_else(|| {
            Fault::internal("a `Context` is at hand only in routes that are given to `Serve::routes`")
        })
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("plugin_id", self.plugin_id())
            .field("request_id", &self.request_id())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Context {
    pub(crate) fn for_tests() -> Self {
        let settings = Settings::new("test".parse().unwrap());
        let events = EventClient::logging(settings.id.clone());
        Self::new(
            settings,
            events,
            Arc::new(Current::new()),
            CancellationToken::new(),
            CancellationToken::new(),
        )
    }
}
