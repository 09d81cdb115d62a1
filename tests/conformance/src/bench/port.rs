//! Ports for plugins to listen on.

use std::{
    net::{Ipv4Addr, TcpListener},
    ops::Range,
    sync::{
        LazyLock,
        atomic::{AtomicU16, Ordering},
    },
};

/// Below those that systems give to connections: one of those may be taken again before a plugin listens on it.
const PORTS: Range<u16> = 20_000..32_000;

/// The next port to try. Another suite on this machine begins elsewhere.
static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(fastrand::u16(PORTS)));

/// Returns a port that nobody listens on, and that this process gives to nobody else for long: two plugins that are
/// started at the same time must not be given the same.
pub(super) fn free_port() -> Option<u16> {
    let mut ports = PORTS.map(|_| {
        let after = |port: u16| {
            Some(if port + 1 < PORTS.end {
                port + 1
            } else {
                PORTS.start
            })
        };
        match NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, after) {
            Ok(port) | Err(port) => port,
        }
    });
    ports.find(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_port_is_given_twice_in_a_row() {
        let ports: BTreeSet<_> = (0..200).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 200);
        assert!(ports.iter().all(|port| PORTS.contains(port)));
    }
}
