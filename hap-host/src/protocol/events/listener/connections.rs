use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Counts connections, in all and by address, so that one plugin cannot take them all.
///
/// On loopback every plugin has the same address: together they may take half of all, and
/// containers keep the rest.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    most_of_peer: usize,
    peers: Mutex<HashMap<IpAddr, usize>>,
}

impl Connections {
    pub(super) fn new(most: usize, most_of_peer: usize) -> Self {
        Self {
            most,
            most_of_peer,
            peers: Mutex::default(),
        }
    }

    /// Counts a connection, if there is room for it.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Connected> {
        let mut peers = self.lock();
        let all: usize = peers.values().sum();
        let most_of_peer = if peer.is_loopback() {
            self.most_of_peer.max(self.most / 2)
        } else {
            self.most_of_peer
        };
        let of_peer = peers.entry(peer).or_default();
        if all >= self.most || *of_peer >= most_of_peer {
            // The entry may have been made just now.
            if *of_peer == 0 {
                peers.remove(&peer);
            }
            return None;
        }
        *of_peer += 1;
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
