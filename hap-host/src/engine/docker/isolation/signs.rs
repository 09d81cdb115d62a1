//! What the engine and the machine report about isolation, without a container.

use bollard::models::Network;

use crate::engine::{
    docker::{
        client::Client,
        network::{
            filter::bridges_are_filtered,
            find::{all, is_named},
            shape::{isolates, name},
            table,
        },
    },
    error::EngineError,
    instance::InstanceName,
    isolation::{IsolationLoss, IsolationSigns},
    spec::NetworkMode,
};

/// What lets containers of one network reach each other where the kernel shows no rule to the
/// packets between them.
pub(super) const UNFILTERED: &str =
    "net.bridge.bridge-nf-call-iptables is 0: set it to 1 with sysctl, and find out what sets it to 0";

const MODES: [NetworkMode; 2] = [NetworkMode::Isolated, NetworkMode::Outbound];

/// Asks the engine for the instance's networks, and the kernel for what it does with their packets.
pub(in crate::engine::docker) async fn look(
    client: &Client,
    instance: &InstanceName,
) -> Result<IsolationSigns, EngineError> {
    let networks = all(client, instance, instance.as_str()).await?;
    let unfiltered = bridges_are_filtered(instance).await? == Some(false);
    let forwarding = table::read("/proc/sys/net/ipv4/ip_forward", instance.as_str()).await?;
    let forwarding = forwarding.unwrap_or_default();
    Ok(signs(&networks, instance, unfiltered, forwarding.trim()))
}

fn signs(
    networks: &[Network],
    instance: &InstanceName,
    unfiltered: bool,
    forwarding: &str,
) -> IsolationSigns {
    let mut facts = vec![
        format!("bridges are filtered: {}", !unfiltered),
        format!("packets are forwarded: {forwarding}"),
    ];
    let mut open = Vec::new();
    for mode in MODES {
        let Some(network) = networks.iter().find(|network| is_named(network, instance, mode)) else {
            facts.push(format!("no network {}", name(instance, mode)));
            continue;
        };
        let isolates = isolates(network, mode);
        let id = network.id.as_deref().unwrap_or_default();
        facts.push(format!("network {id} isolates: {isolates}"));
        if !isolates {
            open.push((mode, mode));
        }
    }
    let loss = if !open.is_empty() {
        let hint = "stop its containers and remove it, so that it is made again";
        let message = "a network of plugins exists without the options that keep them apart";
        Some(IsolationLoss::new(open, message, hint))
    } else if unfiltered {
        let open = MODES.map(|mode| (mode, mode)).to_vec();
        let message = "the kernel does not filter what goes from container to container on one network";
        Some(IsolationLoss::new(open, message, UNFILTERED))
    } else {
        None
    };
    IsolationSigns::new(facts, loss)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn network(mode: NetworkMode, icc: &str) -> Network {
        let instance = InstanceName::new("home").unwrap();
        Network {
            name: Some(name(&instance, mode)),
            id: Some(format!("id of {}", name(&instance, mode))),
            driver: Some("bridge".to_owned()),
            internal: Some(mode == NetworkMode::Isolated),
            options: Some(HashMap::from([(
                crate::engine::docker::network::shape::ICC.to_owned(),
                icc.to_owned(),
            )])),
            ..Default::default()
        }
    }

    #[test]
    fn what_is_reported_changes_with_the_networks_and_the_kernels_settings() {
        let home = InstanceName::new("home").unwrap();
        let both = MODES.map(|mode| network(mode, "false"));
        let whole = signs(&both, &home, false, "1");
        assert_eq!(whole.loss, None);
        assert_eq!(whole, signs(&both, &home, false, "1"));
        let mut anew = both.clone();
        anew[0].id = Some("another".to_owned());
        for other in [
            signs(&both[..1], &home, false, "1"),
            signs(&anew, &home, false, "1"),
            signs(&both, &home, false, "0"),
        ] {
            assert_ne!(other.facts, whole.facts);
            assert_eq!(other.loss, None);
        }
    }

    #[test]
    fn a_network_without_isolation_and_a_kernel_without_filters_are_told_as_lost() {
        let home = InstanceName::new("home").unwrap();
        let mixed = [
            network(NetworkMode::Isolated, "true"),
            network(NetworkMode::Outbound, "false"),
        ];
        let loss = signs(&mixed, &home, false, "1").loss.unwrap();
        assert!(loss.concerns(NetworkMode::Isolated) && !loss.concerns(NetworkMode::Outbound));
        let both = MODES.map(|mode| network(mode, "false"));
        let loss = signs(&both, &home, true, "1").loss.unwrap();
        assert_eq!(loss.hint, UNFILTERED);
        assert!(loss.concerns(NetworkMode::Outbound));
    }
}
