mod bind;
mod connections;
mod follow;
mod serve;
pub(crate) mod shared;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use tokio::time;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    bind::{Bound, bind_all},
    connections::Connections,
    shared::{ListenOptions, Place, Shared},
};
use crate::error::{Error, ErrorKind};

/// Serves a router on one port of several addresses. Dropped, it stops at once.
#[derive(Debug)]
pub(crate) struct Listener {
    shared: Arc<Shared>,
    port: u16,
}

impl Listener {
    /// Binds and begins to serve, see [`bind`](Self::bind).
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    #[cfg(test)]
    pub(crate) async fn start(router: Router, options: ListenOptions) -> Result<Self, Error> {
        Ok(Self::bind(options).await?.serve(router))
    }

    /// Binds, and serves nobody yet.
    ///
    /// The port is the one asked for where it is free on all addresses, and another otherwise. An
    /// address that does not exist yet is bound as soon as it does.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for no address or an unspecified one;
    /// [`ErrorKind::Unreachable`] when no port can be bound.
    pub(crate) async fn bind(options: ListenOptions) -> Result<BoundListener, Error> {
        let places = checked(&options)?;
        let addresses = places.keys().copied().collect();
        let bound = bind_all(&addresses, options.port).await?;
        Ok(BoundListener {
            options,
            places,
            bound,
        })
    }

    /// The port, the same on every address.
    #[cfg(test)]
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

/// A port on each of the addresses, before anybody is served.
#[derive(Debug)]
pub(crate) struct BoundListener {
    options: ListenOptions,
    places: BTreeMap<IpAddr, Place>,
    bound: Bound,
}

impl BoundListener {
    /// The port, the same on every address.
    pub(crate) const fn port(&self) -> u16 {
        self.bound.port
    }

    /// Begins to serve.
    pub(crate) fn serve(self, router: Router) -> Listener {
        let Bound { port, sockets } = self.bound;
        let shared = Arc::new(Shared {
            router,
            connections: Arc::new(Connections::new(self.options.connections)),
            options: self.options,
            tasks: TaskTracker::new(),
            listening: Mutex::default(),
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
        });
        for (address, socket) in sockets {
            let place = self.places.get(&address).copied();
            shared.spawn(place.unwrap_or_else(|| address.into()), port, socket);
        }
        Listener { shared, port }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        self.shared.abort.cancel();
    }
}

fn checked(options: &ListenOptions) -> Result<BTreeMap<IpAddr, Place>, Error> {
    let mut places = BTreeMap::new();
    for place in &options.places {
        refuse_unspecified(place.address, options)?;
        places.entry(place.address).or_insert(*place);
    }
    if places.is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "there is no address to listen for events on",
        ));
    }
    Ok(places)
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
