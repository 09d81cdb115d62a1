//! Containers of the doctor's own.

use std::{net::Ipv4Addr, time::Duration};

use hap_host::engine::{DockerEngine, Engine as _, EngineError, HostEndpoints, NetworkMode};
use hap_manifest::PluginId;
use tokio::{net::TcpListener, time::timeout};

use super::super::facts::{Probe, Probed};
use crate::{
    engine::Own,
    failure::{Exit, Failure},
    terminal::Interrupt,
};

/// Longest that all of them may take.
const WITHIN: Duration = Duration::from_secs(40);

/// Starts them, and removes all that was made, also where it is interrupted.
pub(super) async fn run(
    uri: &str,
    events_port: Option<u16>,
    interrupt: &Interrupt,
) -> Result<Probed, Failure> {
    let engine = match timeout(WITHIN, DockerEngine::connect_to(uri)).await {
        Ok(Ok(engine)) => engine,
        Ok(Err(error)) => return Ok(Probed::Not(error.message().to_owned())),
        Err(_) => return Ok(Probed::Not("the engine does not answer".to_owned())),
    };
    let plugin = PluginId::new("doctor");
    let plugin = plugin.map_err(|error| Failure::new(Exit::Failed, "no_name", error.to_string()))?;
    let own = Own::new(engine, &plugin)?;
    let probed = interrupt.or(timeout(WITHIN, probe(&own, events_port))).await;
    let removed = own.remove_all().await;
    let probed = probed?
        .unwrap_or_else(|_| Probed::Not(format!("its containers took longer than {} s", WITHIN.as_secs())));
    removed?;
    Ok(probed)
}

const BROKE_OFF: &str = "the measurement broke off";

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what a mapping of errors is given"
)]
fn told(error: EngineError) -> String {
    error.message().to_owned()
}

async fn probe(own: &Own, events_port: Option<u16>) -> Probed {
    let endpoints = match own.prepare().await {
        Ok(endpoints) => endpoints,
        Err(failure) => return Probed::Not(failure.to_string()),
    };
    // Each goes on to its end when it is interrupted: what the engine makes for a caller that is gone would be found by nobody.
    let (engine, instance) = (own.engine().clone(), own.instance().clone());
    let isolation = own
        .whole(async move { engine.measure_isolation(&instance).await })
        .await;
    let isolation = isolation.map_or_else(|| Err(BROKE_OFF.to_owned()), |measured| measured.map_err(told));
    let isolation = isolation.map(|loss| loss.map(|loss| (loss.message, loss.hint)));
    let (port, cut_off) = way_in(own, endpoints, events_port).await;
    let (engine, instance) = (own.engine().clone(), own.instance().clone());
    let limits = own
        .whole(async move { engine.measure_limits(&instance).await })
        .await;
    let limits = limits.map_or_else(|| Err(BROKE_OFF.to_owned()), |measured| measured.map_err(told));
    Probed::Done(Box::new(Probe {
        isolation,
        cut_off,
        limits,
        port,
    }))
}

/// Listens, and lets containers connect: on the port of the configuration where it is free, since a firewall may let in that
/// port alone.
async fn way_in(
    own: &Own,
    endpoints: HostEndpoints,
    events_port: Option<u16>,
) -> (u16, Result<Vec<&'static str>, String>) {
    let any = Ipv4Addr::UNSPECIFIED;
    let listener = match TcpListener::bind((any, events_port.unwrap_or_default())).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((any, 0)).await,
    };
    let listener = listener.and_then(|listener| Ok((listener.local_addr()?.port(), listener)));
    let (port, listener) = match listener {
        Ok(found) => found,
        Err(error) => return (0, Err(format!("no port can be opened: {error}"))),
    };
    let accepting = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let (engine, instance) = (own.engine().clone(), own.instance().clone());
    let measured = own.whole(async move { engine.measure_way_in(&instance, &endpoints, port).await });
    let cut_off = measured
        .await
        .map_or_else(|| Err(BROKE_OFF.to_owned()), |measured| measured.map_err(told));
    accepting.abort();
    let name = |mode| match mode {
        NetworkMode::Isolated => "isolated network",
        _ => "network with a way out",
    };
    let cut_off = cut_off.map(|all| all.into_iter().map(name).collect());
    (port, cut_off)
}
