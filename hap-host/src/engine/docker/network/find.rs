//! The networks of an instance, as the engine lists them.

use std::collections::HashMap;

use bollard::{models::Network, query_parameters::ListNetworksOptionsBuilder};

use super::shape::{isolates, name};
use crate::engine::{
    docker::{
        client::Client,
        convert::{observed::moment, owner::carries},
    },
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    labels,
    spec::NetworkMode,
};

/// The id of a network that [`prepare`] made. Networks are addressed by id, because older engines
/// let two carry one name, and then refuse the name as ambiguous.
pub(in crate::engine::docker) async fn id(
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

/// The instance's networks that [`prepare`] would not hand out: younger twins, and whatever
/// has another name.
pub(in crate::engine::docker) async fn unneeded(
    client: &Client,
    instance: &InstanceName,
) -> Result<Vec<Network>, EngineError> {
    let mut found = all(client, instance, instance.as_str()).await?;
    for mode in [NetworkMode::Isolated, NetworkMode::Outbound] {
        if let Some(oldest) = found.iter().position(|network| is_named(network, instance, mode)) {
            found.remove(oldest);
        }
    }
    Ok(found)
}

/// The instance's networks of one mode, the oldest first.
pub(super) async fn find(
    client: &Client,
    instance: &InstanceName,
    mode: NetworkMode,
) -> Result<Vec<Network>, EngineError> {
    let mut found = all(client, instance, &name(instance, mode)).await?;
    found.retain(|network| is_named(network, instance, mode));
    Ok(found)
}

pub(in crate::engine::docker) fn is_named(
    network: &Network,
    instance: &InstanceName,
    mode: NetworkMode,
) -> bool {
    network.name.as_deref() == Some(name(instance, mode).as_str())
}

/// All networks of the instance, the oldest first.
pub(in crate::engine::docker) async fn all(
    client: &Client,
    instance: &InstanceName,
    subject: &str,
) -> Result<Vec<Network>, EngineError> {
    let filters = HashMap::from([("label", vec![format!("{}={instance}", labels::INSTANCE)])]);
    let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
    let listed = client
        .read_list(
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
                .is_some_and(|labels| carries(labels, instance, None))
        })
        .collect();
    let created = |network: &Network| network.created.as_deref().and_then(moment);
    found.sort_by(|a, b| (created(a), &a.id).cmp(&(created(b), &b.id)));
    Ok(found)
}
