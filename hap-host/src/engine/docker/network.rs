use std::{collections::HashMap, net::IpAddr};

use bollard::{
    models::{Ipam, IpamConfig, Network, NetworkCreateRequest},
    query_parameters::ListNetworksOptionsBuilder,
};

use super::{
    client::Client,
    convert,
    error::Failure,
    subnet::{self, Subnet, SubnetPool},
};
use crate::engine::{
    Platform,
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    labels,
    spec::NetworkMode,
};

/// Inter-container communication: off, so that plugins on one bridge do not reach each other.
const ICC: &str = "com.docker.network.bridge.enable_icc";

/// The auxiliary address under this name becomes the default gateway of containers.
const DEFAULT_GATEWAY: &str = "DefaultGatewayIPv4";

/// How often the engine may refuse a subnet that looked free before the pool is given up.
const MAX_REFUSALS: usize = 16;

pub(super) fn name(instance: &InstanceName, mode: NetworkMode) -> String {
    match mode {
        NetworkMode::Isolated => format!("hap-{instance}-isolated"),
        NetworkMode::Outbound => format!("hap-{instance}-outbound"),
    }
}

/// Makes both networks, or finds them, and says where the host is on each.
pub(super) async fn prepare(
    client: &Client,
    pool: SubnetPool,
    instance: &InstanceName,
) -> Result<Platform, EngineError> {
    let known = all(client, instance, instance.as_str()).await?;
    let isolated = ensure(client, pool, instance, NetworkMode::Isolated, &known).await?;
    let outbound = ensure(client, pool, instance, NetworkMode::Outbound, &known).await?;
    Ok(Platform::new(isolated, outbound))
}

/// The id of a network that [`prepare`] made. Networks are addressed by id, because older engines let two carry
/// one name, and then refuse the name as ambiguous.
pub(super) async fn id(
    client: &Client,
    instance: &InstanceName,
    mode: NetworkMode,
) -> Result<String, EngineError> {
    let found = find(client, instance, mode).await?;
    let fits = found
        .into_iter()
        .find(|network| isolates(network, mode))
        .and_then(|network| network.id);
    fits.ok_or_else(|| {
        EngineError::new(
            EngineErrorKind::NotFound,
            "find network",
            name(instance, mode),
            format!("no network with the isolation that plugins need: prepare instance {instance} again"),
        )
    })
}

/// Removes both networks, and leaves alone one that containers still use.
pub(super) async fn teardown(client: &Client, instance: &InstanceName) -> Result<(), EngineError> {
    for mode in [NetworkMode::Isolated, NetworkMode::Outbound] {
        for network in find(client, instance, mode).await? {
            remove(client, &network).await?;
        }
    }
    Ok(())
}

/// Whether the engine refuses a start because it lacks the container's network, in whatever words and by whatever code.
pub(super) fn is_named_as_missing(message: &str) -> bool {
    // The words follow its name: a program may be called after networks and be missing too.
    message.split("network ").skip(1).any(|rest| {
        let said = rest.split_once(' ').map_or("", |(_, said)| said);
        said.starts_with("does not exist") || said.starts_with("not found")
    })
}

/// Removes networks that this engine lists and cannot use. One before 25.0 made them with a way out that ends nowhere,
/// which its successor refuses when it starts, and then it goes on listing them.
pub(super) async fn remove_unusable(client: &Client, instance: &InstanceName) -> Result<(), EngineError> {
    for network in find(client, instance, NetworkMode::Isolated).await? {
        if has_dead_end(&network) && remove(client, &network).await? {
            tracing::warn!(
                network = network.name,
                "an earlier engine's network cannot be used by this one and is made anew"
            );
        }
    }
    Ok(())
}

fn address_ranges(network: &Network) -> impl Iterator<Item = &IpamConfig> {
    let configs = network.ipam.iter().filter_map(|ipam| ipam.config.as_ref());
    configs.flatten()
}

fn has_dead_end(network: &Network) -> bool {
    let mut addresses = address_ranges(network).filter_map(|config| config.auxiliary_addresses.as_ref());
    addresses.any(|addresses| addresses.contains_key(DEFAULT_GATEWAY))
}

async fn ensure(
    client: &Client,
    pool: SubnetPool,
    instance: &InstanceName,
    mode: NetworkMode,
    known: &[Network],
) -> Result<IpAddr, EngineError> {
    let known = known
        .iter()
        .filter(|network| is_named(network, instance, mode))
        .cloned();
    if let Some(network) = settle(client, known.collect()).await? {
        if isolates(&network, mode) {
            return gateway(&network, instance, mode);
        }
        // Ours by label, yet without the isolation that plugins are promised: never used, replaced where possible.
        if !remove(client, &network).await? {
            return Err(EngineError::new(
                EngineErrorKind::Rejected,
                "prepare network",
                name(instance, mode),
                "the network exists without the isolation that plugins need and containers use it: \
                 stop and remove those containers, then the network",
            ));
        }
    }
    create(client, pool, instance, mode).await?;
    // Another host of this instance may have created one at the same moment: both see both now, and keep the oldest.
    match settle(client, find(client, instance, mode).await?).await? {
        Some(network) if isolates(&network, mode) => gateway(&network, instance, mode),
        Some(network) => {
            remove(client, &network).await?;
            Err(does_not_isolate(instance, mode))
        }
        None => Err(EngineError::new(
            EngineErrorKind::Failed,
            "prepare network",
            name(instance, mode),
            "the network vanished while it was made: is something removing unused networks?",
        )),
    }
}

/// An engine may take a request and leave out what it does not know: what counts is what it made.
fn does_not_isolate(instance: &InstanceName, mode: NetworkMode) -> EngineError {
    EngineError::new(
        EngineErrorKind::Unsupported,
        "prepare network",
        name(instance, mode),
        format!(
            "this engine makes networks without the isolation that plugins need (an internal bridge, and {ICC} = \
             false): use Docker Engine, see docs/engines.md"
        ),
    )
}

/// Keeps the oldest of networks with one name and removes the younger.
async fn settle(client: &Client, found: Vec<Network>) -> Result<Option<Network>, EngineError> {
    let mut found = found.into_iter();
    let oldest = found.next();
    for younger in found {
        remove(client, &younger).await?;
    }
    Ok(oldest)
}

/// The instance's networks of one mode, the oldest first.
async fn find(
    client: &Client,
    instance: &InstanceName,
    mode: NetworkMode,
) -> Result<Vec<Network>, EngineError> {
    let mut found = all(client, instance, &name(instance, mode)).await?;
    found.retain(|network| is_named(network, instance, mode));
    Ok(found)
}

fn is_named(network: &Network, instance: &InstanceName, mode: NetworkMode) -> bool {
    network.name.as_deref() == Some(name(instance, mode).as_str())
}

/// The instance's networks that [`prepare`] would not hand out: younger twins, and whatever has another name.
pub(super) async fn unneeded(client: &Client, instance: &InstanceName) -> Result<Vec<Network>, EngineError> {
    let mut found = all(client, instance, instance.as_str()).await?;
    for mode in [NetworkMode::Isolated, NetworkMode::Outbound] {
        if let Some(oldest) = found.iter().position(|network| is_named(network, instance, mode)) {
            found.remove(oldest);
        }
    }
    Ok(found)
}

/// All networks of the instance, the oldest first.
async fn all(client: &Client, instance: &InstanceName, subject: &str) -> Result<Vec<Network>, EngineError> {
    let filters = HashMap::from([("label", vec![format!("{}={instance}", labels::INSTANCE)])]);
    let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
    let listed = client
        .call(
            "list networks",
            subject,
            client.docker().list_networks(Some(options)),
        )
        .await?;
    let mut found: Vec<_> = listed
        .into_iter()
        .filter(|network| {
            network
                .labels
                .as_ref()
                .is_some_and(|labels| convert::carries(labels, instance, None))
        })
        .collect();
    found.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    Ok(found)
}

async fn create(
    client: &Client,
    pool: SubnetPool,
    instance: &InstanceName,
    mode: NetworkMode,
) -> Result<(), EngineError> {
    let name = name(instance, mode);
    let taken = taken_subnets(client, &name).await?;
    let free = pool
        .candidates(&name)
        .filter(|one| !taken.iter().any(|other| other.overlaps(*one)));
    let mut last = None;
    let mut free = free.take(MAX_REFUSALS);
    let mut next = free.next();
    let mut way_out = WayOut::of(mode);
    while let Some(subnet) = next {
        let request = request(&name, instance, mode, subnet, way_out);
        match client
            .call("create network", &name, client.docker().create_network(request))
            .await
        {
            Ok(_) => return Ok(()),
            Err(failure) if failure.is(409) => return name_taken(client, instance, mode, failure).await,
            Err(failure) if overlaps(&failure) => {
                last = Some(failure);
                next = free.next();
            }
            // The refusal is the answer to which kind of engine this is.
            Err(failure) if failure.is(400) && way_out == WayOut::DeadEnd => way_out = WayOut::EnginesOwn,
            Err(failure) => return Err(failure.into()),
        }
    }
    let advice = format!(
        "no free subnet is left in {pool} for the networks of plugins: remove networks that nobody uses, or give \
         the engine another pool"
    );
    Err(match last {
        Some(failure) => {
            let message = format!("{advice} ({})", failure.message());
            failure
                .with_kind(EngineErrorKind::Rejected)
                .with_message(message)
                .into()
        }
        None => EngineError::new(EngineErrorKind::Rejected, "create network", name, advice),
    })
}

/// The engine says 403 for a subnet that another network has, and names the overlap in other cases.
fn overlaps(failure: &Failure) -> bool {
    failure.is(403) || failure.message().contains("overlap")
}

/// Newer engines refuse a name twice. The other one is fine when it is ours, made a moment ago.
async fn name_taken(
    client: &Client,
    instance: &InstanceName,
    mode: NetworkMode,
    failure: Failure,
) -> Result<(), EngineError> {
    if find(client, instance, mode).await?.is_empty() {
        let message = format!(
            "a network of that name exists and does not belong to instance {instance}: it is left alone, rename \
             or remove it, or choose another instance name"
        );
        return Err(failure.with_message(message).into());
    }
    Ok(())
}

/// What a new subnet must not overlap: other networks of the engine and routes of this host, such as a VPN's.
async fn taken_subnets(client: &Client, subject: &str) -> Result<Vec<Subnet>, EngineError> {
    let all = ListNetworksOptionsBuilder::default().build();
    let networks = client
        .call("list networks", subject, client.docker().list_networks(Some(all)))
        .await?;
    // Elsewhere than on Linux there is no such file, and the engine's own check has to do.
    // The thread's own table: a process may have threads in several networks.
    let table = tokio::fs::read_to_string("/proc/thread-self/net/route")
        .await
        .unwrap_or_default();
    let of_networks = networks
        .iter()
        .filter_map(|network| network.ipam.as_ref()?.config.as_ref())
        .flatten()
        .filter_map(|config| config.subnet.as_ref()?.parse().ok());
    Ok(of_networks.chain(subnet::routes(&table)).collect())
}

/// Where containers of a network send what is not for the network itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WayOut {
    /// To an address that nobody has.
    ///
    /// Engines before 25.0 give containers of an internal network a default route, and rely on rules of the host that
    /// they take away for a moment whenever they make another network. A route to nowhere keeps what an isolated
    /// plugin sends on its own network all the time, and away from the host's other addresses.
    DeadEnd,
    /// As the engine has it. From 25.0 on containers of an internal network have no default route at all, and the
    /// engine refuses to be given one.
    EnginesOwn,
}

impl WayOut {
    const fn of(mode: NetworkMode) -> Self {
        match mode {
            NetworkMode::Isolated => Self::DeadEnd,
            NetworkMode::Outbound => Self::EnginesOwn,
        }
    }
}

fn request(
    name: &str,
    instance: &InstanceName,
    mode: NetworkMode,
    subnet: Subnet,
    way_out: WayOut,
) -> NetworkCreateRequest {
    let nowhere = HashMap::from([(DEFAULT_GATEWAY.to_owned(), subnet.last().to_string())]);
    let config = IpamConfig {
        subnet: Some(subnet.to_string()),
        gateway: Some(subnet.gateway().to_string()),
        auxiliary_addresses: (way_out == WayOut::DeadEnd).then_some(nowhere),
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
fn isolates(network: &Network, mode: NetworkMode) -> bool {
    let icc = network.options.as_ref().and_then(|options| options.get(ICC));
    network.driver.as_deref() == Some("bridge")
        && network.internal.unwrap_or(false) == is_internal(mode)
        && icc.is_some_and(|value| value == "false")
}

/// Where the host is on a network. Some engines print the address with the subnet's prefix.
fn gateway(network: &Network, instance: &InstanceName, mode: NetworkMode) -> Result<IpAddr, EngineError> {
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

async fn remove(client: &Client, network: &Network) -> Result<bool, EngineError> {
    let Some(id) = network.id.as_deref() else {
        return Ok(true);
    };
    remove_unused(client, id, network.name.as_deref().unwrap_or(id)).await
}

/// Removes a network of ours; `false` when containers use it, which the engine refuses with 403.
pub(super) async fn remove_unused(client: &Client, id: &str, subject: &str) -> Result<bool, EngineError> {
    match client
        .call("remove network", subject, client.docker().remove_network(id))
        .await
    {
        Err(failure) if failure.is(404) => Ok(true),
        Err(failure) if failure.is(403) => {
            tracing::debug!(
                network = subject,
                reason = failure.message(),
                "network is in use and stays"
            );
            Ok(false)
        }
        done => done.map(|()| true).map_err(Into::into),
    }
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
    fn the_words_for_a_missing_network_are_known_and_others_are_not() {
        for message in [
            "failed to set up container networking: failed to create endpoint hap.home.light on network \
             hap-home-isolated: network 048c0a20e2e4 does not exist",
            "network 048c0a20e2e4 not found",
        ] {
            assert!(is_named_as_missing(message), "{message}");
        }
        for message in [
            "exec: \"/light\": no such file",
            "exec: \"network-manager\": executable file not found in $PATH",
            "driver failed programming external connectivity",
        ] {
            assert!(!is_named_as_missing(message), "{message}");
        }
        assert!(has_dead_end(&made(NetworkMode::Isolated)));
        assert!(!has_dead_end(&made(NetworkMode::Outbound)));
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
}
