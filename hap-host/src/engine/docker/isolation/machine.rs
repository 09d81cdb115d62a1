//! What else the containers that measure isolation tell of this machine.

use std::{
    net::{IpAddr, SocketAddrV4},
    time::Duration,
};

use tokio::sync::OwnedMutexGuard;

use super::{
    MODES,
    cgroup::LimitsInForce,
    probe::{OPERATION, Probe},
    program_of,
};
use crate::engine::{
    docker::{client::Client, network},
    endpoints::HostEndpoints,
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    spec::NetworkMode,
};

/// Longest that either may take in all.
const DEADLINE: Duration = Duration::from_secs(30);

/// Finds from which networks a container does not reach a port of this host.
pub(in crate::engine::docker) async fn cut_off(
    client: &Client,
    instance: &InstanceName,
    endpoints: &HostEndpoints,
    port: u16,
    turn: OwnedMutexGuard<()>,
) -> Result<Vec<NetworkMode>, EngineError> {
    let measured = async {
        let probe = begin(client, instance, turn).await?;
        let tried = async {
            let mut cut_off = Vec::new();
            for mode in MODES {
                let IpAddr::V4(gateway) = endpoints.gateway(mode) else {
                    continue;
                };
                let network = network::find::id(client, instance, mode).await?;
                let target = (mode, SocketAddrV4::new(gateway, port));
                if probe.connect(mode, &network, &[target]).await?.is_empty() {
                    cut_off.push(mode);
                }
            }
            Ok(cut_off)
        };
        let tried = tried.await;
        probe.end().await;
        tried
    };
    Box::pin(within(instance, measured)).await
}

/// Finds which limits of a container are in force.
pub(in crate::engine::docker) async fn limits(
    client: &Client,
    instance: &InstanceName,
    turn: OwnedMutexGuard<()>,
) -> Result<LimitsInForce, EngineError> {
    let measured = async {
        let probe = begin(client, instance, turn).await?;
        let network = network::find::id(client, instance, NetworkMode::Isolated).await;
        let found = match network {
            Ok(network) => probe.limits(&network).await,
            Err(error) => Err(error),
        };
        probe.end().await;
        found
    };
    Box::pin(within(instance, measured)).await
}

async fn begin(
    client: &Client,
    instance: &InstanceName,
    turn: OwnedMutexGuard<()>,
) -> Result<Probe, EngineError> {
    let program = program_of(client, instance).await?;
    Probe::begin(client, instance, program, turn).await
}

async fn within<T>(
    instance: &InstanceName,
    measured: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    tokio::time::timeout(DEADLINE, measured)
        .await
        .unwrap_or_else(|_| {
            let message = format!("the engine did not run its containers within {DEADLINE:?}");
            let kind = EngineErrorKind::Timeout;
            Err(EngineError::new(kind, OPERATION, instance.as_str(), message))
        })
}
