//! [`serve`] and [`into_router`].

use std::fmt;
use std::future::{Future, IntoFuture, pending};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Configuration;
use crate::listen::listen;
use crate::service::{Schemas, Service, router};
use crate::{Plugin, Settings, StartError};

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

    /// Stops when this future is done: refuses new commands, drains running ones, calls [`Plugin::stop`] and
    /// delivers the last events, all within the budget of the settings. Without this it serves for ever.
    pub fn with_graceful_shutdown(self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            shutdown: Box::pin(signal),
            ..self
        }
    }

    async fn serve(self) -> Result<(), StartError> {
        let mut shutdown = self.shutdown;
        let (service, token, listener) = tokio::select! {
            biased;
            // Nothing has begun yet that would have to be ended.
            () = &mut shutdown => return Ok(()),
            prepared = prepare(self.plugin, self.settings, self.place) => prepared?,
        };
        let close = CancellationToken::new();
        // Dropping this future closes the server.
        let _close_on_drop = close.clone().drop_guard();
        let Some(listener) = listener else {
            return Err(StartError::passing("the server has no listener"));
        };
        let server = tokio::spawn(listen(
            listener,
            router(Arc::clone(&service), token),
            close.clone(),
        ));

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
        Box::pin(self.serve())
    }
}

impl<P> fmt::Debug for Serve<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("settings", &self.settings)
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
    started(plugin, settings).await.map(|(router, _)| router)
}

/// As [`into_router`], with the service, by which it can be stopped in order.
pub(crate) async fn started<P: Plugin>(
    plugin: P,
    settings: Settings,
) -> Result<(Router, Arc<Service<P>>), StartError> {
    let (service, token, _) = prepare(plugin, Some(settings), Place::Nowhere).await?;
    service.start().await?;
    Ok((router(Arc::clone(&service), token), service))
}

type Prepared<P> = (
    Arc<Service<P>>,
    Option<hap_manifest::ApiToken>,
    Option<TcpListener>,
);

/// Checks everything that can be wrong before the plugin's own code runs, and tells it all at once.
async fn prepare<P: Plugin>(
    plugin: P,
    settings: Option<Settings>,
    place: Place,
) -> Result<Prepared<P>, StartError> {
    let mut problems = Problems::default();
    let schemas = problems.of(Schemas::of::<P>());
    let settings = problems.of(settings.map_or_else(Settings::from_env, Ok));
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
    Ok((service, token, listener))
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
        tokio::task::spawn_blocking(move || crate::files::probe(&dir)).await
    };
    probed.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| {
        StartError::lasting(format!(
            "HAP_DATA_DIR={}: cannot write there ({error}); mount a volume that this user owns, or unset it",
            dir.display()
        ))
    })
}

/// Says who serves where, and what a plugin without a host lacks.
fn announce(settings: &Settings, listener: &TcpListener) {
    let address = listener
        .local_addr()
        .map(|address| address.to_string())
        .unwrap_or_default();
    tracing::info!(plugin_id = %settings.id, version = settings.version, address, "listening");
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
