//! What strangers ship: attacks that have to fail on a real engine.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

mod s01;
mod s02;
mod s03;
mod s04;
mod s05;
mod s06;
mod s07;
mod s08;
mod s09;
mod s10;
mod s11;
mod s12;
mod s13;
mod s14;
mod whole_life;

use std::{fs, path::Path};

use bollard::{Docker, auth::DockerCredentials, query_parameters::RemoveImageOptionsBuilder};
use hap_host::{
    Policy, Supervisor,
    engine::{BuildContext, Engine as _, ProgressSink},
};
use hap_manifest::{ImageRef, Manifest, PluginId};
use hap_tests::docker::{Fixture, Instance};
use tempfile::TempDir;

async fn supervisor(instance: &Instance, state: &Path, policy: Policy) -> Supervisor {
    let builder = Supervisor::builder(instance.engine().clone(), state).instance(instance.name().clone());
    builder.policy(policy).start().await.unwrap()
}

/// A manifest that asks for nothing.
fn modest(id: &str, image: &str) -> Manifest {
    let builder = Manifest::builder(id, "Modest", "1.0.0", image);
    builder.network_access(false).api_port(8000_u16).build().unwrap()
}

/// A plugin's folder with the programs of fixtures.
fn folder(manifest: &Manifest, dockerfile: &str, fixtures: &[(Fixture, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("manifest.json"), manifest.to_json()).unwrap();
    fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    fs::write(folder.path().join("file"), manifest.id().as_str()).unwrap();
    for (fixture, name) in fixtures {
        fixture.make(&folder.path().join(name));
    }
    folder
}

/// An image that the operator of the machine built, past any supervisor.
struct Operators {
    docker: Docker,
    tag: String,
}

impl Operators {
    async fn build(instance: &Instance, tag: &str, dockerfile: &str) -> Self {
        let folder = folder(&modest("operator", tag), dockerfile, &[]);
        // Like no other: an image that shares its layers may lose them while it is built, when the other one goes.
        fs::write(folder.path().join("file"), tag).unwrap();
        let context = BuildContext::new(folder.path(), "Dockerfile");
        let reference: ImageRef = tag.parse().unwrap();
        let engine = instance.engine();
        engine
            .build(&context, &reference, ProgressSink::none())
            .await
            .unwrap();
        Self {
            docker: docker(instance),
            tag: tag.to_owned(),
        }
    }

    /// The id of the image that has the tag, if one has.
    async fn id(&self) -> Option<String> {
        self.docker
            .inspect_image(&self.tag)
            .await
            .ok()
            .and_then(|image| image.id)
    }

    async fn remove(self) {
        let options = RemoveImageOptionsBuilder::default().force(true).build();
        let removed = self
            .docker
            .remove_image(&self.tag, Some(options), None::<DockerCredentials>);
        removed.await.unwrap();
    }
}

/// Where the API of a plugin is that was started.
async fn address(instance: &Instance, container: &str) -> std::net::SocketAddr {
    let seen = docker(instance)
        .inspect_container(
            container,
            None::<bollard::query_parameters::InspectContainerOptions>,
        )
        .await
        .unwrap();
    let network = seen.network_settings.unwrap().networks.unwrap();
    let address = network.into_values().next().unwrap().ip_address.unwrap();
    format!("{address}:8000").parse().unwrap()
}

fn docker(instance: &Instance) -> Docker {
    Docker::connect_with_host(instance.engine().uri()).unwrap()
}

/// Uninstalls a plugin and removes the image that was built for it.
async fn forget(supervisor: &Supervisor, id: &str) {
    if let Some(plugin) = supervisor.plugin(&PluginId::new(id).unwrap()) {
        plugin.uninstall().await.unwrap();
    }
    supervisor.prune_images().await.unwrap();
}
