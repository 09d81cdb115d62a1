//! A host that serves: the supervisor, and what is listened on.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{Router, extract::State, http::header, routing::get};
use hap_host::{ManagementOptions, ShutdownMode, Supervisor};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    config::{HostConfig, OnExit},
    door, open,
    refusal::failure,
    serve::{Servers, Socket},
    tls::Tls,
    users::Users,
};
use crate::failure::{Exit, Failure};

/// Longest wait for requests that are being answered when the host ends.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// Sockets that are bound before the supervisor starts, so that a port that is taken costs nothing.
#[derive(Debug)]
pub(super) struct Bound {
    api: Option<TcpListener>,
    metrics: Option<TcpListener>,
    tls: Option<Arc<Tls>>,
}

impl Bound {
    pub(super) async fn of(config: &HostConfig) -> Result<Self, Failure> {
        let api = &config.api;
        let tls = match (&api.certificate, &api.key) {
            (Some(certificate), Some(key)) => Some(Arc::new(Tls::load(certificate.clone(), key.clone())?)),
            _ => None,
        };
        let mut bound = Self {
            api: None,
            metrics: None,
            tls,
        };
        if let Some(address) = api.listen {
            bound.api = Some(open::tcp("api.listen", address.0).await?);
        }
        if let Some(address) = config.metrics.listen {
            bound.metrics = Some(open::tcp("metrics.listen", address.0).await?);
        }
        Ok(bound)
    }
}

/// A host that serves.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) supervisor: Supervisor,
    servers: Servers,
    socket: PathBuf,
    pub(super) tls: Option<Arc<Tls>>,
    api: Option<SocketAddr>,
    metrics: Option<SocketAddr>,
}

impl Running {
    pub(super) async fn start(
        state: &Path,
        socket: PathBuf,
        bound: Bound,
        config: &HostConfig,
    ) -> Result<Self, Failure> {
        let builder = Supervisor::from_config(config.supervisor.clone()).await;
        let builder = builder.map_err(|error| failure(&error))?;
        let supervisor = builder.start().await.map_err(|error| failure(&error))?;
        let mut running = Self {
            api: address(bound.api.as_ref()),
            metrics: address(bound.metrics.as_ref()),
            tls: bound.tls,
            servers: Servers::default(),
            supervisor,
            socket,
        };
        let served = running.serve(state, bound.api, bound.metrics, &config.api.hosts);
        if let Err(failure) = served {
            // Its lock is given up in order, and plugins stay as they are.
            let _ = running.supervisor.shutdown(ShutdownMode::LeaveRunning).await;
            return Err(failure);
        }
        Ok(running)
    }

    fn serve(
        &mut self,
        state: &Path,
        api: Option<TcpListener>,
        metrics: Option<TcpListener>,
        hosts: &[String],
    ) -> Result<(), Failure> {
        let listener = open::unix(&self.socket)?;
        // No browser reaches a Unix socket, so any name will do.
        let options = ManagementOptions::default().allow_any_host();
        let router = self.supervisor.management_router_with(options);
        self.servers
            .serve(Socket::Unix(listener), door::of_socket(router));
        if let Some(listener) = api {
            let named = |options: ManagementOptions, name: &String| options.allow_host(name.as_str());
            let options = hosts.iter().fold(ManagementOptions::default(), named);
            let router = self.supervisor.management_router_with(options);
            let users = Arc::new(Users::of(state));
            if users.list()?.is_empty() {
                tracing::warn!("api.listen lets nobody in yet: hap user add NAME --role ROLE");
            }
            let socket = Socket::Tcp(listener, self.tls.clone());
            self.servers.serve(socket, door::with_token(router, users));
        }
        if let Some(listener) = metrics {
            if self.metrics.is_some_and(|address| !address.ip().is_loopback()) {
                tracing::warn!(
                    "metrics.listen shows the names of plugins to whoever reaches it, without a token"
                );
            }
            let router = metrics_of(self.supervisor.clone());
            self.servers.serve(Socket::Tcp(listener, None), router);
        }
        Ok(())
    }

    pub(super) async fn end(&self, on_exit: OnExit) -> Result<Exit, Failure> {
        let how = match on_exit {
            OnExit::Keep => ShutdownMode::LeaveRunning,
            OnExit::Stop => ShutdownMode::StopPlugins,
        };
        self.servers.stop();
        // While the lock is still held: afterwards it may be the socket of another host.
        let _ = std::fs::remove_file(&self.socket);
        let ended = self.supervisor.shutdown(how).await;
        self.servers.end(LAST_REQUESTS).await;
        ended.map(|()| Exit::Done).map_err(|error| failure(&error))
    }

    pub(super) fn event(&self) -> Value {
        json!({
            "event": "serving",
            "socket": self.socket,
            "api": self.url(),
            "metrics": self.metrics.map(|address| format!("http://{address}/metrics")),
        })
    }

    pub(super) fn line(&self) -> String {
        let mut line = format!("serving the management API on {}", self.socket.display());
        if let Some(url) = self.url() {
            line.push_str(" and ");
            line.push_str(&url);
        }
        line
    }

    fn url(&self) -> Option<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.api.map(|address| format!("{scheme}://{address}"))
    }
}

/// What Prometheus reads, and nothing else.
fn metrics_of(supervisor: Supervisor) -> Router {
    async fn metrics(State(supervisor): State<Supervisor>) -> impl axum::response::IntoResponse {
        let kind = [(header::CONTENT_TYPE, Supervisor::METRICS_CONTENT_TYPE)];
        (kind, supervisor.metrics())
    }
    Router::new()
        .route("/metrics", get(metrics))
        .with_state(supervisor)
}

fn address(listener: Option<&TcpListener>) -> Option<SocketAddr> {
    listener.and_then(|listener| listener.local_addr().ok())
}
