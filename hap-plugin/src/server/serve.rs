//! [`serve`] and [`into_router`].

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, IntoFuture, pending};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
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
use crate::config::Configuration;
use crate::error::StartError;
use crate::server::custom_routes::CustomRoutes;
use crate::server::dispatch::Dispatcher;
use crate::server::listener::listen;
use crate::server::router::dispatcher;
use crate::server::schemas::Schemas;
use crate::server::service::Service;
use crate::settings::Settings;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Serves a plugin, with every detail in the caller's hands.
///
/// [`run`](crate::run) is this with settings from the environment, logging, and a shutdown on SIGTERM and SIGINT.
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
/// # Errors
/// The output tells why the plugin did not start, everything at once.
///
/// # Cancel safety
/// Dropped half way, the server is gone without a drain: running commands and undelivered events are cut off
/// (events with a data directory stay there).
#[must_use = "it does nothing until it is awaited"]
pub struct Serve<P> {
    plugin: P,
    settings: Option<Settings>,
    place: Place,
    custom_routes: CustomRoutes,
    shutdown: BoxFuture<()>,
}

enum Place {
    /// All addresses, with the port of the settings.
    Settings,
    Address(SocketAddr),
    Listener(TcpListener),
    /// The caller has its own server.
    Nowhere,
}

impl<P: Plugin> Serve<P> {
    /// Serves with these settings instead of those of the environment.
    pub fn settings(self, settings: Settings) -> Self {
        Self {
            settings: Some(settings),
            ..self
        }
    }

    /// Serves on this address instead of all addresses with the port of the settings.
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
    /// They behave as the API does: refused with 503 before the plugin is ready and while it stops, with 504 when no
    /// answer has begun after [`Settings::with_command_timeout`]; bodies that extractors read are bounded by
    /// [`Settings::with_max_body`]; a panic is a 500; a handler may take the [`Context`](crate::Context) as an argument
    /// and end with a [`Result`](crate::Result). A fallback of the router serves what nothing else does. The paths of
    /// the API belong to it: a route for one of them keeps the plugin from starting. The type follows axum's major
    /// version. A second call replaces the first.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use axum::{Router, extract::State, routing::get};
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

    /// Serves routes of the author's own as [`routes`](Self::routes) does, but to everybody, without the token.
    ///
    /// Whoever reaches the plugin reaches them: other containers, and the network where the port is published. They go
    /// before the API, so that no pattern among them may cover one of its paths, and a fallback of this router is not
    /// used.
    pub fn open_routes(mut self, routes: Router) -> Self {
        self.custom_routes.open_routes = routes;
        self
    }

    /// Puts a tower layer around everything behind the token: the plugin's API but `/health`, and the author's
    /// [`routes`](Self::routes). Of several the last one is outermost.
    ///
    /// A layer sees only requests that have shown the token. It should not answer slowly: it is part of every command.
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

    /// Stops when this future is done: refuses new commands, drains running ones, calls [`Plugin::stop`] and
    /// delivers the last events, all within the budget of the settings. Without this it serves indefinitely.
    pub fn with_graceful_shutdown(self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            shutdown: Box::pin(signal),
            ..self
        }
    }

    /// Starts the plugin and returns its routes, as [`into_router`] does; the place to listen is not used.
    ///
    /// # Errors
    /// As awaiting it.
    pub async fn into_router(self) -> Result<Router, StartError> {
        self.started().await.map(|(router, _)| router)
    }

    /// As [`into_router`](Self::into_router), with the service, by which it can be stopped in order.
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
/// The plugin is stopped, without a drain, when the router and all its clones are dropped. The type follows axum's
/// major version.
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

/// A plugin that can be started.
struct Prepared<P: Plugin> {
    service: Arc<Service<P>>,
    dispatcher: Dispatcher<P>,
    listener: Option<TcpListener>,
}

/// Checks everything that can be wrong before the plugin's own code runs, and tells it all at once.
async fn prepare<P: Plugin>(
    plugin: P,
    settings: Result<Settings, StartError>,
    place: Place,
    custom_routes: CustomRoutes,
) -> Result<Prepared<P>, StartError> {
    let mut problems = Problems::default();
    problems.of(custom_routes.check().await);
    let schemas = problems.of(Schemas::of::<P>());
    let settings = problems.of(settings);
    let (mut config, mut listener) = (None, None);
    if let Some(settings) = &settings {
        if let Some(schemas) = &schemas {
            let mut wrong = Vec::new();
            let read = Configuration::<P::Config>::read(settings, schemas.config(), &mut wrong);
            config = problems.of(StartError::unless_empty(wrong, read));
        }
        if let Some(dir) = settings.data_dir() {
            problems.of(check_data_dir(dir).await);
        }
        listener = problems.of(bind(place, settings).await).flatten();
    } else if let Some(part) = Settings::usable_part() {
        // Told together with what is wrong with the rest of the environment. Not the port: who holds it now may have
        // gone when the rest is mended.
        if let Some(schemas) = &schemas {
            let mut wrong = Vec::new();
            drop(Configuration::<P::Config>::read(
                &part,
                schemas.config(),
                &mut wrong,
            ));
            problems.of(StartError::unless_empty(wrong, ()));
        }
        if let Some(dir) = part.data_dir() {
            problems.of(check_data_dir(dir).await);
        }
    }
    problems.into_result()?;
    let (Some(schemas), Some(settings), Some(config)) = (schemas, settings, config) else {
        return Err(StartError::lasting("the plugin could not be put together"));
    };
    if let Some(listener) = &listener {
        announce(&settings, listener);
    }
    let token = settings.token.clone();
    let service = Service::assemble(plugin, settings, schemas, config).await?;
    let dispatcher = dispatcher(&service, token, custom_routes);
    Ok(Prepared {
        service,
        dispatcher,
        listener,
    })
}

/// What several steps found wrong.
#[derive(Default)]
struct Problems(Option<StartError>);

impl Problems {
    /// What a step made; or takes in why it did not.
    fn of<T>(&mut self, step: Result<T, StartError>) -> Option<T> {
        match step {
            Ok(made) => Some(made),
            Err(error) => {
                self.0 = Some(match self.0.take() {
                    Some(before) => before.merge(error),
                    None => error,
                });
                None
            }
        }
    }

    fn into_result(self) -> Result<(), StartError> {
        self.0.map_or(Ok(()), Err)
    }
}

async fn bind(place: Place, settings: &Settings) -> Result<Option<TcpListener>, StartError> {
    let address = match place {
        Place::Listener(listener) => return Ok(Some(listener)),
        Place::Nowhere => return Ok(None),
        Place::Address(address) => address,
        Place::Settings => (Ipv4Addr::UNSPECIFIED, settings.port()).into(),
    };
    TcpListener::bind(address)
        .await
        .map(Some)
        .map_err(|error| match error.kind() {
            // The last instance may not be quite gone.
            io::ErrorKind::AddrInUse => StartError::passing(format!(
                "PORT={}: {address} is in use; set another port",
                address.port()
            )),
            io::ErrorKind::PermissionDenied => StartError::lasting(format!(
                "PORT={}: {address} may not be listened on; set a port above 1023",
                address.port()
            )),
            _ => StartError::lasting(format!("cannot listen on {address}: {error}")),
        })
}

/// A directory that exists and can be written to; else what would be kept in it is lost unnoticed.
async fn check_data_dir(dir: &Path) -> Result<(), StartError> {
    let probed = {
        let dir = dir.to_owned();
        tokio::task::spawn_blocking(move || crate::storage::probe(&dir)).await
    };
    probed.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| {
        let dir = dir.display();
        StartError::lasting(match error.kind() {
            io::ErrorKind::NotFound => format!(
                "HAP_DATA_DIR={dir}: there is no such directory; create it or mount a volume there, or unset it"
            ),
            io::ErrorKind::NotADirectory => {
                format!("HAP_DATA_DIR={dir}: it is no directory; set the path of one, or unset it")
            }
            _ => format!(
                "HAP_DATA_DIR={dir}: cannot write there ({error}); mount a volume that this user owns, or unset it"
            ),
        })
    })
}

/// Says who serves where, and what a plugin without a host lacks.
fn announce(settings: &Settings, listener: &TcpListener) {
    let address = listener
        .local_addr()
        .map(|address| address.to_string())
        .unwrap_or_default();
    // The lines of `run` have the id already, and those of an author's own subscriber do not.
    tracing::info!(
        version = settings.version(),
        address,
        "listening as {}",
        settings.id
    );
    if settings.token.is_none() {
        tracing::warn!("no HAP_API_TOKEN: every caller is accepted");
    }
    if settings.platform.is_none() {
        tracing::warn!("no PLATFORM_API_URL: events are only logged");
    } else if settings.webhook_secret.is_none() {
        tracing::warn!("no HAP_WEBHOOK_SECRET: events are sent without a signature");
    }
    if settings.data_dir.is_none() {
        tracing::warn!(
            "no HAP_DATA_DIR: the configuration and undelivered events do not outlive the process"
        );
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
