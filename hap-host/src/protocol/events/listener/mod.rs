mod bind;
mod connections;
mod follow;
mod serve;
pub(crate) mod shared;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use tokio::time;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    bind::{Bound, bind_all},
    connections::Connections,
    shared::{ListenOptions, Shared},
};
use crate::error::{Error, ErrorKind};

/// Serves a router on one port of several addresses. Dropped, it stops at once.
#[derive(Debug)]
pub(crate) struct Listener {
    shared: Arc<Shared>,
    port: u16,
}

impl Listener {
    /// Binds and begins to serve.
    ///
    /// The port is the one asked for where it is free on all addresses, and another otherwise. An
    /// address that does not exist yet is bound as soon as it does.
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
