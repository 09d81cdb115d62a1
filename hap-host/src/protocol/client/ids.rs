use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use uuid::Uuid;

/// Makes ids of requests and of places in a trace. They have to differ, not to be secret, so one
/// draw from the system's random source serves all calls: each later one would cost as much as
/// writing the whole request.
#[derive(Debug)]
pub(super) struct Ids {
    seed: u64,
    next: AtomicU64,
}

/// Golden ratio of 64 bits: steps of it visit every number once, far from each other.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Ids {
    /// Without randomness the ids of two clients may meet: tracing is worse then, and
    /// the calls are not.
    pub(super) fn new() -> Self {
        let mut seeds = [[0_u8; 8]; 2];
        for seed in &mut seeds {
            let _ = getrandom::fill(seed);
        }
        let [seed, next] = seeds.map(u64::from_le_bytes);
        Self {
            seed,
            next: AtomicU64::new(next),
        }
    }

    /// Eight bytes that did not come before.
    pub(super) fn eight(&self) -> [u8; 8] {
        let place = self.next.fetch_add(STEP, Ordering::Relaxed);
        mixed(self.seed ^ mixed(place)).to_le_bytes()
    }

    pub(super) fn sixteen(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let (front, back) = bytes.split_at_mut(8);
        front.copy_from_slice(&self.eight());
        back.copy_from_slice(&self.eight());
        bytes
    }

    /// A UUID of version 7.
    pub(super) fn request(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(now.as_millis()).unwrap_or_default();
        let mut random = [0; 10];
        for (byte, drawn) in random.iter_mut().zip(self.sixteen()) {
            *byte = drawn;
        }
        let id: Uuid = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        id.to_string()
    }
}

/// Every bit of the result depends on every bit of the number, and no two numbers give the same.
const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_do_not_repeat_and_two_clients_do_not_share_them() {
        let (one, two) = (Ids::new(), Ids::new());
        let mut seen = HashSet::new();
        for _ in 0..10_000 {
            assert!(seen.insert(one.eight()) && seen.insert(two.eight()));
        }
        let requests: HashSet<_> = (0..1000).map(|_| one.request()).collect();
        assert_eq!(requests.len(), 1000);
        let id = Uuid::parse_str(&one.request()).unwrap();
        assert_eq!(id.get_version_num(), 7);
        let (made, _) = id.get_timestamp().unwrap().to_unix();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(now - made < 60);
    }
}
