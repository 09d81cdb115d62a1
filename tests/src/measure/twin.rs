//! Containers like a plugin's, in nobody's hands: what a supervisor is measured against.

use std::time::{Duration, Instant};

use bollard::{
    Docker,
    models::{ContainerCreateBody, HostConfig, RestartPolicy},
    query_parameters::{
        CreateContainerOptionsBuilder, InspectContainerOptions, RemoveContainerOptionsBuilder,
        StartContainerOptions,
    },
};
use hap_host::PluginHandle;

use super::Failure;

/// Pause between two questions for a twin's health.
const POLL: Duration = Duration::from_millis(2);
const DEADLINE: Duration = Duration::from_secs(600);

/// How to make twins of one plugin's container: the same image, limits, hardening and network. Each has a volume of its
/// own that goes with it, and no labels, so that no supervisor sees it.
#[derive(Debug)]
pub struct Twin {
    docker: Docker,
    http: reqwest::Client,
    image: String,
    host_config: HostConfig,
}

impl Twin {
    /// Looks at the container of a plugin that has one.
    ///
    /// # Errors
    /// When it has none, or the engine does not tell how it is made.
    pub async fn of(docker: &Docker, plugin: &PluginHandle) -> Result<Self, Failure> {
        let container = plugin.state().container.ok_or("the plugin has no container")?;
        let seen = docker
            .inspect_container(container.as_str(), None::<InspectContainerOptions>)
            .await?;
        let mut host_config = seen
            .host_config
            .ok_or("the engine does not tell how the container is made")?;
        host_config.restart_policy = None;
        host_config.mounts = None;
        Ok(Self {
            docker: docker.clone(),
            http: reqwest::Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(0)
                .timeout(Duration::from_secs(1))
                .build()?,
            image: seen.image.ok_or("the engine does not tell which image runs")?,
            host_config,
        })
    }

    /// The same, started again by the engine as `policy` says.
    #[must_use]
    pub fn restarting(mut self, policy: RestartPolicy) -> Self {
        self.host_config.restart_policy = Some(policy);
        self
    }

    /// The image that twins are made from.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.image
    }

    /// Makes one and starts it.
    ///
    /// # Errors
    /// What the engine says.
    pub async fn start(&self, name: &str) -> Result<(), Failure> {
        let body = ContainerCreateBody {
            image: Some(self.image.clone()),
            volumes: Some(vec!["/data".to_owned()]),
            // Without a token a plugin listens on loopback unless told otherwise.
            env: Some(vec!["HAP_BIND=0.0.0.0".to_owned()]),
            host_config: Some(self.host_config.clone()),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        self.docker.create_container(Some(options), body).await?;
        self.docker
            .start_container(name, None::<StartContainerOptions>)
            .await?;
        Ok(())
    }

    /// Waits until a container, whoever made it, answers its health check.
    ///
    /// # Errors
    /// When it has no address, or has not answered within ten minutes.
    pub async fn answers(&self, name: &str) -> Result<(), Failure> {
        let seen = self
            .docker
            .inspect_container(name, None::<InspectContainerOptions>)
            .await?;
        let networks = seen.network_settings.and_then(|settings| settings.networks);
        let address = networks
            .unwrap_or_default()
            .into_values()
            .find_map(|network| network.ip_address.filter(|ip| !ip.is_empty()))
            .ok_or("the container has no address")?;
        let began = Instant::now();
        while began.elapsed() < DEADLINE {
            let asked = self.http.get(format!("http://{address}:8000/health")).send();
            if asked.await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        Err(format!("{name} did not become healthy").into())
    }
}

/// Removes a container with the volumes that have no name, if it is there.
pub async fn remove(docker: &Docker, container: &str) {
    let options = RemoveContainerOptionsBuilder::default()
        .force(true)
        .v(true)
        .build();
    // It may not have been made.
    let _ = docker.remove_container(container, Some(options)).await;
}
