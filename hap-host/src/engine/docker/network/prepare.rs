//! Both networks are there before a plugin starts, and isolate.

use std::net::IpAddr;

use bollard::models::Network;

use super::{
    create::create,
    find::{all, find, is_named},
    remove::remove,
    shape::{ICC, gateway, isolates, name},
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
    let known = all(client, instance, instance.as_str()).await?;
    let isolated = ensure(client, pool, instance, NetworkMode::Isolated, &known).await?;
    let outbound = ensure(client, pool, instance, NetworkMode::Outbound, &known).await?;
    Ok(HostEndpoints::new(isolated, outbound))
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
