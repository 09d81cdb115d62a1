//! Room for connections: so many in all, and so many of one address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::door::Peer;

/// Connections at a time, of each socket that is listened on.
const ALL: usize = 128;
/// Those of one address, which may be a plugin's: it must not keep the others out.
const OF_ADDRESS: usize = 32;

/// Counts the connections of one socket.
#[derive(Debug, Default)]
pub(super) struct Room {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of_address: HashMap<IpAddr, usize>,
}

impl Room {
    /// Counts a connection, if there is room for it.
    pub(super) fn take(self: &Arc<Self>, peer: Peer) -> Option<Place> {
        let address = match peer {
            Peer::Address(address) => Some(address),
            Peer::User(_) => None,
        };
        let mut taken = self.taken();
        let of_address = address
            .and_then(|address| taken.of_address.get(&address))
            .copied();
        if taken.all >= ALL || of_address.unwrap_or_default() >= OF_ADDRESS {
            return None;
        }
        taken.all += 1;
        if let Some(address) = address {
            *taken.of_address.entry(address).or_default() += 1;
        }
        drop(taken);
        Some(Place {
            room: Arc::clone(self),
            address,
        })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A counted connection, until dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    address: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        taken.all -= 1;
        let Some(address) = self.address else { return };
        if let Some(count) = taken.of_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                taken.of_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(room: &Arc<Room>, peer: Peer) -> Vec<Place> {
        std::iter::from_fn(|| room.take(peer)).collect()
    }

    #[test]
    fn no_address_keeps_another_out_and_a_place_is_given_back() {
        let room = Arc::new(Room::default());
        let peer = |last| Peer::Address(IpAddr::from([10, 0, 0, last]));
        let first = all(&room, peer(1));
        assert_eq!(first.len(), OF_ADDRESS);
        let others: Vec<_> = (2..=9).flat_map(|last| all(&room, peer(last))).collect();
        assert_eq!(first.len() + others.len(), ALL);
        assert!(room.take(peer(200)).is_none() && room.take(Peer::User(None)).is_none());
        drop((first, others));
        let taken = room.taken();
        assert!(taken.all == 0 && taken.of_address.is_empty(), "{taken:?}");
        drop(taken);
        assert_eq!(all(&room, Peer::User(Some(0))).len(), ALL);
    }
}
