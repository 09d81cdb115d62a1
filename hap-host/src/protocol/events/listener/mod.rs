mod bind;
mod connections;
mod follow;
mod serve;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::Router;
use tokio::{net::TcpListener, time};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    bind::{Bound, bind_all, bind_one},
    connections::Connections,
    serve::serve,
};
use crate::error::{Error, ErrorKind};

/// Pauses between attempts to bind an address that does not exist yet, doubling.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_LONGEST: Duration = Duration::from_secs(10);

/// Where to listen and how much to take.
#[derive(Debug, Clone)]
pub(crate) struct ListenOptions {
    /// The addresses, all on the same port. The unspecified address is refused unless `anywhere` is set.
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

/// Serves a router on one port of several addresses. Dropped, it stops at once.
#[derive(Debug)]
pub(crate) struct Listener {
    shared: Arc<Shared>,
    port: u16,
}

#[derive(Debug)]
struct Shared {
    router: Router,
    options: ListenOptions,
    connections: Arc<Connections>,
    tasks: TaskTracker,
    /// Ends the listening on one address. Never locked across an await.
    listening: Mutex<BTreeMap<IpAddr, CancellationToken>>,
    /// Nothing new is taken.
    stop: CancellationToken,
    /// What is under way is given up.
    abort: CancellationToken,
}

impl Listener {
    /// Binds and begins to serve.
    ///
    /// The port is the one asked for where it is free on all addresses, and another otherwise. An address that does
    /// not exist yet is bound as soon as it does.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for no address or an unspecified one;
    /// [`ErrorKind::Unreachable`] when no port can be bound.
    pub(crate) async fn start(router: Router, options: ListenOptions) -> Result<Self, Error> {
        let addresses = checked(&options)?;
        let Bound { port, sockets } = bind_all(&addresses, options.port).await?;
        let connections = Connections::new(options.connections, options.connections_per_peer);
        let shared = Arc::new(Shared {
            router,
            options,
            connections: Arc::new(connections),
            tasks: TaskTracker::new(),
            listening: Mutex::default(),
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
        });
        for (address, socket) in sockets {
            shared.spawn(SocketAddr::new(address, port), socket);
        }
        Ok(Self { shared, port })
    }

    /// The port, the same on every address.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Takes nothing new, lets requests under way finish for so long, then gives them up.
    pub(crate) async fn shutdown(&self, grace: Duration) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        if time::timeout(grace, self.shared.tasks.wait()).await.is_err() {
            tracing::debug!("gave up requests of plugins that were under way");
        }
        self.shared.abort.cancel();
        self.shared.tasks.wait().await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        self.shared.abort.cancel();
    }
}

impl Shared {
    fn spawn(self: &Arc<Self>, address: SocketAddr, socket: Option<TcpListener>) {
        let shared = Arc::clone(self);
        let stop = self.stop.child_token();
        let earlier = self.listening().insert(address.ip(), stop.clone());
        if let Some(earlier) = earlier {
            earlier.cancel();
        }
        self.tasks.spawn(async move {
            let socket = match socket {
                Some(socket) => socket,
                None => match stop.run_until_cancelled(bound(address)).await {
                    Some(socket) => socket,
                    None => return,
                },
            };
            tracing::debug!(%address, "listening for events");
            serve(socket, &shared, &stop).await;
        });
    }

    fn listening(&self) -> MutexGuard<'_, BTreeMap<IpAddr, CancellationToken>> {
        // Each change is one insertion or removal.
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Binds an address as soon as it exists.
async fn bound(address: SocketAddr) -> TcpListener {
    let mut pause = RETRY_FIRST;
    loop {
        match bind_one(address) {
            Ok(socket) => return socket,
            // Expected while a network is being made again.
            Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {
                tracing::debug!(%address, "the address does not exist yet");
            }
            Err(error) => tracing::warn!(%address, %error, "cannot listen for events"),
        }
        time::sleep(pause).await;
        pause = (pause * 2).min(RETRY_LONGEST);
    }
}

fn checked(options: &ListenOptions) -> Result<BTreeSet<IpAddr>, Error> {
    for address in &options.addresses {
        refuse_unspecified(*address, options)?;
    }
    let addresses: BTreeSet<_> = options.addresses.iter().copied().collect();
    if addresses.is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "there is no address to listen for events on",
        ));
    }
    Ok(addresses)
}

fn refuse_unspecified(address: IpAddr, options: &ListenOptions) -> Result<(), Error> {
    if address.is_unspecified() && !options.anywhere {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "listening on {address} would open the event inbox to the whole network; name an address"
            ),
        ));
    }
    Ok(())
}
