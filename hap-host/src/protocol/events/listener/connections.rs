use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many connections there may be at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLimits {
    /// Of one address beyond its own share.
    pub(crate) of_peer: usize,
    /// Of all addresses together beyond their own shares.
    pub(crate) shared: usize,
    /// Those that each address has for itself, whatever the others take.
    pub(crate) own: usize,
    /// Addresses at once: bounds the shares, and with them the open files.
    pub(crate) peers: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            of_peer: 28,
            shared: 384,
            own: 4,
            // A network of plugins holds as many by default.
            peers: 512,
        }
    }
}

impl ConnectionLimits {
    /// Connections that an address may have beyond its share.
    fn most_of(&self, peer: IpAddr) -> usize {
        // On loopback many plugins may have one address. Containers keep the other half.
        if peer.is_loopback() {
            self.of_peer.max(self.shared / 2)
        } else {
            self.of_peer
        }
    }
}

/// Counts connections by address, so that nobody takes those of another.
///
/// Each address has a share of its own and may take more out of what is there for all. A container
/// cannot fake its address, so its share is its plugin's.
#[derive(Debug)]
pub(super) struct Connections {
    limits: ConnectionLimits,
    peers: Mutex<HashMap<IpAddr, usize>>,
}

impl Connections {
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        Self {
            limits,
            peers: Mutex::default(),
        }
    }

    /// Counts a connection, if there is room for it.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Connected> {
        let limits = &self.limits;
        let mut peers = self.lock();
        let of_peer = peers.get(&peer).copied().unwrap_or_default();
        let has_room = if of_peer < limits.own {
            of_peer > 0 || peers.len() < limits.peers
        } else {
            let shared: usize = peers.values().map(|count| count.saturating_sub(limits.own)).sum();
            shared < limits.shared && of_peer - limits.own < limits.most_of(peer)
        };
        if !has_room {
            return None;
        }
        peers.insert(peer, of_peer + 1);
        drop(peers);
        Some(Connected {
            connections: Arc::clone(self),
            peer,
        })
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().values().sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A counted connection, until dropped.
#[derive(Debug)]
pub(super) struct Connected {
    connections: Arc<Connections>,
    peer: IpAddr,
}

impl Connected {
    pub(super) const fn peer(&self) -> IpAddr {
        self.peer
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut peers = self.connections.lock();
        if let Some(count) = peers.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn connections_are_bounded_by_address_and_in_all_and_each_address_keeps_its_own() {
        let limits = ConnectionLimits {
            of_peer: 2,
            shared: 3,
            own: 1,
            peers: 5,
        };
        let connections = Arc::new(Connections::new(limits));
        let mut held = Vec::new();
        let mut take = |peer| {
            let taken = connections.take(peer);
            let is_taken = taken.is_some();
            held.extend(taken);
            is_taken
        };
        assert_eq!([(); 4].map(|()| take(peer(1))), [true, true, true, false]);
        assert_eq!(
            [(); 3].map(|()| take(peer(2))),
            [true, true, false],
            "all that is shared"
        );
        for other in 3..=5 {
            assert_eq!([(); 2].map(|()| take(peer(other))), [true, false], "its own");
        }
        assert!(!take(peer(6)), "the shares are bounded");
        assert_eq!(connections.count(), 8);
        held.clear();
        assert_eq!(connections.count(), 0);
        assert!(connections.lock().is_empty());
    }

    #[test]
    fn nobody_keeps_a_plugin_from_delivering_by_idle_connections() {
        let connections = Arc::new(Connections::new(ConnectionLimits::default()));
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let local: Vec<_> = std::iter::from_fn(|| connections.take(loopback)).collect();
        assert_eq!(local.len(), 4 + 192, "half of what is shared");
        let mut others = Vec::new();
        for last in 1..=100 {
            others.extend(std::iter::from_fn(|| connections.take(peer(last))));
        }
        let mine: Vec<_> = std::iter::from_fn(|| connections.take(peer(200))).collect();
        assert_eq!(mine.len(), 4);
    }
}
