use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{client::Client, container};
use crate::engine::{error::EngineError, observed::ContainerId};

/// Where the engine's own resolver listens in every container, on a port of its choice.
const RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));
/// The state of a listening socket in the kernel's tables.
const LISTEN: &str = "0A";

/// Reads the kernel's tables of the container's sockets. That needs its process to be visible from
/// here: on the same machine, and not from within another container.
pub(super) async fn of(client: &Client, id: &ContainerId) -> Result<Option<Vec<SocketAddr>>, EngineError> {
    let Some(process) = container::process(client, id).await? else {
        return Ok(None);
    };
    // On another machine, or in another container, that number is of some other process or of none.
    let read = async |file: &str| tokio::fs::read_to_string(format!("/proc/{process}/{file}")).await;
    let groups = read("cgroup").await.unwrap_or_default();
    if !groups.contains(id.as_str()) {
        return Ok(None);
    }
    let Ok(v4) = read("net/tcp").await else {
        return Ok(None);
    };
    // A kernel without IPv6 has no such table.
    let v6 = read("net/tcp6").await.unwrap_or_default();
    let mut addresses: Vec<_> = v4.lines().chain(v6.lines()).filter_map(listener).collect();
    addresses.retain(|address| address.ip() != RESOLVER);
    addresses.sort();
    addresses.dedup();
    Ok(Some(addresses))
}

/// The address of one row of a table, if that socket listens.
fn listener(row: &str) -> Option<SocketAddr> {
    let mut fields = row.split_whitespace();
    let local = fields.nth(1)?;
    if fields.nth(1)? != LISTEN {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    // The kernel prints each group of four bytes as a number in this machine's byte order.
    let mut bytes = Vec::with_capacity(16);
    for at in (0..address.len()).step_by(8) {
        let group = u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?;
        bytes.extend_from_slice(&group.to_ne_bytes());
    }
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(bytes) => IpAddr::from(bytes),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical(),
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_count() {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid";
        let listens = "   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0";
        let talks = "   1: 0307D50A:1F40 0107D50A:C350 01 00000000:00000000 00:00000000 00000000     0";
        assert_eq!(listener(head), None);
        assert_eq!(listener(talks), None);
        assert_eq!(listener(listens), Some(([127, 0, 0, 1], 8000).into()));
        assert_eq!(listener(""), None);
    }

    #[test]
    fn addresses_of_both_versions_are_read() {
        let row = |address: &str| listener(&format!(" 0: {address}:2328 0:0000 0A")).map(|found| found.ip());
        let any: IpAddr = Ipv6Addr::UNSPECIFIED.into();
        assert_eq!(row("00000000000000000000000000000000"), Some(any));
        let loopback: IpAddr = Ipv6Addr::LOCALHOST.into();
        assert_eq!(row("00000000000000000000000001000000"), Some(loopback));
        let mapped: IpAddr = Ipv4Addr::LOCALHOST.into();
        assert_eq!(row("0000000000000000FFFF00000100007F"), Some(mapped));
        for broken in ["0100007", "0100007F0", "x100007F", "0100007F0100007F"] {
            assert_eq!(row(broken), None, "{broken}");
        }
    }
}
