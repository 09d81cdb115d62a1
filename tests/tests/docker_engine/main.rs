//! The Docker engine, proved on a real one.
//!
//! The tests run only when asked for with `--include-ignored`, and fail where no engine answers.
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected fails")]

mod build;
mod hardening;
mod life;
mod networks;
mod ownership;
mod pull;
mod registry;
mod streams;
mod volumes;

use std::{net::SocketAddr, time::Duration};

use hap_host::engine::{ContainerId, ContainerSpec, ContainerStatus, Engine, Observed};
use hap_tests::docker::{Instance, until_up};

/// Creates and starts a container, and waits until its probe answers.
async fn run(instance: &Instance, spec: &ContainerSpec) -> (ContainerId, SocketAddr) {
    let id = instance.engine().create(spec).await.unwrap();
    instance.engine().start(&id).await.unwrap();
    let address = instance.engine().inspect(&id).await.unwrap().address.unwrap();
    until_up(address).await;
    (id, address)
}

/// Waits until a container has ended.
async fn ended(instance: &Instance, id: &ContainerId) -> Observed {
    let wait = async {
        loop {
            let observed = instance.engine().inspect(id).await.unwrap();
            if observed.status == ContainerStatus::Exited {
                return observed;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap()
}

/// The client library itself, to look at what the engine was really told and to make what is not ours.
fn bystander(instance: &Instance) -> bollard::Docker {
    bollard::Docker::connect_with_host(instance.engine().uri()).unwrap()
}
