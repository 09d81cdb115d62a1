use std::{fmt, net::Ipv4Addr};

use hap_manifest::ParseError;
use ipnet::Ipv4Net;

pub(super) fn overlap(a: Ipv4Net, b: Ipv4Net) -> bool {
    a.contains(&b) || b.contains(&a)
}

/// The IPv4 range from which the networks of plugins take their subnets. Default: `/24` subnets of
/// `10.213.0.0/16`.
///
/// A subnet that overlaps a network of the engine or a route of the host is passed over. A route that is
/// broader than the range does not count where it leads through a gateway or a tunnel, as a VPN's does:
/// the narrower route of a plugins' network goes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetPool {
    range: Ipv4Net,
    subnet_prefix: u8,
}

impl SubnetPool {
    /// Takes subnets of `subnet_prefix` bits from the range that `base` and `range_prefix` name.
    ///
    /// A subnet holds `2^(32 - subnet_prefix) - 4` plugins. A Linux bridge holds at most 1,023, so
    /// prefixes below 22 waste addresses.
    ///
    /// # Errors
    /// Unless `8 <= range_prefix < subnet_prefix <= 29`.
    pub fn new(base: Ipv4Addr, range_prefix: u8, subnet_prefix: u8) -> Result<Self, ParseError> {
        match Ipv4Net::new(base, range_prefix) {
            Ok(range) if range_prefix >= 8 && range_prefix < subnet_prefix && subnet_prefix <= 29 => {
                Ok(Self {
                    range: range.trunc(),
                    subnet_prefix,
                })
            }
            _ => Err(ParseError::of(
                "subnet pool",
                &format!("/{subnet_prefix} of {base}/{range_prefix}"),
                "such subnets do not fit into such a range",
                "use 8 <= range prefix < subnet prefix <= 29",
            )),
        }
    }

    pub(super) fn overlaps(self, other: Ipv4Net) -> bool {
        overlap(self.range, other)
    }

    /// All subnets of the pool, once each, from one that `seed` chooses on: two supervisors then
    /// seldom race for the same, and one finds its own again.
    pub(super) fn candidates(self, seed: &str) -> impl Iterator<Item = Ipv4Net> + use<> {
        let base = u32::from(self.range.addr());
        let count = 1_u32 << (self.subnet_prefix - self.range.prefix_len());
        let first = fnv1a(seed) % count;
        (0..count).map(move |step| {
            let index = (first + step) % count;
            let address = Ipv4Addr::from(base + (index << (32 - self.subnet_prefix)));
            Ipv4Net::new_assert(address, self.subnet_prefix)
        })
    }
}

/// What of a [`SubnetPool`] is free, as
/// [`DockerEngine::free_subnets`](crate::engine::DockerEngine::free_subnets) finds it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FreeSubnets {
    /// Subnets that overlap no network of the engine and no route of this host.
    pub free: usize,
    /// All subnets of the pool.
    pub total: usize,
    /// What takes the others, each as `the network NAME (SUBNET)` or `the route to SUBNET by INTERFACE`, the most of it first.
    pub in_the_way: Vec<String>,
}

impl Default for SubnetPool {
    fn default() -> Self {
        Self {
            range: Ipv4Net::new_assert(Ipv4Addr::new(10, 213, 0, 0), 16),
            subnet_prefix: 24,
        }
    }
}

impl fmt::Display for SubnetPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.range.fmt(f)
    }
}

/// A hash that stays the same over versions and machines, unlike the standard library's.
fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// A route of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    to: Ipv4Net,
    interface: String,
    /// What is there is reached through another machine.
    by_gateway: bool,
}

impl Route {
    /// The addresses that a network of plugins must not have because of this route. One that is
    /// broader than the pool leads to what is far away, as that of a VPN does, and the narrower route
    /// of a network goes before it; only what is connected directly has neighbours of those addresses.
    pub(super) fn taken(&self, pool: SubnetPool, is_tunnel: impl Fn(&str) -> bool) -> Option<Ipv4Net> {
        let is_broader = self.to.contains(&pool.range) && self.to != pool.range;
        let is_far = self.by_gateway || is_tunnel(&self.interface);
        (!(is_broader && is_far)).then_some(self.to)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the route to {} by {}", self.to, self.interface)
    }
}

/// The routes in a routing table of Linux, without the default route.
pub(super) fn routes(table: &str) -> Vec<Route> {
    table
        .lines()
        .skip(1)
        .filter_map(route)
        .filter(|route| route.to.prefix_len() > 0)
        .collect()
}

fn route(line: &str) -> Option<Route> {
    let mut fields = line.split_whitespace();
    let interface = fields.next()?.to_owned();
    let address = kernel_address(fields.next()?)?;
    let gateway = kernel_address(fields.next()?)?;
    let mask = kernel_address(fields.nth(4)?)?;
    Some(Route {
        to: Ipv4Net::with_netmask(address, mask).ok()?,
        interface,
        by_gateway: !gateway.is_unspecified(),
    })
}

/// The kernel prints an address in network byte order as a native integer.
fn kernel_address(hex: &str) -> Option<Ipv4Addr> {
    u32::from_str_radix(hex, 16)
        .ok()
        .map(|bits| Ipv4Addr::from(bits.to_ne_bytes()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn subnet(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    #[test]
    fn overlap_is_symmetric_and_exact() {
        for (a, b, overlap) in [
            ("10.213.0.0/16", "10.213.7.0/24", true),
            ("10.213.7.0/24", "10.213.8.0/24", false),
            ("10.213.7.0/24", "10.213.7.128/25", true),
            ("0.0.0.0/0", "10.213.7.0/24", true),
            ("10.213.7.9/32", "10.213.7.0/24", true),
            ("172.17.0.0/16", "10.213.7.0/24", false),
        ] {
            assert_eq!(super::overlap(subnet(a), subnet(b)), overlap, "{a} {b}");
            assert_eq!(super::overlap(subnet(b), subnet(a)), overlap, "{b} {a}");
        }
    }

    #[test]
    fn the_pool_offers_each_subnet_once_and_begins_where_the_seed_says() {
        let pool = SubnetPool::default();
        let offered: Vec<_> = pool.candidates("hap-home-isolated").collect();
        assert_eq!(offered.len(), 256);
        assert_eq!(offered.iter().collect::<HashSet<_>>().len(), 256);
        assert!(
            offered
                .iter()
                .all(|one| overlap(*one, subnet("10.213.0.0/16")) && one.prefix_len() == 24)
        );
        assert_eq!(
            offered.first(),
            pool.candidates("hap-home-isolated").next().as_ref()
        );
        assert_ne!(
            offered.first(),
            pool.candidates("hap-home-outbound").next().as_ref()
        );
    }

    #[test]
    fn pools_without_room_are_refused_with_the_rule() {
        let base = Ipv4Addr::new(10, 1, 0, 0);
        let pool = SubnetPool::new(Ipv4Addr::new(10, 1, 2, 3), 16, 22).unwrap();
        assert_eq!(pool.to_string(), "10.1.0.0/16");
        for (range, sub) in [(24, 24), (24, 16), (7, 24), (16, 30), (33, 34)] {
            let error = SubnetPool::new(base, range, sub).unwrap_err();
            assert!(error.to_string().contains("<= 29"), "{error}");
        }
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn the_kernels_table_is_read_without_its_default_route() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
            eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
            broken\n";
        let found: Vec<_> = routes(table).iter().map(|route| route.to.to_string()).collect();
        assert_eq!(found, ["172.17.0.0/16", "192.0.2.0/24"]);
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn a_route_to_far_away_that_is_broader_than_the_pool_takes_nothing() {
        let taken = |line: &str| {
            let route = routes(&format!("head\n{line}")).pop().unwrap();
            let taken = route.taken(SubnetPool::default(), |name| name == "tun0");
            taken.map(|net| net.to_string())
        };
        let line = |interface: &str, to: &str, gateway: &str, mask: &str| {
            format!("{interface}\t{to}\t{gateway}\t0003\t0\t0\t0\t{mask}\t0\t0\t0")
        };
        let (by, direct) = ("010200C0", "00000000");
        let ten = ("0000000A", "000000FF");
        assert_eq!(taken(&line("eth0", ten.0, by, ten.1)), None);
        assert_eq!(taken(&line("tun0", ten.0, direct, ten.1)), None);
        assert_eq!(
            taken(&line("eth0", ten.0, direct, ten.1)).as_deref(),
            Some("10.0.0.0/8")
        );
        for (gateway, interface) in [(by, "eth0"), (direct, "tun0"), (direct, "eth0")] {
            let inside = line(interface, "0007D50A", gateway, "00FFFFFF");
            assert_eq!(taken(&inside).as_deref(), Some("10.213.7.0/24"));
            let same = line(interface, "0000D50A", gateway, "0000FFFF");
            assert_eq!(taken(&same).as_deref(), Some("10.213.0.0/16"));
        }
    }
}
