//! How a network is made, on a subnet that nobody uses.

use bollard::query_parameters::ListNetworksOptionsBuilder;
use ipnet::Ipv4Net;

use super::{
    find::find,
    shape::{WayOut, name, request},
    table,
};
use crate::engine::{
    docker::{
        client::Client,
        error::Failure,
        subnet::{self, FreeSubnets, SubnetPool},
    },
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    spec::NetworkMode,
};

/// How often the engine may refuse a subnet that looked free before the pool is given up.
const MAX_REFUSALS: usize = 16;
/// Networks and routes that an error names.
const MOST_NAMED: usize = 3;

pub(super) async fn create(
    client: &Client,
    pool: SubnetPool,
    instance: &InstanceName,
    mode: NetworkMode,
) -> Result<(), EngineError> {
    let name = name(instance, mode);
    let taken = taken_subnets(client, pool, &name).await?;
    let free = pool
        .candidates(&name)
        .filter(|one| !taken.iter().any(|(other, _)| subnet::overlap(*other, *one)));
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
    let in_the_way = in_the_way(&taken, pool);
    let advice = format!(
        "no free subnet is left in {pool} for the networks of plugins{in_the_way}. Remove networks that nobody uses, or \
         give the engine another pool; it is tried again"
    );
    // Networks and routes come and go.
    let kind = EngineErrorKind::Failed;
    Err(match last {
        Some(failure) => {
            let message = format!("{advice} ({})", failure.message());
            failure.with_kind(kind).with_message(message).into()
        }
        None => EngineError::new(kind, "create network", name, advice),
    })
}

/// Counts the subnets that a new network could have now.
pub(in crate::engine::docker) async fn free_subnets(
    client: &Client,
    pool: SubnetPool,
) -> Result<FreeSubnets, EngineError> {
    let taken = taken_subnets(client, pool, "pool").await?;
    let is_free = |one: &Ipv4Net| !taken.iter().any(|(other, _)| subnet::overlap(*other, *one));
    Ok(FreeSubnets {
        free: pool.candidates("").filter(is_free).count(),
        total: pool.candidates("").count(),
        in_the_way: of_pool(&taken, pool)
            .into_iter()
            .map(|(_, who)| who.clone())
            .collect(),
    })
}

/// What takes addresses of the pool, the most of it first.
fn of_pool(taken: &[(Ipv4Net, String)], pool: SubnetPool) -> Vec<&(Ipv4Net, String)> {
    let mut named: Vec<_> = taken.iter().filter(|(net, _)| pool.overlaps(*net)).collect();
    named.sort_by_key(|(net, _)| net.prefix_len());
    named
}

/// Names what takes addresses of the pool, the most of it first.
fn in_the_way(taken: &[(Ipv4Net, String)], pool: SubnetPool) -> String {
    let named = of_pool(taken, pool);
    let (shown, more) = named.split_at(named.len().min(MOST_NAMED));
    let shown: Vec<_> = shown.iter().map(|(_, who)| who.as_str()).collect();
    match (shown.is_empty(), more.len()) {
        (true, _) => String::new(),
        (false, 0) => format!(": in the way is {}", shown.join(", ")),
        (false, more) => format!(": in the way is {} and {more} more", shown.join(", ")),
    }
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

/// What a new subnet must not overlap, and who has it: other networks of the engine and routes of
/// this host, such as a VPN's.
async fn taken_subnets(
    client: &Client,
    pool: SubnetPool,
    subject: &str,
) -> Result<Vec<(Ipv4Net, String)>, EngineError> {
    let all = ListNetworksOptionsBuilder::default().build();
    let networks = client
        .read_list("list networks", subject, client.docker().list_networks(Some(all)))
        .await?;
    let mut taken = Vec::new();
    for network in &networks {
        let ranges = network.ipam.as_ref().and_then(|ipam| ipam.config.as_ref());
        for range in ranges.into_iter().flatten() {
            let Some(net) = range.subnet.as_ref().and_then(|subnet| subnet.parse().ok()) else {
                continue;
            };
            let name = network.name.as_deref().unwrap_or_default();
            taken.push((net, format!("the network {name} ({net})")));
        }
    }
    // Elsewhere than on Linux there is no such file, and the engine's own check has to do.
    // The thread's own table: a process may have threads in several networks.
    let table = table::read("/proc/thread-self/net/route", subject).await?;
    let table = table.unwrap_or_default();
    let routes = subnet::routes(&table);
    taken.extend(routes.iter().filter_map(|route| {
        let net = route.taken(pool, is_tunnel)?;
        Some((net, route.to_string()))
    }));
    Ok(taken)
}

/// Whether an interface leads to one other machine, as a VPN's does: it has no neighbours.
fn is_tunnel(interface: &str) -> bool {
    const POINT_TO_POINT: u32 = 0x10;
    let flags = std::fs::read_to_string(format!("/sys/class/net/{interface}/flags"));
    let flags = flags
        .ok()
        .and_then(|text| u32::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok());
    flags.is_some_and(|flags| flags & POINT_TO_POINT != 0)
}
