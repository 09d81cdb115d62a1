//! How a network goes.

use bollard::models::Network;

use super::find::find;
use crate::engine::{docker::client::Client, error::EngineError, instance::InstanceName, spec::NetworkMode};

/// Removes both networks, and leaves alone one that containers still use.
pub(in crate::engine::docker) async fn teardown(
    client: &Client,
    instance: &InstanceName,
) -> Result<(), EngineError> {
    for mode in [NetworkMode::Isolated, NetworkMode::Outbound] {
        for network in find(client, instance, mode).await? {
            remove(client, &network).await?;
        }
    }
    Ok(())
}

/// Removes a network of ours; `false` when containers use it, which the engine refuses with 403.
pub(in crate::engine::docker) async fn remove_unused(
    client: &Client,
    id: &str,
    subject: &str,
) -> Result<bool, EngineError> {
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

pub(super) async fn remove(client: &Client, network: &Network) -> Result<bool, EngineError> {
    let Some(id) = network.id.as_deref() else {
        return Ok(true);
    };
    remove_unused(client, id, network.name.as_deref().unwrap_or(id)).await
}
