//! What the listener and its connections share.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::Router;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::connections::{ConnectionLimits, Connections};
use crate::engine::endpoints::is_within;

/// An address to listen on, and the network whose members may come to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) address: IpAddr,
    /// Length of the network's prefix, in bits.
    pub(crate) prefix: u8,
}

/// Every program of this machine, by whichever of its addresses it comes.
pub(in crate::protocol::events) const THIS_MACHINE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl Place {
    /// Who a peer counts as; `None` for one that has no business here: a neighbour of the machine
    /// that has a route to an address which only plugins should come to.
    pub(super) fn who(self, peer: IpAddr) -> Option<IpAddr> {
        // A program of this machine has all of 127.0.0.0/8 to choose from, and this address too.
        if peer.is_loopback() || peer == self.address {
            return Some(THIS_MACHINE);
        }
        is_within(peer, self.address, self.prefix).then_some(peer)
    }
}

/// An address in a network of its own: only programs of this machine come to it. The unspecified
/// address is in every network.
impl From<IpAddr> for Place {
    fn from(address: IpAddr) -> Self {
        let prefix = if address.is_unspecified() { 0 } else { 128 };
        Self { address, prefix }
    }
}

/// Where to listen and how much to take.
#[derive(Debug, Clone)]
pub(crate) struct ListenOptions {
    /// The addresses, all on the same port. The unspecified address is refused unless
    /// `anywhere` is set.
    pub(crate) places: Vec<Place>,
    /// The port that was used before, if any: plugins that still run know it.
    pub(crate) port: Option<u16>,
    /// Allows `0.0.0.0` and `::`, which open the inbox to the whole network.
    pub(crate) anywhere: bool,
    pub(crate) connections: ConnectionLimits,
    /// Time for the head of a request, and so also for a connection to be idle.
    pub(crate) header_timeout: Duration,
    /// Age at which a connection is asked to end.
    pub(crate) connection_age: Duration,
}

impl ListenOptions {
    /// Listens on these addresses with the usual bounds.
    pub(crate) fn new(places: impl IntoIterator<Item = impl Into<Place>>) -> Self {
        Self {
            places: places.into_iter().map(Into::into).collect(),
            port: None,
            anywhere: false,
            connections: ConnectionLimits::default(),
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
    pub(super) listening: Mutex<BTreeMap<Place, CancellationToken>>,
    /// Nothing new is taken.
    pub(super) stop: CancellationToken,
    /// What is under way is given up.
    pub(super) abort: CancellationToken,
}

impl Shared {
    pub(super) fn listening(&self) -> MutexGuard<'_, BTreeMap<Place, CancellationToken>> {
        // Each change is one insertion or removal.
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_the_network_of_an_address_come_to_it() {
        let place = |address: &str, prefix| Place {
            address: address.parse().unwrap(),
            prefix,
        };
        let gateway = place("10.213.7.1", 24);
        for (place, peer, who) in [
            (gateway, "10.213.7.2", Some("10.213.7.2")),
            (gateway, "10.213.7.254", Some("10.213.7.254")),
            (gateway, "10.213.7.1", Some("127.0.0.1")),
            (gateway, "127.0.0.1", Some("127.0.0.1")),
            (gateway, "127.4.5.6", Some("127.0.0.1")),
            (gateway, "10.213.8.2", None),
            (gateway, "192.168.1.7", None),
            (gateway, "0.0.0.0", None),
            (gateway, "::1", Some("127.0.0.1")),
            (gateway, "fe80::1", None),
            (place("10.213.7.1", 16), "10.213.8.2", Some("10.213.8.2")),
            (place("127.0.0.1", 8), "127.0.0.2", Some("127.0.0.1")),
            (place("127.0.0.1", 8), "10.213.7.2", None),
            (place("fd00::1", 64), "fd00::2", Some("fd00::2")),
            (place("fd00::1", 64), "fd00:0:0:1::2", None),
            (place("fd00::1", 64), "10.213.7.2", None),
            (place("10.213.7.1", 200), "10.213.7.2", None),
            (Place::from(gateway.address), "10.213.7.2", None),
            (
                Place::from(IpAddr::from([0; 4])),
                "192.168.1.7",
                Some("192.168.1.7"),
            ),
        ] {
            let who: Option<IpAddr> = who.map(|who| who.parse().unwrap());
            assert_eq!(place.who(peer.parse().unwrap()), who, "{peer} at {place:?}");
        }
    }
}
