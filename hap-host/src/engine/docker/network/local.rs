//! Proves that an engine's networks are on this machine, and in this process's own network.
//!
//! Addresses prove nothing: two machines pick the same subnets from the same pool. What does is the
//! bridge. Its name is made from the network's id, which no two networks share, and it is looked for
//! among the interfaces of this process. That the engine's machine is this one, the supervisor then
//! has by three looks, none of which sends a packet: the bridge is here, its address is, and what
//! goes to its subnet leaves by it.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
};

use bollard::models::Network;
use ipnet::IpNet;

use super::{
    shape::{address_ranges, name},
    table,
};
use crate::engine::{
    docker::client::Client,
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    own_lack::own_lack,
    spec::NetworkMode,
};

/// A network may name its bridge itself.
const BRIDGE_NAME: &str = "com.docker.network.bridge.name";
/// How many characters of its id the engine names a bridge after.
const ID_IN_NAME: usize = 12;

/// Proves that a network is here, and returns its subnet.
pub(super) async fn prove(
    client: &Client,
    network: &Network,
    gateway: IpAddr,
    instance: &InstanceName,
    mode: NetworkMode,
) -> Result<IpNet, EngineError> {
    let refuse = |what: &str| Err(elsewhere(client.uri(), instance, mode, what));
    let subnet = address_ranges(network)
        .filter_map(|config| config.subnet.as_ref()?.parse().ok())
        .find(|subnet: &IpNet| subnet.contains(&gateway));
    let Some(subnet) = subnet else {
        return refuse("the engine names no subnet with its gateway");
    };
    let bridge = bridge(network);
    let interfaces = table::read("/proc/thread-self/net/dev", instance.as_str()).await?;
    let interfaces = interfaces.unwrap_or_default();
    if !has_interface(&interfaces, &bridge) {
        return refuse(&format!("its bridge {bridge} is not among the interfaces here"));
    }
    match leaves_from(subnet, gateway) {
        Ok(source) if source == gateway => Ok(subnet),
        Ok(source) => refuse(&format!(
            "what is sent to {subnet} leaves from {source} and not from {gateway}: another route, such as a \
             VPN's, is in the way"
        )),
        Err(error) if error.kind() != io::ErrorKind::NetworkUnreachable && own_lack(&error).is_some() => {
            Err(EngineError::new(
                EngineErrorKind::Unavailable,
                "prepare network",
                instance.as_str(),
                format!("it cannot be found out now where {subnet} is: {error}"),
            ))
        }
        Err(error) => refuse(&format!("{subnet} cannot be reached from here: {error}")),
    }
}

fn bridge(network: &Network) -> String {
    let named = network
        .options
        .as_ref()
        .and_then(|options| options.get(BRIDGE_NAME));
    named.filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| {
        let id = network.id.as_deref().unwrap_or_default();
        format!("br-{}", id.get(..ID_IN_NAME).unwrap_or(id))
    })
}

/// Whether the kernel's table of interfaces has one of that name.
fn has_interface(table: &str, name: &str) -> bool {
    let mut names = table.lines().filter_map(|line| line.split_once(':'));
    names.any(|(found, _)| found.trim() == name)
}

/// The address from which this machine sends to the subnet. Asking sends nothing.
fn leaves_from(subnet: IpNet, gateway: IpAddr) -> io::Result<IpAddr> {
    let (any, somebody): (IpAddr, IpAddr) = match (subnet, gateway) {
        (IpNet::V4(subnet), IpAddr::V4(gateway)) => {
            let mut hosts = subnet.hosts().filter(|host| *host != gateway);
            let host = hosts.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
            (std::net::Ipv4Addr::UNSPECIFIED.into(), host.into())
        }
        _ => return Err(io::ErrorKind::AddrNotAvailable.into()),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    // The port is of no matter.
    socket.connect(SocketAddr::new(somebody, 9))?;
    Ok(socket.local_addr()?.ip())
}

fn elsewhere(uri: &str, instance: &InstanceName, mode: NetworkMode, what: &str) -> EngineError {
    let advice = if uri.starts_with("unix://") {
        "if this is a container, run this container with `--network host`; an engine in a virtual machine \
         (Docker Desktop) or in a network of its own (rootless) takes the supervisor in there with it"
    } else {
        "run the supervisor on the engine's machine, in its own network (a container with `--network host`)"
    };
    let message = format!(
        "the networks of the engine at {uri} are not on this machine, so the host and its plugins would not reach \
         each other, and their keys could go to others: {what}. What to do: {advice}"
    );
    let (kind, name) = (EngineErrorKind::Unsupported, name(instance, mode));
    EngineError::new(kind, "prepare network", name, message)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_bridge_is_named_after_the_networks_id_unless_it_has_a_name() {
        let mut network = Network {
            id: Some("0123456789abcdef".to_owned()),
            ..Default::default()
        };
        assert_eq!(bridge(&network), "br-0123456789ab");
        network.options = Some(HashMap::from([(BRIDGE_NAME.to_owned(), "mine0".to_owned())]));
        assert_eq!(bridge(&network), "mine0");
    }

    #[test]
    fn an_interface_is_found_by_its_whole_name() {
        let table = "Inter-|   Receive\n face |bytes\n    lo: 1 2\nbr-0123456789ab:12 0 0\n";
        assert!(has_interface(table, "br-0123456789ab"));
        assert!(!has_interface(table, "br-0123456789a") && !has_interface(table, "br-"));
        assert!(!has_interface("", "lo"));
    }

    #[test]
    fn a_subnet_that_only_the_default_route_leads_to_does_not_leave_from_its_gateway() {
        let (subnet, gateway) = ("192.0.2.0/24".parse().unwrap(), "192.0.2.1".parse().unwrap());
        let here = leaves_from(subnet, gateway);
        assert!(here.is_err() || here.is_ok_and(|source| source != gateway));
        let loopback = leaves_from("127.0.0.0/8".parse().unwrap(), "127.0.0.2".parse().unwrap());
        assert_eq!(loopback.unwrap(), IpAddr::from([127, 0, 0, 1]));
    }

    #[test]
    fn what_is_elsewhere_is_refused_with_what_to_do() {
        let home = InstanceName::new("home").unwrap();
        for (uri, advice) in [
            (
                "tcp://192.0.2.9:2375",
                "run the supervisor on the engine's machine",
            ),
            (
                "unix:///var/run/docker.sock",
                "run this container with `--network host`",
            ),
        ] {
            let error = elsewhere(uri, &home, NetworkMode::Isolated, "its bridge is not here");
            assert_eq!(error.kind(), EngineErrorKind::Unsupported);
            for part in [uri, advice, "hap-home-isolated", "its bridge is not here"] {
                assert!(error.to_string().contains(part), "{error}");
            }
        }
    }
}
