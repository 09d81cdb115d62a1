//! What the networks of an instance look like, and what is read from one that exists.

use std::{collections::HashMap, net::IpAddr};

use bollard::models::{Ipam, IpamConfig, Network, NetworkCreateRequest};
use ipnet::Ipv4Net;

use crate::engine::{
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    labels,
    spec::NetworkMode,
};

/// Inter-container communication: off, so that plugins on one bridge do not reach each other.
pub(in crate::engine::docker) const ICC: &str = "com.docker.network.bridge.enable_icc";

/// The auxiliary address under this name becomes the default gateway of containers.
const DEFAULT_GATEWAY: &str = "DefaultGatewayIPv4";

pub(in crate::engine::docker) fn name(instance: &InstanceName, mode: NetworkMode) -> String {
    match mode {
        NetworkMode::Isolated => format!("hap-{instance}-isolated"),
        NetworkMode::Outbound => format!("hap-{instance}-outbound"),
    }
}

/// Where containers of a network send what is not for the network itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WayOut {
    /// To an address that nobody has.
    ///
    /// Engines before 25.0 give containers of an internal network a default route, and rely on
    /// rules of the host that they take away for a moment whenever they make another network. A
    /// route to nowhere keeps what an isolated plugin sends on its own network all the time, and
    /// away from the host's other addresses.
    DeadEnd,
    /// As the engine has it. From 25.0 on containers of an internal network have no default route
    /// at all, and the engine refuses to be given one.
    EnginesOwn,
}

impl WayOut {
    pub(super) const fn of(mode: NetworkMode) -> Self {
        match mode {
            NetworkMode::Isolated => Self::DeadEnd,
            NetworkMode::Outbound => Self::EnginesOwn,
        }
    }
}

pub(super) fn request(
    name: &str,
    instance: &InstanceName,
    mode: NetworkMode,
    subnet: Ipv4Net,
    way_out: WayOut,
) -> NetworkCreateRequest {
    // The first address goes to the bridge, and nobody has the last.
    let mut hosts = subnet.hosts().map(|address| address.to_string());
    let gateway = hosts.next();
    let nowhere = hosts.next_back().map(|last| (DEFAULT_GATEWAY.to_owned(), last));
    let config = IpamConfig {
        subnet: Some(subnet.to_string()),
        gateway,
        auxiliary_addresses: (way_out == WayOut::DeadEnd).then(|| HashMap::from_iter(nowhere)),
        ..Default::default()
    };
    NetworkCreateRequest {
        name: name.to_owned(),
        driver: Some("bridge".to_owned()),
        internal: Some(is_internal(mode)),
        attachable: Some(false),
        enable_ipv6: Some(false),
        ipam: Some(Ipam {
            config: Some(vec![config]),
            ..Default::default()
        }),
        options: Some(HashMap::from([(ICC.to_owned(), "false".to_owned())])),
        labels: Some(labels::of_instance(instance).into_iter().collect()),
        ..Default::default()
    }
}

const fn is_internal(mode: NetworkMode) -> bool {
    match mode {
        NetworkMode::Isolated => true,
        NetworkMode::Outbound => false,
    }
}

/// Whether a network has the shape that [`request`] asks for.
pub(in crate::engine::docker) fn isolates(network: &Network, mode: NetworkMode) -> bool {
    let icc = network.options.as_ref().and_then(|options| options.get(ICC));
    network.driver.as_deref() == Some("bridge")
        && network.internal.unwrap_or(false) == is_internal(mode)
        && icc.is_some_and(|value| value == "false")
}

pub(super) fn has_dead_end(network: &Network) -> bool {
    let mut addresses = address_ranges(network).filter_map(|config| config.auxiliary_addresses.as_ref());
    addresses.any(|addresses| addresses.contains_key(DEFAULT_GATEWAY))
}

pub(super) fn address_ranges(network: &Network) -> impl Iterator<Item = &IpamConfig> {
    let configs = network.ipam.iter().filter_map(|ipam| ipam.config.as_ref());
    configs.flatten()
}

/// Where the host is on a network. Some engines print the address with the subnet's prefix.
pub(super) fn gateway(
    network: &Network,
    instance: &InstanceName,
    mode: NetworkMode,
) -> Result<IpAddr, EngineError> {
    let mut gateways = address_ranges(network).filter_map(|config| config.gateway.as_ref());
    gateways
        .find_map(|gateway| gateway.split('/').next()?.parse().ok())
        .ok_or_else(|| {
            EngineError::new(
                EngineErrorKind::Failed,
                "prepare network",
                name(instance, mode),
                "the engine names no gateway for the network, so plugins could not reach the host: remove the \
                 network so that it is made again",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance() -> InstanceName {
        InstanceName::new("home").unwrap()
    }

    fn made(mode: NetworkMode) -> Network {
        let subnet = "10.213.7.0/24".parse().unwrap();
        let request = request("hap-home-isolated", &instance(), mode, subnet, WayOut::of(mode));
        Network {
            driver: request.driver,
            internal: request.internal,
            options: request.options,
            labels: request.labels,
            ipam: request.ipam,
            ..Default::default()
        }
    }

    #[test]
    fn the_network_of_a_mode_has_the_shape_of_that_mode_only() {
        for (mode, other) in [
            (NetworkMode::Isolated, NetworkMode::Outbound),
            (NetworkMode::Outbound, NetworkMode::Isolated),
        ] {
            assert!(isolates(&made(mode), mode));
            assert!(!isolates(&made(mode), other));
        }
    }

    #[test]
    fn a_network_that_lets_plugins_talk_does_not_pass() {
        for value in [None, Some("true")] {
            let mut network = made(NetworkMode::Isolated);
            network.options = value.map(|value| HashMap::from([(ICC.to_owned(), value.to_owned())]));
            assert!(!isolates(&network, NetworkMode::Isolated), "{value:?}");
        }
    }

    #[test]
    fn the_gateway_is_read_with_and_without_a_prefix() {
        for text in ["10.213.7.1", "10.213.7.1/24"] {
            let mut network = made(NetworkMode::Isolated);
            let config = IpamConfig {
                gateway: Some(text.to_owned()),
                ..Default::default()
            };
            network.ipam = Some(Ipam {
                config: Some(vec![config]),
                ..Default::default()
            });
            let found = gateway(&network, &instance(), NetworkMode::Isolated).unwrap();
            assert_eq!(found, IpAddr::from([10, 213, 7, 1]));
        }
        let error = gateway(&Network::default(), &instance(), NetworkMode::Isolated).unwrap_err();
        assert!(error.to_string().contains("hap-home-isolated"), "{error}");
    }

    #[test]
    fn the_bridge_has_the_first_address_and_an_isolated_way_out_leads_to_the_last() {
        let isolated = made(NetworkMode::Isolated);
        let range = address_ranges(&isolated).next().unwrap();
        assert_eq!(range.subnet.as_deref(), Some("10.213.7.0/24"));
        assert_eq!(range.gateway.as_deref(), Some("10.213.7.1"));
        let addresses = range.auxiliary_addresses.as_ref().unwrap();
        assert_eq!(addresses[DEFAULT_GATEWAY], "10.213.7.254");
        assert!(has_dead_end(&isolated));
        assert!(!has_dead_end(&made(NetworkMode::Outbound)));
    }
}
