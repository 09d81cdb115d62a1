//! What the listener and its connections share.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::Router;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::connections::Connections;

/// Where to listen and how much to take.
#[derive(Debug, Clone)]
pub(crate) struct ListenOptions {
    /// The addresses, all on the same port. The unspecified address is refused unless
    /// `anywhere` is set.
    pub(crate) addresses: Vec<IpAddr>,
    /// The port that was used before, if any: plugins that still run know it.
    pub(crate) port: Option<u16>,
    /// Allows `0.0.0.0` and `::`, which open the inbox to the whole network.
    pub(crate) anywhere: bool,
    /// Connections at once, in all.
    pub(crate) connections: usize,
    /// Connections at once from one address.
    pub(crate) connections_per_peer: usize,
    /// Time for the head of a request, and so also for a connection to be idle.
    pub(crate) header_timeout: Duration,
    /// Age at which a connection is asked to end.
    pub(crate) connection_age: Duration,
}

impl ListenOptions {
    /// Listens on these addresses with the usual bounds.
    pub(crate) fn new(addresses: Vec<IpAddr>) -> Self {
        Self {
            addresses,
            port: None,
            anywhere: false,
            connections: 512,
            connections_per_peer: 32,
            header_timeout: Duration::from_secs(10),
            connection_age: Duration::from_secs(10 * 60),
        }
    }

    /// The port that was used before.
    #[must_use]
    pub(crate) const fn port(mut self, port: Option<u16>) -> Self {
        self.port = port;
        self
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) router: Router,
    pub(super) options: ListenOptions,
    pub(super) connections: Arc<Connections>,
    pub(super) tasks: TaskTracker,
    /// Ends the listening on one address. Never locked across an await.
    pub(super) listening: Mutex<BTreeMap<IpAddr, CancellationToken>>,
    /// Nothing new is taken.
    pub(super) stop: CancellationToken,
    /// What is under way is given up.
    pub(super) abort: CancellationToken,
}

impl Shared {
    pub(super) fn listening(&self) -> MutexGuard<'_, BTreeMap<IpAddr, CancellationToken>> {
        // Each change is one insertion or removal.
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
