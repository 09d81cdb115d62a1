//! How a network is made, on a subnet that nobody uses.

use bollard::query_parameters::ListNetworksOptionsBuilder;
use ipnet::Ipv4Net;

use super::{
    find::find,
    shape::{WayOut, name, request},
};
use crate::engine::{
    docker::{
        client::Client,
        error::Failure,
        subnet::{self, SubnetPool},
    },
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    spec::NetworkMode,
};

/// How often the engine may refuse a subnet that looked free before the pool is given up.
const MAX_REFUSALS: usize = 16;

pub(super) async fn create(
    client: &Client,
    pool: SubnetPool,
    instance: &InstanceName,
    mode: NetworkMode,
) -> Result<(), EngineError> {
    let name = name(instance, mode);
    let taken = taken_subnets(client, &name).await?;
    let free = pool
        .candidates(&name)
        .filter(|one| !taken.iter().any(|other| subnet::overlap(*other, *one)));
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

/// What a new subnet must not overlap: other networks of the engine and routes of this host,
/// such as a VPN's.
async fn taken_subnets(client: &Client, subject: &str) -> Result<Vec<Ipv4Net>, EngineError> {
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
