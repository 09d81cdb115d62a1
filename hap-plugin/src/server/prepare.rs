//! [`prepare`]: everything that can be wrong before the plugin's own code runs.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::api::Plugin;
use crate::config::Configuration;
use crate::error::StartError;
use crate::server::auth::TokenCheck;
use crate::server::custom_routes::CustomRoutes;
use crate::server::dispatch::Dispatcher;
use crate::server::router::dispatcher;
use crate::server::schemas::Schemas;
use crate::server::service::Service;
use crate::settings::Settings;

/// Where a plugin is served.
pub(super) enum Place {
    /// The port of the settings, on their addresses.
    Settings,
    Address(SocketAddr),
    Listener(TcpListener),
    /// The caller has its own server.
    Nowhere,
}

/// A plugin that can be started.
pub(super) struct Prepared<P: Plugin> {
    pub(super) service: Arc<Service<P>>,
    pub(super) dispatcher: Dispatcher<P>,
    pub(super) listener: Option<TcpListener>,
}

/// Checks everything that can be wrong before the plugin's own code runs, and tells it all at once.
pub(super) async fn prepare<P: Plugin>(
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
    let is_told = !matches!(place, Place::Settings);
    if let Some(settings) = &settings {
        if let Some(schemas) = &schemas {
            let mut wrong = Vec::new();
            let bounds = schemas.config_bounds::<P>();
            let read = Configuration::<P::Config>::read(settings, schemas.config(), bounds, &mut wrong);
            config = problems.of(StartError::unless_empty(wrong, read));
        }
        if let Some(dir) = settings.data_dir() {
            problems.of(check_data_dir(dir).await);
        }
        listener = problems.of(bind(place, settings).await).flatten();
    } else if let Some(part) = Settings::usable_part() {
        // Told together with what is wrong with the rest of the environment. Not the port: who
        // holds it now may have gone when the rest is mended.
        if let Some(schemas) = &schemas {
            let mut wrong = Vec::new();
            drop(Configuration::<P::Config>::read(
                &part,
                schemas.config(),
                schemas.config_bounds::<P>(),
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
    // Whoever has a server of its own, or names an address, has said who is to reach it.
    let any_host = is_told || settings.bind.is_some();
    let token_check = TokenCheck::new(settings.token.clone(), any_host);
    let service = Service::assemble(plugin, settings, schemas, config).await?;
    let dispatcher = dispatcher(&service, token_check, custom_routes);
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
        Place::Settings => (settings.address(), settings.port()).into(),
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
        let is_local = listener
            .local_addr()
            .is_ok_and(|address| address.ip().is_loopback());
        if is_local {
            tracing::warn!(
                "no HAP_API_TOKEN: every program of this machine is accepted, and nobody else; \
                 HAP_BIND=0.0.0.0 listens on all addresses"
            );
        } else {
            tracing::warn!("no HAP_API_TOKEN: every caller is accepted, from wherever it comes");
        }
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
