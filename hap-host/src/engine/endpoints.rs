use std::net::IpAddr;

use super::spec::NetworkMode;

/// Where the platform is found from inside a plugin, by the plugin's network.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostEndpoints {
    /// The host's address on the network of plugins without network access.
    pub isolated_gateway: IpAddr,
    /// The host's address on the network of plugins with network access.
    pub outbound_gateway: IpAddr,
    /// First address and length of the prefix of each subnet that was proved to be on this machine.
    subnets: Vec<(IpAddr, u8)>,
}

impl HostEndpoints {
    /// Names both gateways.
    #[must_use]
    pub const fn new(isolated_gateway: IpAddr, outbound_gateway: IpAddr) -> Self {
        Self {
            isolated_gateway,
            outbound_gateway,
            subnets: Vec::new(),
        }
    }

    /// Adds a subnet that was proved to be on this machine, by one of its addresses and the length of
    /// its prefix. Without the subnet around a gateway, plugins there are not heard: the listener takes
    /// nothing from outside of it.
    #[must_use]
    pub fn with_subnet(mut self, address: IpAddr, prefix: u8) -> Self {
        self.subnets.push((address, prefix));
        self
    }

    /// Whether an address was proved to be a container's on this machine: it is loopback, or in one of
    /// the subnets. Nothing that carries a key is sent anywhere else.
    #[must_use]
    pub fn covers(&self, address: IpAddr) -> bool {
        address.is_loopback()
            || self
                .subnets
                .iter()
                .any(|(network, prefix)| is_within(address, *network, *prefix))
    }

    /// Returns the length of the prefix of the network around one of the host's addresses, in bits:
    /// of all of the address where no subnet with it was proved, so that nobody else is in it.
    pub(crate) fn prefix(&self, address: IpAddr) -> u8 {
        let around = self.subnets.iter();
        let around = around.filter(|(network, prefix)| is_within(address, *network, *prefix));
        let alone = if address.is_ipv4() { 32 } else { 128 };
        around.map(|(_, prefix)| *prefix).max().unwrap_or(alone)
    }

    /// The host's address as a plugin on `network` sees it.
    #[must_use]
    pub const fn gateway(&self, network: NetworkMode) -> IpAddr {
        match network {
            NetworkMode::Isolated => self.isolated_gateway,
            NetworkMode::Outbound => self.outbound_gateway,
        }
    }
}

/// Whether two addresses are of one kind and share the first `prefix` bits.
pub(crate) fn is_within(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    let (difference, length) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits() ^ b.to_bits()) << 96, 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits(), 128),
        _ => return false,
    };
    let prefix = u32::from(prefix).min(length);
    difference.leading_zeros() >= prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_subnets_that_were_proved_are_covered() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let endpoints = HostEndpoints::new(ip("10.213.7.1"), ip("10.213.8.1"));
        assert!(endpoints.covers(ip("127.0.0.1")) && !endpoints.covers(ip("10.213.7.2")));
        let endpoints = endpoints
            .with_subnet(ip("10.213.7.1"), 24)
            .with_subnet(ip("fd00::1"), 64);
        for inside in ["10.213.7.0", "10.213.7.255", "fd00::ffff", "::1"] {
            assert!(endpoints.covers(ip(inside)), "{inside}");
        }
        for outside in [
            "10.213.8.2",
            "10.212.7.2",
            "192.0.2.1",
            "fd00:0:0:1::1",
            "::ffff:10.213.7.2",
        ] {
            assert!(!endpoints.covers(ip(outside)), "{outside}");
        }
        assert_eq!(endpoints.prefix(ip("10.213.7.1")), 24);
        assert_eq!(endpoints.prefix(ip("10.213.8.1")), 32, "nothing was proved of it");
        assert_eq!(endpoints.prefix(ip("fd00:1::1")), 128);
        let all = HostEndpoints::new(ip("10.0.0.1"), ip("10.0.0.1")).with_subnet(ip("10.0.0.1"), 0);
        assert!(all.covers(ip("192.0.2.1")) && !all.covers(ip("fd00::1")));
    }
}
