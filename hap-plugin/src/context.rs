//! [`Context`], what a plugin's methods get at hand.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt as _;
use hap_manifest::{PluginId, TraceParent};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::origin::Origin;
use crate::{EmitError, EventClient, Settings};

/// Who the plugin is, its events, and the request it is answering. Cloning is cheap.
#[derive(Clone)]
pub struct Context {
    shared: Arc<Shared>,
    // `None` outside of a request.
    origin: Option<Arc<Origin>>,
}

struct Shared {
    settings: Settings,
    events: EventClient,
    shutdown: CancellationToken,
    kill: CancellationToken,
    background: TaskTracker,
}

impl Context {
    /// `shutdown` is cancelled when the plugin begins to stop, `kill` when it has no more time.
    pub(crate) fn new(
        settings: Settings,
        events: EventClient,
        shutdown: CancellationToken,
        kill: CancellationToken,
    ) -> Self {
        let shared = Shared {
            settings,
            events,
            shutdown,
            kill,
            background: TaskTracker::new(),
        };
        Self {
            shared: Arc::new(shared),
            origin: None,
        }
    }

    pub(crate) fn of_request(&self, origin: Arc<Origin>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            origin: Some(origin),
        }
    }

    pub(crate) fn background(&self) -> &TaskTracker {
        &self.shared.background
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
        &self.shared.settings.version
    }

    /// A directory for the plugin's own files that outlives the process, if it has one.
    ///
    /// The names `config.json` and `events` in it are taken.
    #[must_use]
    pub fn data_dir(&self) -> Option<&Path> {
        self.shared.settings.data_dir()
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

    /// Emits an event of this type, such as `light.changed`, and returns its id once it is accepted.
    ///
    /// Within a request the event carries the request's `traceparent`.
    ///
    /// # Errors
    /// As [`EventClient::emit`].
    ///
    /// # Cancel safety
    /// An event whose `emit` was dropped half way may be delivered or not.
    pub async fn emit<T: Serialize + ?Sized>(&self, r#type: &str, data: &T) -> Result<String, EmitError> {
        self.shared
            .events
            .emit_traced(r#type, data, self.trace_parent())
            .await
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

    /// Runs a task in the background, with this context's request in its log lines.
    ///
    /// At shutdown it should end soon after [`shutdown_token`](Self::shutdown_token) is cancelled; it is dropped
    /// when the time to stop is used up. A panic ends the task and is logged.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let kill = self.shared.kill.clone();
        let guarded = async move {
            // A task that panicked is gone; nothing of it is used again.
            let task = AssertUnwindSafe(task).catch_unwind();
            tokio::select! {
                ended = task => if ended.is_err() {
                    tracing::error!("a background task panicked");
                },
                () = kill.cancelled() => {}
            }
        };
        self.shared.background.spawn(guarded.in_current_span());
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
        self.origin.as_deref().map(|origin| origin.request_id.as_str())
    }

    /// The trace the request belongs to, to be passed on to what the plugin calls.
    #[must_use]
    pub fn trace_parent(&self) -> Option<TraceParent> {
        self.origin.as_deref().and_then(|origin| origin.trace)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("plugin_id", self.plugin_id())
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Context {
    pub(crate) fn for_tests() -> Self {
        let settings = Settings::from_vars(|_| None).unwrap();
        let events = EventClient::logging(settings.id.clone());
        Self::new(
            settings,
            events,
            CancellationToken::new(),
            CancellationToken::new(),
        )
    }
}
