use std::{fmt, net::Ipv4Addr, str::FromStr};

use hap_manifest::ParseError;

/// An IPv4 range in CIDR form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Subnet {
    base: u32,
    prefix: u8,
}

impl Subnet {
    /// Takes the range that `address` lies in; `None` for a prefix over 32.
    pub(super) fn new(address: Ipv4Addr, prefix: u8) -> Option<Self> {
        (prefix <= 32).then(|| Self {
            base: u32::from(address) & mask(prefix),
            prefix,
        })
    }

    pub(super) fn overlaps(self, other: Self) -> bool {
        let shorter = mask(self.prefix.min(other.prefix));
        self.base & shorter == other.base & shorter
    }

    /// The first address, which goes to the bridge.
    pub(super) fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from(self.base.saturating_add(1))
    }

    /// The last address before the one for broadcasts.
    pub(super) fn last(self) -> Ipv4Addr {
        Ipv4Addr::from((self.base | !mask(self.prefix)).saturating_sub(1))
    }
}

const fn mask(prefix: u8) -> u32 {
    match prefix {
        0 => 0,
        1..32 => u32::MAX << (32 - prefix),
        _ => u32::MAX,
    }
}

impl FromStr for Subnet {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = text.split_once('/').ok_or(())?;
        Self::new(address.parse().map_err(|_| ())?, prefix.parse().map_err(|_| ())?).ok_or(())
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.base), self.prefix)
    }
}

/// The IPv4 range from which the networks of plugins take their subnets. Default: `/24` subnets of
/// `10.213.0.0/16`.
///
/// A subnet that overlaps a network of the engine or a route of the host is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetPool {
    range: Subnet,
    subnet_prefix: u8,
}

impl SubnetPool {
    /// Takes subnets of `subnet_prefix` bits from the range that `base` and `range_prefix` name.
    ///
    /// A subnet holds `2^(32 - subnet_prefix) - 4` plugins. A Linux bridge holds at most 1,023, so prefixes below
    /// 22 waste addresses.
    ///
    /// # Errors
    /// Unless `8 <= range_prefix < subnet_prefix <= 29`.
    pub fn new(base: Ipv4Addr, range_prefix: u8, subnet_prefix: u8) -> Result<Self, ParseError> {
        let range = Subnet::new(base, range_prefix);
        match range {
            Some(range) if range_prefix >= 8 && range_prefix < subnet_prefix && subnet_prefix <= 29 => {
                Ok(Self { range, subnet_prefix })
            }
            _ => Err(ParseError::of(
                "subnet pool",
                &format!("/{subnet_prefix} of {base}/{range_prefix}"),
                "such subnets do not fit into such a range",
                "use 8 <= range prefix < subnet prefix <= 29",
            )),
        }
    }

    /// All subnets of the pool, once each, from one that `seed` chooses on: two supervisors then seldom race
    /// for the same, and one finds its own again.
    pub(super) fn candidates(self, seed: &str) -> impl Iterator<Item = Subnet> + use<> {
        let count = 1_u32 << (self.subnet_prefix - self.range.prefix);
        let first = fnv1a(seed) % count;
        (0..count).map(move |step| {
            let index = (first + step) % count;
            Subnet {
                base: self.range.base + (index << (32 - self.subnet_prefix)),
                prefix: self.subnet_prefix,
            }
        })
    }
}

impl Default for SubnetPool {
    fn default() -> Self {
        Self {
            range: Subnet {
                base: u32::from_be_bytes([10, 213, 0, 0]),
                prefix: 16,
            },
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

/// The destinations in a routing table of Linux, without the default route.
pub(super) fn routes(table: &str) -> Vec<Subnet> {
    table
        .lines()
        .skip(1)
        .filter_map(route)
        .filter(|subnet| subnet.prefix > 0)
        .collect()
}

fn route(line: &str) -> Option<Subnet> {
    let mut fields = line.split_whitespace();
    let address = kernel_address(fields.nth(1)?)?;
    let mask = u32::from(kernel_address(fields.nth(5)?)?);
    Subnet::new(address, u8::try_from(mask.leading_ones()).ok()?)
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

    fn subnet(text: &str) -> Subnet {
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
            assert_eq!(subnet(a).overlaps(subnet(b)), overlap, "{a} {b}");
            assert_eq!(subnet(b).overlaps(subnet(a)), overlap, "{b} {a}");
        }
    }

    #[test]
    fn a_subnet_is_printed_by_its_base_and_gives_its_first_address_to_the_bridge() {
        assert_eq!(subnet("10.213.7.9/24").to_string(), "10.213.7.0/24");
        assert_eq!(subnet("10.213.7.9/24").gateway(), Ipv4Addr::new(10, 213, 7, 1));
        for bad in ["10.213.7.9", "10.213.7.9/33", "x/24", "fd00::/64"] {
            assert!(bad.parse::<Subnet>().is_err(), "{bad}");
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
                .all(|one| one.overlaps(subnet("10.213.0.0/16")) && one.prefix == 24)
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
        assert!(SubnetPool::new(base, 16, 22).is_ok());
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
        let found: Vec<_> = routes(table).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["172.17.0.0/16", "192.0.2.0/24"]);
    }
}
