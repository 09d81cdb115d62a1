//! Containers of the doctor's own.

use std::{net::Ipv4Addr, time::Duration};

use hap_host::engine::{DockerEngine, Engine as _, HostEndpoints, NetworkMode};
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

async fn probe(own: &Own, events_port: Option<u16>) -> Probed {
    let endpoints = match own.prepare().await {
        Ok(endpoints) => endpoints,
        Err(failure) => return Probed::Not(failure.to_string()),
    };
    let (engine, instance) = (own.engine(), own.instance());
    let isolation = engine.measure_isolation(instance).await;
    let isolation = isolation.map(|loss| loss.map(|loss| (loss.message, loss.hint)));
    let (port, cut_off) = way_in(own, &endpoints, events_port).await;
    let limits = engine.measure_limits(instance).await;
    Probed::Done(Box::new(Probe {
        isolation: isolation.map_err(|error| error.message().to_owned()),
        cut_off,
        limits: limits.map_err(|error| error.message().to_owned()),
        port,
    }))
}

/// Listens, and lets containers connect: on the port of the configuration where it is free, since a firewall may let in that
/// port alone.
async fn way_in(
    own: &Own,
    endpoints: &HostEndpoints,
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
    let cut_off = own.engine().measure_way_in(own.instance(), endpoints, port).await;
    accepting.abort();
    let name = |mode| match mode {
        NetworkMode::Isolated => "isolated network",
        _ => "network with a way out",
    };
    let cut_off = cut_off.map(|all| all.into_iter().map(name).collect());
    (port, cut_off.map_err(|error| error.message().to_owned()))
}
