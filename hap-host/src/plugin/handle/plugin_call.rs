//! A call to a plugin, before it is made.

use std::{fmt, time::Duration};

use futures_core::future::BoxFuture;
use hap_manifest::{
    TraceParent,
    wire::{CommandResponse, StatusReport},
};
use serde::de::DeserializeOwned;

use super::PluginHandle;
use crate::{error::Error, protocol::client::options::CallOptions};

type Make<T> = Box<dyn FnOnce(PluginHandle, CallOptions) -> BoxFuture<'static, Result<T, Error>> + Send>;

/// A call to a plugin, made when it is awaited: [`PluginHandle::command`],
/// [`command_typed`](PluginHandle::command_typed), [`configure`](PluginHandle::configure) and
/// [`status`](PluginHandle::status) return one.
///
/// Default: it may take 30 s, has a trace and a request id of its own, and is sent once.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # async fn run(state: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use axum::{Json, Router, routing::post};
/// use hap_host::{Supervisor, engine::FakeEngine};
/// use hap_manifest::Manifest;
/// use serde_json::json;
///
/// // A plugin that a test serves by itself.
/// let answer = || async { Json(json!({"success": true, "result": {"level": 40}})) };
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let address = listener.local_addr()?;
/// tokio::spawn(axum::serve(listener, Router::new().route("/command", post(answer))).into_future());
///
/// let engine = FakeEngine::new();
/// let supervisor = Supervisor::builder(engine.clone(), state).start().await?;
/// let manifest = Manifest::builder("light", "Light", "1.0.0", "light:1").build()?;
/// let light = supervisor.install(manifest).await?;
/// engine.set_address(light.id(), address);
/// light.start().await?;
///
/// #[derive(serde::Deserialize)]
/// struct Brightness {
///     level: u8,
/// }
///
/// let set = light
///     .command("set_brightness", json!({"level": 40}))
///     .timeout(Duration::from_secs(5))
///     .idempotency_key("order-4711")
///     .result_as::<Brightness>()
///     .await?;
/// assert_eq!(set.level, 40);
/// # Ok(())
/// # }
/// # #[cfg(feature = "testing")]
/// # tokio::runtime::Runtime::new().unwrap().block_on(run(tempfile::tempdir().unwrap().path())).unwrap();
/// ```
///
/// # Errors
/// The method that returned the call lists them.
///
/// # Cancel safety
/// A call that was never awaited was not made. When the future is dropped, a command may have been
/// delivered, and settings go on to be delivered.
#[must_use = "calls do nothing unless awaited"]
pub struct PluginCall<T> {
    handle: PluginHandle,
    what: &'static str,
    options: CallOptions,
    make: Make<T>,
}

impl<T: 'static> PluginCall<T> {
    pub(super) fn new<F>(
        handle: &PluginHandle,
        what: &'static str,
        make: impl FnOnce(PluginHandle, CallOptions) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        Self {
            handle: handle.clone(),
            what,
            options: CallOptions::default(),
            make: Box::new(|handle, options| Box::pin(make(handle, options))),
        }
    }

    /// Sets how long the whole call may take, repetitions included. Default 30 s.
    ///
    /// Settings that were not delivered by then are sent again with the default.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// Sets the caller's place in a trace: the plugin is told a child of it. Default: a trace of
    /// its own.
    pub fn traceparent(mut self, parent: impl Into<Option<TraceParent>>) -> Self {
        self.options.trace = parent.into();
        self
    }

    /// Sets the name of this call in logs on both sides: at most 128 visible ASCII characters.
    /// Default: a new UUID.
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.options.request_id = Some(id.into());
        self
    }

    /// Allows the call to be sent up to three times within the deadline when the connection to the
    /// plugin fails, each time with this key in the header `Idempotency-Key`: at most 128 visible
    /// ASCII characters.
    ///
    /// A connection that broke says nothing about whether a command was carried out. So give a key
    /// only when the plugin recognizes repetitions by it, or when carrying the command out twice
    /// does no harm. A plugin need not know the header; `hap-plugin` hands it to the plugin and
    /// does nothing by itself.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.options.idempotency_key = Some(key.into());
        self
    }

    fn then<R: 'static>(
        self,
        read: impl FnOnce(&PluginHandle, T) -> Result<R, Error> + Send + 'static,
    ) -> PluginCall<R> {
        let make = self.make;
        PluginCall {
            handle: self.handle,
            what: self.what,
            options: self.options,
            make: Box::new(|handle, options| {
                Box::pin(async move {
                    let answered = make(handle.clone(), options).await?;
                    read(&handle, answered)
                })
            }),
        }
    }
}

impl PluginCall<CommandResponse> {
    /// Reads the `result` of the answer into a type.
    ///
    /// [`ErrorKind::InvalidReply`](crate::error::ErrorKind::InvalidReply) is also returned when the
    /// result does not fit the type: then the command was carried out.
    pub fn result_as<R: DeserializeOwned + 'static>(self) -> PluginCall<R> {
        self.then(|handle, answer| handle.read("the result of its answer", answer.result))
    }
}

impl PluginCall<StatusReport> {
    /// Reads the `data` of the status into a type.
    ///
    /// [`ErrorKind::InvalidReply`](crate::error::ErrorKind::InvalidReply) is also returned when the
    /// data does not fit the type.
    pub fn data_as<S: DeserializeOwned + 'static>(self) -> PluginCall<S> {
        self.then(|handle, report| handle.read("the data of its status", report.data))
    }
}

impl<T: 'static> IntoFuture for PluginCall<T> {
    type Output = Result<T, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        (self.make)(self.handle, self.options)
    }
}

impl<T> fmt::Debug for PluginCall<T> {
    /// Without what is sent, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginCall")
            .field("plugin", self.handle.id())
            .field("call", &self.what)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
