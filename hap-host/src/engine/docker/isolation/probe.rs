//! The containers by which isolation is measured, and their image.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use bollard::{
    auth::DockerCredentials,
    body_full,
    errors::Error as ClientError,
    models::{ContainerCreateBody, EndpointSettings, HostConfig, HostConfigLogConfig, NetworkingConfig},
    query_parameters::{
        CreateContainerOptionsBuilder, CreateImageOptionsBuilder, InspectContainerOptions,
        ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveContainerOptionsBuilder,
        RemoveImageOptionsBuilder, StartContainerOptions, WaitContainerOptions,
    },
};
use futures_util::StreamExt as _;
use tokio::{net::TcpStream, runtime::Handle, sync::OwnedMutexGuard, time::Instant};

use super::{
    cgroup::{self, Given, LimitsInForce},
    program::{PATH, PORT, argument, layer, reached},
};
use crate::engine::{
    docker::client::Client,
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    labels,
    spec::NetworkMode,
};

pub(super) const OPERATION: &str = "measure isolation";

/// Memory of one container, of which its start takes nearly all.
const MEMORY: i64 = 16 << 20;
const NANO_CPUS: i64 = 100_000_000;
const PROCESSES: i64 = 16;
/// Longest wait for one that listens.
const LISTENS_WITHIN: Duration = Duration::from_secs(5);
/// Longest that the engine may take to remove one that ended.
const GONE_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);
/// Longest wait for one that connects: 1 s for each address, and its start.
const CONNECTS_WITHIN: Duration = Duration::from_secs(15);

/// A measurement that is under way. Dropped before its end, it is cleared away in the background.
pub(super) struct Probe {
    client: Client,
    instance: InstanceName,
    image: String,
    /// Kept until everything is cleared away: the next one would lose its containers.
    turn: Option<OwnedMutexGuard<()>>,
}

impl Probe {
    /// Clears away what an earlier one left, and makes the image.
    pub(super) async fn begin(
        client: &Client,
        instance: &InstanceName,
        archive: Vec<u8>,
        turn: OwnedMutexGuard<()>,
    ) -> Result<Self, EngineError> {
        clear(client, instance).await?;
        clear_images(client, instance, &layer(&archive)).await?;
        let image = import(client, instance, archive).await?;
        Ok(Self {
            client: client.clone(),
            instance: instance.clone(),
            image,
            turn: Some(turn),
        })
    }

    /// Removes the containers and the image. What cannot be removed now is by the next measurement.
    pub(super) async fn end(mut self) {
        clear_all(&self.client, &self.instance, &self.image).await;
        self.turn = None;
    }

    /// Starts one that listens, and returns where. The host has reached it.
    pub(super) async fn listen(&self, mode: NetworkMode, network: &str) -> Result<SocketAddrV4, EngineError> {
        let name = self.name("listens", mode);
        let id = self.create(&name, network, Vec::new()).await?;
        self.start(&name, &id).await?;
        let looked = self
            .client
            .docker()
            .inspect_container(&id, None::<InspectContainerOptions>);
        let found = self.client.read(OPERATION, &name, looked).await?;
        let networks = found.network_settings.and_then(|settings| settings.networks);
        let mut addresses = networks.into_iter().flat_map(HashMap::into_values);
        let address = addresses.find_map(|at| at.ip_address?.parse::<Ipv4Addr>().ok());
        let Some(address) = address else {
            return Err(self.failed("a container of the host's own has no address on its network"));
        };
        let address = SocketAddrV4::new(address, PORT);
        self.reach(mode, address).await?;
        Ok(address)
    }

    /// Starts one, and looks what the kernel holds it to.
    pub(super) async fn limits(&self, network: &str) -> Result<LimitsInForce, EngineError> {
        let name = self.name("listens", NetworkMode::Isolated);
        let id = self.create(&name, network, Vec::new()).await?;
        self.start(&name, &id).await?;
        let looked = self
            .client
            .docker()
            .inspect_container(&id, None::<InspectContainerOptions>);
        let found = self.client.read(OPERATION, &name, looked).await?;
        let process = found
            .state
            .and_then(|state| state.pid)
            .filter(|process| *process > 0);
        let given = Given {
            memory: MEMORY,
            processes: PROCESSES,
            nano_cpus: NANO_CPUS,
        };
        // Files of the kernel are read at once.
        Ok(process
            .map(|process| cgroup::in_force(process, given))
            .unwrap_or_default())
    }

    /// Connects from the host to one that listens.
    pub(super) async fn reach(&self, mode: NetworkMode, address: SocketAddrV4) -> Result<(), EngineError> {
        let until = Instant::now() + LISTENS_WITHIN;
        loop {
            match tokio::time::timeout_at(until, TcpStream::connect(address)).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(_)) if Instant::now() < until => tokio::time::sleep(POLL).await,
                _ => {
                    return Err(self.failed(&format!(
                        "the host does not reach {}, which listens at {address}: does a firewall of the host \
                         keep it from its own containers?",
                        self.name("listens", mode)
                    )));
                }
            }
        }
    }

    /// Runs one that connects, and returns which networks it reached.
    pub(super) async fn connect(
        &self,
        mode: NetworkMode,
        network: &str,
        targets: &[(NetworkMode, SocketAddrV4)],
    ) -> Result<Vec<NetworkMode>, EngineError> {
        let name = self.name("connects", mode);
        let arguments = targets.iter().map(|(_, address)| argument(*address)).collect();
        let id = self.create(&name, network, arguments).await?;
        self.start(&name, &id).await?;
        let options = None::<WaitContainerOptions>;
        let mut waiting = self.client.docker().wait_container(&id, options);
        let ended = tokio::time::timeout(CONNECTS_WITHIN, waiting.next()).await;
        let code = match ended {
            Ok(Some(Ok(answer))) => answer.status_code,
            Ok(Some(Err(ClientError::DockerContainerWaitError { code, .. }))) => code,
            Ok(Some(Err(error))) => return Err(self.client.failure(OPERATION, &name, error).into()),
            Ok(None) | Err(_) => return Err(self.failed("a container of the host's own does not end")),
        };
        remove(&self.client, &id).await?;
        let reached = reached(code, targets.len()).ok_or_else(|| {
            self.failed(&format!(
                "a container of the host's own ended with code {code} before it tried"
            ))
        })?;
        let hit = targets.iter().zip(reached).filter(|(_, reached)| *reached);
        Ok(hit.map(|((to, _), _)| *to).collect())
    }

    fn name(&self, role: &str, mode: NetworkMode) -> String {
        let network = match mode {
            NetworkMode::Isolated => "isolated",
            NetworkMode::Outbound => "outbound",
        };
        format!("{}{network}-{role}", prefix(&self.instance))
    }

    async fn create(&self, name: &str, network: &str, arguments: Vec<String>) -> Result<String, EngineError> {
        let body = body(&self.instance, &self.image, network, arguments);
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        let created = self.client.docker().create_container(Some(options), body);
        Ok(self.client.call(OPERATION, name, created).await?.id)
    }

    async fn start(&self, name: &str, id: &str) -> Result<(), EngineError> {
        let started = self
            .client
            .docker()
            .start_container(id, None::<StartContainerOptions>);
        Ok(self.client.call(OPERATION, name, started).await?)
    }

    fn failed(&self, message: &str) -> EngineError {
        let kind = EngineErrorKind::Failed;
        EngineError::new(kind, OPERATION, self.instance.as_str(), message)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        // Without a runtime those that listen end by themselves, and the next measurement removes the rest.
        if let Ok(runtime) = Handle::try_current() {
            let (client, instance) = (self.client.clone(), self.instance.clone());
            let image = std::mem::take(&mut self.image);
            runtime.spawn(async move {
                clear_all(&client, &instance, &image).await;
                drop(turn);
            });
        }
    }
}

async fn clear_all(client: &Client, instance: &InstanceName, image: &str) {
    let cleared = async {
        clear(client, instance).await?;
        remove_image(client, instance, image).await
    };
    if let Err(error) = cleared.await {
        tracing::debug!(%error, "what measured isolation could not be removed");
    }
}

/// What the name of each of its containers begins with. No plugin's container has such a name, and
/// no image can give one.
fn prefix(instance: &InstanceName) -> String {
    format!("hap.{instance}.isolation-probe.")
}

/// Removes the containers that measure, or were left by a host that was killed meanwhile.
pub(super) async fn clear(client: &Client, instance: &InstanceName) -> Result<(), EngineError> {
    let label = format!("{}={instance}", labels::PROBE_INSTANCE);
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&HashMap::from([("label", vec![label])]))
        .build();
    let listed = client.docker().list_containers(Some(options));
    let prefix = prefix(instance);
    for found in client.read_list(OPERATION, instance.as_str(), listed).await? {
        let mut names = found.names.iter().flatten();
        // An image may carry the label, and then somebody runs it.
        let ours = names.any(|name| name.trim_start_matches('/').starts_with(&prefix));
        if let Some(id) = found.id.filter(|_| ours) {
            remove(client, &id).await?;
        }
    }
    Ok(())
}

/// Removes images that a host left which was killed meanwhile: those that consist of the very
/// program, whatever they say of themselves.
pub(super) async fn clear_images(
    client: &Client,
    instance: &InstanceName,
    layer: &str,
) -> Result<(), EngineError> {
    let options = ListImagesOptionsBuilder::default()
        .filters(&HashMap::from([
            ("label", vec![format!("{}={instance}", labels::PROBE_IMAGE)]),
            ("dangling", vec!["true".to_owned()]),
        ]))
        .build();
    let listed = client.docker().list_images(Some(options));
    for found in client.read_list(OPERATION, instance.as_str(), listed).await? {
        let looked = client.docker().inspect_image(&found.id);
        let Ok(details) = client.read(OPERATION, instance.as_str(), looked).await else {
            continue;
        };
        let layers = details.root_fs.and_then(|root| root.layers).unwrap_or_default();
        if layers == [layer] {
            remove_image(client, instance, &found.id).await?;
        }
    }
    Ok(())
}

/// Makes an image of the program, without a tag, and returns its id.
async fn import(client: &Client, instance: &InstanceName, archive: Vec<u8>) -> Result<String, EngineError> {
    let label = format!("LABEL {}={instance}", labels::PROBE_IMAGE);
    let options = CreateImageOptionsBuilder::default()
        .from_src("-")
        .changes(vec![label])
        .build();
    let body = body_full(archive.into());
    let messages = client
        .docker()
        .create_image(Some(options), Some(body), None::<DockerCredentials>);
    let told = async {
        let mut messages = std::pin::pin!(messages);
        let mut last = None;
        while let Some(message) = messages.next().await {
            last = message?.status.or(last);
        }
        Ok(last)
    };
    let id = client.call(OPERATION, instance.as_str(), told).await?;
    id.filter(|id| id.starts_with("sha256:")).ok_or_else(|| {
        let message = "the engine does not tell which image it made";
        EngineError::new(EngineErrorKind::Failed, OPERATION, instance.as_str(), message)
    })
}

async fn remove(client: &Client, id: &str) -> Result<(), EngineError> {
    let options = RemoveContainerOptionsBuilder::default()
        .force(true)
        .v(true)
        .build();
    let removed = client.docker().remove_container(id, Some(options));
    match client.call(OPERATION, id, removed).await {
        Err(failure) if failure.is(404) => Ok(()),
        // 409: it ended, and the engine is removing it.
        Err(failure) if failure.is(409) => until_gone(client, id).await,
        done => done.map_err(Into::into),
    }
}

async fn until_gone(client: &Client, id: &str) -> Result<(), EngineError> {
    let until = Instant::now() + GONE_WITHIN;
    loop {
        let looked = client
            .docker()
            .inspect_container(id, None::<InspectContainerOptions>);
        match client.read(OPERATION, id, looked).await {
            Err(failure) if failure.is(404) => return Ok(()),
            Ok(_) if Instant::now() < until => tokio::time::sleep(POLL).await,
            Ok(_) => {
                let (kind, message) = (EngineErrorKind::Failed, "the engine does not remove it");
                return Err(EngineError::new(kind, OPERATION, id, message));
            }
            Err(failure) => return Err(failure.into()),
        }
    }
}

async fn remove_image(client: &Client, instance: &InstanceName, id: &str) -> Result<(), EngineError> {
    let options = RemoveImageOptionsBuilder::default().force(false).build();
    let removed = client
        .docker()
        .remove_image(id, Some(options), None::<DockerCredentials>);
    match client.call(OPERATION, instance.as_str(), removed).await {
        Err(failure) if failure.is(404) => Ok(()),
        done => done.map(drop).map_err(Into::into),
    }
}

/// A container behind the walls of plugins, and smaller.
fn body(instance: &InstanceName, image: &str, network: &str, arguments: Vec<String>) -> ContainerCreateBody {
    // Whoever listens ends by itself, also when its host was killed; of the other the end is asked for.
    let listens = arguments.is_empty();
    let endpoints = HashMap::from([(network.to_owned(), EndpointSettings::default())]);
    ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: Some(std::iter::once(PATH.to_owned()).chain(arguments).collect()),
        user: Some("65534:65534".to_owned()),
        labels: Some(HashMap::from([(
            labels::PROBE_INSTANCE.to_owned(),
            instance.as_str().to_owned(),
        )])),
        host_config: Some(HostConfig {
            memory: Some(MEMORY),
            memory_swap: Some(MEMORY),
            nano_cpus: Some(NANO_CPUS),
            cpu_shares: Some(64),
            pids_limit: Some(PROCESSES),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            privileged: Some(false),
            readonly_rootfs: Some(true),
            ipc_mode: Some("private".to_owned()),
            network_mode: Some(network.to_owned()),
            auto_remove: Some(listens),
            log_config: Some(HostConfigLogConfig {
                typ: Some("none".to_owned()),
                config: None,
            }),
            ..Default::default()
        }),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(endpoints),
        }),
        ..Default::default()
    }
}
