//! [`serve`] and [`into_router`].

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, IntoFuture, pending};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::Route;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service as TowerService};

use crate::api::Plugin;
use crate::error::StartError;
use crate::server::custom_routes::CustomRoutes;
use crate::server::listener::listen;
use crate::server::prepare::{Place, Prepared, prepare};
use crate::server::service::Service;
use crate::settings::Settings;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Serves a plugin, with every detail in the caller's hands.
///
/// [`run`](crate::run) is this with settings from the environment, logging, and a shutdown on
/// SIGTERM and SIGINT.
///
/// ```no_run
/// # async fn example<P: hap_plugin::Plugin>(plugin: P) -> Result<(), Box<dyn std::error::Error>> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// println!("at {}", listener.local_addr()?);
/// hap_plugin::serve(plugin)
///     .settings(hap_plugin::Settings::new("lamp".parse()?))
///     .listener(listener)
///     .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
///     .await?;
/// # Ok(())
/// # }
/// ```
pub fn serve<P: Plugin>(plugin: P) -> Serve<P> {
    Serve {
        plugin,
        settings: None,
        place: Place::Settings,
        custom_routes: CustomRoutes::default(),
        shutdown: Box::pin(pending()),
    }
}

/// A server to be; awaiting it serves.
///
/// ```
/// use std::time::Duration;
///
/// use hap_plugin::{Plugin, Settings, StartError, serve};
///
/// async fn for_a_minute<P: Plugin>(plugin: P, settings: Settings) -> Result<(), StartError> {
///     serve(plugin)
///         .settings(settings)
///         .with_graceful_shutdown(tokio::time::sleep(Duration::from_secs(60)))
///         .await
/// }
/// ```
///
/// # Errors
/// The output tells why the plugin did not start, everything at once.
///
/// # Cancel safety
/// Dropped half way, the server is gone without a drain: running commands and undelivered events
/// are cut off (events with a data directory stay there).
#[must_use = "it does nothing until it is awaited"]
pub struct Serve<P> {
    plugin: P,
    settings: Option<Settings>,
    place: Place,
    custom_routes: CustomRoutes,
    shutdown: BoxFuture<()>,
}

impl<P: Plugin> Serve<P> {
    /// Serves with these settings instead of those of the environment.
    pub fn settings(self, settings: Settings) -> Self {
        Self {
            settings: Some(settings),
            ..self
        }
    }

    /// Serves on this address instead of the address and the port of the settings.
    pub fn bind(self, address: SocketAddr) -> Self {
        Self {
            place: Place::Address(address),
            ..self
        }
    }

    /// Serves on a listener that is already bound.
    pub fn listener(self, listener: TcpListener) -> Self {
        Self {
            place: Place::Listener(listener),
            ..self
        }
    }

    /// Serves routes of the author's own beside the plugin's API, behind the same token.
    ///
    /// They behave as the API does: refused with 503 before the plugin is ready and while it stops,
    /// with 504 when no answer has begun after [`Settings::with_command_timeout`]; bodies that
    /// extractors read are bounded by [`Settings::with_max_body`]; a panic is a 500; a handler may
    /// take the [`Context`](crate::Context) as an argument and end with a
    /// [`Result`](crate::Result). A fallback of the router serves what nothing else does. The paths
    /// of the API belong to it: a route for one of them keeps the plugin from starting. The type
    /// follows axum's major version. A second call replaces the first.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use hap_plugin::axum::{Router, extract::State, routing::get};
    /// use hap_plugin::{Context, Result};
    /// # use hap_plugin::{NoCommand, NoConfig, NoStatus, Plugin, Reply};
    /// # struct Camera;
    /// # impl Camera { fn last_picture(&self) -> Result<Vec<u8>> { Ok(Vec::new()) } }
    /// # impl Plugin for Camera {
    /// #     type Config = NoConfig;
    /// #     type Command = NoCommand;
    /// #     type Status = NoStatus;
    /// #     async fn command(&self, _: &Context, command: NoCommand) -> Result<Reply> { match command {} }
    /// # }
    ///
    /// async fn picture(State(camera): State<Arc<Camera>>, cx: Context) -> Result<Vec<u8>> {
    ///     cx.emit("camera.watched", &()).await?;
    ///     camera.last_picture()
    /// }
    ///
    /// # async fn example() -> std::process::ExitCode {
    /// let camera = Arc::new(Camera);
    /// let routes = Router::new().route("/picture", get(picture)).with_state(Arc::clone(&camera));
    /// hap_plugin::serve(camera).routes(routes).run().await
    /// # }
    /// ```
    pub fn routes(mut self, routes: Router) -> Self {
        self.custom_routes.routes = Some(routes);
        self
    }

    /// Serves routes of the author's own as [`routes`](Self::routes) does, but to everybody,
    /// without the token.
    ///
    /// Whoever reaches the plugin reaches them: other containers, and the network where the port is
    /// published. They go before the API, so that no pattern among them may cover one of its paths,
    /// and a fallback of this router is not used.
    pub fn public_routes(mut self, routes: Router) -> Self {
        self.custom_routes.public_routes = routes;
        self
    }

    /// Puts a tower layer around everything behind the token: the plugin's API but `/health`, and
    /// the author's [`routes`](Self::routes). Of several the last one is outermost.
    ///
    /// A layer sees only requests that have shown the token. It should not answer slowly: it is
    /// part of every command.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: TowerService<Request> + Clone + Send + Sync + 'static,
        <L::Service as TowerService<Request>>::Response: IntoResponse + 'static,
        <L::Service as TowerService<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as TowerService<Request>>::Future: Send + 'static,
    {
        self.custom_routes
            .layers
            .push(Box::new(move |router| router.layer(layer)));
        self
    }

    /// Stops when this future is done: refuses new commands, drains running ones, calls
    /// [`Plugin::stop`] and delivers the last events, all within the budget of the settings.
    /// Without this it serves indefinitely.
    pub fn with_graceful_shutdown(self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            shutdown: Box::pin(signal),
            ..self
        }
    }

    /// Starts the plugin and returns its routes, as [`into_router`] does; the place to listen is
    /// not used.
    ///
    /// # Errors
    /// As awaiting it.
    pub async fn into_router(self) -> Result<Router, StartError> {
        self.started().await.map(|(router, _)| router)
    }

    /// As [`into_router`](Self::into_router), with the service, by which it can be stopped in
    /// order.
    pub(crate) async fn started(mut self) -> Result<(Router, Arc<Service<P>>), StartError> {
        let settings = self.take_settings();
        let prepared = prepare(self.plugin, settings, Place::Nowhere, self.custom_routes).await?;
        prepared.service.start().await?;
        Ok((prepared.dispatcher.into_router(), prepared.service))
    }

    /// Stops when this future is done, or when it would have stopped without that.
    pub(crate) fn stopping_also_on(self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        let before = self.shutdown;
        let either = async {
            tokio::select! {
                () = before => {}
                () = signal => {}
            }
        };
        Self {
            shutdown: Box::pin(either),
            ..self
        }
    }

    /// The settings given, or those of the environment, with what the plugin says of itself.
    pub(crate) fn take_settings(&mut self) -> Result<Settings, StartError> {
        let settings = self.settings.take().map_or_else(Settings::from_env, Ok);
        settings.map(|settings| settings.with_program_version(P::VERSION))
    }

    /// `settings` are [those of this server](Self::take_settings).
    pub(crate) async fn serve(self, settings: Result<Settings, StartError>) -> Result<(), StartError> {
        let mut shutdown = self.shutdown;
        let Prepared {
            service,
            dispatcher,
            listener,
        } = tokio::select! {
            biased;
            // Nothing has begun yet that would have to be ended.
            () = &mut shutdown => return Ok(()),
            prepared = prepare(self.plugin, settings, self.place, self.custom_routes) => prepared?,
        };
        let close = CancellationToken::new();
        // Dropping this future closes the server.
        let _close_on_drop = close.clone().drop_guard();
        let Some(listener) = listener else {
            return Err(StartError::passing("the server has no listener"));
        };
        let server = tokio::spawn(listen(listener, dispatcher, close.clone()));

        let started = tokio::select! {
            // A stop that is already asked for goes before the start.
            biased;
            () = &mut shutdown => None,
            started = service.start() => Some(started),
        };
        let result = match started {
            Some(Ok(())) => {
                tracing::info!("ready");
                shutdown.await;
                tracing::info!("stopping");
                service.stop(true).await;
                Ok(())
            }
            Some(Err(error)) => {
                // Nobody listens to it any more.
                drop(shutdown);
                service.stop(false).await;
                Err(error)
            }
            None => {
                service.stop(false).await;
                Ok(())
            }
        };
        close.cancel();
        // It has its own deadline.
        let _ = server.await;
        tracing::info!("stopped");
        result
    }
}

impl<P: Plugin> IntoFuture for Serve<P> {
    type Output = Result<(), StartError>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async {
            let mut this = self;
            let settings = this.take_settings();
            this.serve(settings).await
        })
    }
}

impl<P> fmt::Debug for Serve<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("settings", &self.settings)
            .field("custom_routes", &self.custom_routes)
            .finish_non_exhaustive()
    }
}

/// Starts a plugin and returns its routes, for tests and for servers of one's own.
///
/// The plugin is stopped, without a drain, when the router and all its clones are dropped. The type
/// follows axum's major version.
///
/// ```
/// # use hap_plugin::{Context, NoCommand, NoConfig, NoStatus, Plugin, Reply, Result};
/// # struct Silent;
/// # impl Plugin for Silent {
/// #     type Config = NoConfig;
/// #     type Command = NoCommand;
/// #     type Status = NoStatus;
/// #     async fn command(&self, _: &Context, command: NoCommand) -> Result<Reply> { match command {} }
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = hap_plugin::Settings::new("silent".parse()?);
/// let router = hap_plugin::into_router(Silent, settings).await?;
/// // Now `tower::ServiceExt::oneshot` sends it requests.
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As awaiting [`Serve`].
pub async fn into_router<P: Plugin>(plugin: P, settings: Settings) -> Result<Router, StartError> {
    serve(plugin).settings(settings).into_router().await
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
