use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::listener::shared::THIS_MACHINE;

/// Requests in flight from one address in the name of one plugin.
const MOST_REQUESTS: usize = 8;
/// Bytes of bodies in memory from one address: two of the largest and some more.
const MOST_BYTES_OF_PEER: usize = 12 * 1024 * 1024;
/// The same for loopback, where every plugin has the same address.
const MOST_BYTES_OF_LOOPBACK: usize = MOST_BYTES / 2;
/// Bytes of bodies in memory in all, beyond what each address has for itself.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of bodies in memory that each address has for itself, whatever the others take: an event
/// of the largest size and some more.
const OWN_BYTES: usize = 512 * 1024;

/// Who sent a request, as far as is known before it is proved: a container cannot fake its address,
/// so nobody can use up the room of a plugin on another address by using its name.
pub(super) type Sender = (IpAddr, String);

/// Bounds what is in flight, before anything is known about who sent it.
#[derive(Debug, Default)]
pub(super) struct Admission(Mutex<Load>);

#[derive(Debug, Default)]
struct Load {
    bytes: usize,
    peers: HashMap<IpAddr, usize>,
    requests: HashMap<Sender, usize>,
}

impl Admission {
    /// Lets a request in, if there is room.
    pub(super) fn admit(self: &Arc<Self>, mut sender: Sender) -> Option<Admitted> {
        // A program of this machine has many addresses to choose from.
        if sender.0.is_loopback() {
            sender.0 = THIS_MACHINE;
        }
        let mut load = self.lock();
        let count = load.requests.entry(sender.clone()).or_default();
        if *count >= MOST_REQUESTS {
            return None;
        }
        *count += 1;
        drop(load);
        Some(Admitted {
            admission: Arc::clone(self),
            sender,
            bytes: 0,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Load> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that was let in. Its room is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    admission: Arc<Admission>,
    sender: Sender,
    bytes: usize,
}

impl Admitted {
    /// Takes room for more of the body; counted as it arrives, so that announcing a body costs
    /// others nothing.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let most_of_peer = if self.sender.0.is_loopback() {
            MOST_BYTES_OF_LOOPBACK
        } else {
            MOST_BYTES_OF_PEER
        };
        let mut load = self.admission.lock();
        let all = load.bytes.saturating_add(bytes);
        let of_peer = load.peers.entry(self.sender.0).or_default();
        let peer = of_peer.saturating_add(bytes);
        if peer > most_of_peer || (all > MOST_BYTES && peer > OWN_BYTES) {
            return false;
        }
        *of_peer = peer;
        load.bytes = all;
        drop(load);
        self.bytes += bytes;
        true
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut load = self.admission.lock();
        load.bytes = load.bytes.saturating_sub(self.bytes);
        subtract(&mut load.peers, &self.sender.0, self.bytes);
        subtract(&mut load.requests, &self.sender, 1);
    }
}

/// Subtracts and removes what comes to nothing, so that the maps hold only what is in flight.
fn subtract<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K, less: usize) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(less);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(last: u8, plugin: &str) -> Sender {
        (IpAddr::from([10, 0, 0, last]), plugin.to_owned())
    }

    #[test]
    fn one_sender_cannot_use_up_the_room_of_another() {
        let admission = Arc::new(Admission::default());
        let mut held: Vec<_> = (0..MOST_REQUESTS)
            .map(|_| admission.admit(sender(1, "light")).unwrap())
            .collect();
        assert!(admission.admit(sender(1, "light")).is_none());
        assert!(
            admission.admit(sender(2, "light")).is_some(),
            "the same name from elsewhere"
        );
        assert!(
            admission.admit(sender(1, "lock")).is_some(),
            "another plugin on the same address"
        );

        assert!(held[0].grow(MOST_BYTES_OF_PEER));
        assert!(!held[1].grow(1));
        let mut other = admission.admit(sender(2, "lock")).unwrap();
        assert!(other.grow(MOST_BYTES_OF_PEER));
    }

    #[test]
    fn loopback_leaves_half_of_the_room_to_containers() {
        let admission = Arc::new(Admission::default());
        let loopback = |n| IpAddr::from([127, 0, 0, n]);
        let mut local: Vec<_> = (1..=4)
            .map(|n| admission.admit((loopback(n), format!("p{n}"))).unwrap())
            .collect();
        assert!(local.iter_mut().all(|one| one.grow(8 * 1024 * 1024)));
        assert!(!local[0].grow(1));
        assert!(
            admission
                .admit(sender(1, "light"))
                .unwrap()
                .grow(MOST_BYTES_OF_PEER)
        );
    }

    #[test]
    fn each_address_keeps_room_for_an_event_whatever_the_others_hold() {
        let admission = Arc::new(Admission::default());
        let mut others: Vec<_> = (1..=6)
            .map(|last| admission.admit(sender(last, "p")).unwrap())
            .collect();
        for other in &mut others {
            while other.grow(64 * 1024) {}
        }
        let mut one = admission.admit(sender(7, "light")).unwrap();
        assert!(one.grow(OWN_BYTES));
        assert!(!one.grow(1));
    }

    #[test]
    fn everything_is_given_back() {
        let admission = Arc::new(Admission::default());
        let mut one = admission.admit(sender(1, "light")).unwrap();
        assert!(one.grow(100));
        assert!(!one.grow(MOST_BYTES), "and what is refused is not counted");
        drop(one);
        let load = admission.lock();
        assert_eq!(load.bytes, 0);
        assert!(load.peers.is_empty());
        assert!(load.requests.is_empty());
    }
}
