//! Both networks are there before a plugin starts, and isolate.

use std::net::IpAddr;

use bollard::models::Network;
use ipnet::IpNet;

use super::{
    create::create,
    filter,
    find::{all, find, is_named},
    local::prove,
    remove::remove,
    shape::{ICC, gateway, has_dead_end, isolates, name},
};
use crate::engine::{
    HostEndpoints,
    docker::{client::Client, subnet::SubnetPool},
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    spec::NetworkMode,
};

/// Makes both networks, or finds them, and says where the host is on each.
pub(in crate::engine::docker) async fn prepare(
    client: &Client,
    pool: SubnetPool,
    instance: &InstanceName,
) -> Result<HostEndpoints, EngineError> {
    filter::check(instance).await?;
    let known = all(client, instance, instance.as_str()).await?;
    let (isolated, near) = ensure_here(client, pool, instance, NetworkMode::Isolated, &known).await?;
    let (outbound, far) = ensure_here(client, pool, instance, NetworkMode::Outbound, &known).await?;
    Ok(HostEndpoints::new(isolated, outbound)
        .with_subnet(near.addr(), near.prefix_len())
        .with_subnet(far.addr(), far.prefix_len()))
}

/// Returns where the host is on a network that isolates, and the subnet that was proved to be here.
async fn ensure_here(
    client: &Client,
    pool: SubnetPool,
    instance: &InstanceName,
    mode: NetworkMode,
    known: &[Network],
) -> Result<(IpAddr, IpNet), EngineError> {
    let network = ensure(client, pool, instance, mode, known).await?;
    let proved = proved(client, &network, instance, mode).await;
    let Err(error) = proved else {
        return proved;
    };
    // A later engine lists what one before 25.0 made and has no bridge for it. It is made anew.
    let is_unusable = has_dead_end(&network) && client.uri().starts_with("unix://");
    if !is_unusable || !remove(client, &network).await? {
        return Err(error);
    }
    let network = ensure(client, pool, instance, mode, &[]).await?;
    self::proved(client, &network, instance, mode).await
}

async fn proved(
    client: &Client,
    network: &Network,
    instance: &InstanceName,
    mode: NetworkMode,
) -> Result<(IpAddr, IpNet), EngineError> {
    let gateway = gateway(network, instance, mode)?;
    let subnet = prove(client, network, gateway, instance, mode).await?;
    Ok((gateway, subnet))
}

async fn ensure(
    client: &Client,
    pool: SubnetPool,
    instance: &InstanceName,
    mode: NetworkMode,
    known: &[Network],
) -> Result<Network, EngineError> {
    let known = known
        .iter()
        .filter(|network| is_named(network, instance, mode))
        .cloned();
    if let Some(network) = settle(client, known.collect()).await? {
        if isolates(&network, mode) {
            return Ok(network);
        }
        // Ours by label, yet without the isolation that plugins are promised: never used, replaced
        // where possible.
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
    // Another host of this instance may have created one at the same moment: both see both now, and
    // keep the oldest.
    match settle(client, find(client, instance, mode).await?).await? {
        Some(network) if isolates(&network, mode) => Ok(network),
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
