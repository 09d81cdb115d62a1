use std::{collections::HashMap, time::Duration};

use bollard::{
    models::ContainerInspectResponse,
    query_parameters::{
        CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptions,
        ListContainersOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions,
        StopContainerOptionsBuilder,
    },
};
use futures_util::{StreamExt, stream};
use hap_manifest::PluginId;

use super::{
    client::{CONTROL_DEADLINE, Client},
    convert::{
        create_body::{create_body, update_body},
        granted::missing_wall,
        observed::observed,
        owner::{self, is_ours},
    },
    cover, device,
    error::Failure,
    named_user, network, volume,
    volume_copy::owner::Owner,
};
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    labels,
    observed::{ContainerId, Observed},
    spec::{ContainerSpec, ResourceLimits},
};

/// Containers that are inspected at the same time when all are listed.
const CONCURRENT_INSPECTS: usize = 8;

/// How often to look whether a removal that somebody else began has ended.
const REMOVAL_POLL: Duration = Duration::from_millis(100);

pub(super) async fn create(client: &Client, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
    let created = Box::pin(create_checked(client, spec)).await;
    created.map(|observed| observed.id)
}

/// Creates a container and looks at it once, for its state and for what it was granted.
pub(super) async fn create_checked(client: &Client, spec: &ContainerSpec) -> Result<Observed, EngineError> {
    let (network, devices, folders, layout) = tokio::try_join!(
        network::find::id(client, &spec.instance, spec.network),
        device::resolve(client, spec),
        volume::ensure(client, spec),
        cover::of(client, spec),
    )?;
    let options = CreateContainerOptionsBuilder::default().name(&spec.name).build();
    let mut body = create_body(spec, &network, devices);
    let owner = Owner::of(&layout);
    let named = layout.name().map(ToOwned::to_owned);
    cover::mount(&mut body, spec, layout);
    let created = client
        .call(
            "create",
            &spec.name,
            client.docker().create_container(Some(options), body),
        )
        .await
        .map_err(|failure| explain_create(failure, spec))?;
    for warning in created.warnings {
        // Such as a kernel that cannot limit swap: the container exists, with less
        // than was asked for.
        tracing::warn!(plugin = %spec.plugin, warning, "the engine does not enforce everything");
    }
    let id = ContainerId::new(created.id);
    // Read whole or not at all: a wall that cannot be read is none.
    let looked = client
        .docker()
        .inspect_container(id.as_str(), None::<InspectContainerOptions>);
    let found = client.call("create", &spec.name, looked).await?;
    if let Some(wall) = missing_wall(spec, &network, &found) {
        // It never ran.
        remove(client, &id).await?;
        return Err(EngineError::new(
            EngineErrorKind::Unsupported,
            "create",
            &spec.name,
            format!(
                "the engine did not grant what the container was asked for, so it was removed again and nothing \
                 runs without its walls. {wall}. Use Docker Engine, see docs/engines.md"
            ),
        ));
    }
    let fits = match (owner, named) {
        (Some(owner), _) => owner.settle(client, spec, &id, &folders).await,
        (None, Some(user)) => named_user::refuse_root(client, spec, &id, &user).await,
        (None, None) => Ok(()),
    };
    if let Err(error) = fits {
        // It never ran: it would be who nobody agreed to, or find its own data closed.
        remove(client, &id).await?;
        return Err(error);
    }
    let observed = observed(&found).ok_or_else(|| foreign("create", &id))?;
    client.remember_as_ours(observed.id.as_str());
    Ok(observed)
}

fn explain_create(failure: Failure, spec: &ContainerSpec) -> EngineError {
    if failure.is(404) && failure.message().to_ascii_lowercase().contains("no such image") {
        let message = format!(
            "image {} is not on this machine and creating never pulls: pull or build it",
            spec.image
        );
        failure.with_message(message).into()
    } else {
        failure.into()
    }
}

pub(super) async fn start(client: &Client, id: &ContainerId) -> Result<(), EngineError> {
    // The start after a crash is waited for: it does without a look that would tell nothing new.
    if !client.is_known_as_ours(id.as_str()) {
        owned(client, "start", id).await?;
    }
    let started = client
        .docker()
        .start_container(id.as_str(), None::<StartContainerOptions>);
    let Err(failure) = client.call("start", &id.to_string(), started).await else {
        return Ok(());
    };
    if let Some(path) = device::named_as_missing(failure.message()) {
        return Err(device::missing(path));
    }
    if network::unusable::is_named_as_missing(failure.message()) {
        let labels = labels_of(client, "start", id).await?.unwrap_or_default();
        let instance = labels.get(labels::INSTANCE).map(|name| InstanceName::new(name));
        if let Some(Ok(instance)) = instance {
            network::unusable::remove_unusable(client, &instance).await?;
        }
        // The network that the container was made for will not come back: it is made anew, and the
        // container with it.
        return Err(failure.with_kind(EngineErrorKind::NotFound).into());
    }
    Err(failure.into())
}

/// A container that is gone is down, too.
pub(super) async fn stop(client: &Client, id: &ContainerId, grace: Duration) -> Result<(), EngineError> {
    let Some(id) = gone_is_fine(owned(client, "stop", id).await)? else {
        return Ok(());
    };
    // The engine counts in seconds: part of one is rounded up, so that a plugin gets what
    // it was promised.
    let seconds = grace
        .as_secs()
        .saturating_add(u64::from(grace.subsec_nanos() > 0));
    let options = StopContainerOptionsBuilder::default()
        .t(i32::try_from(seconds).unwrap_or(i32::MAX))
        .build();
    let stopped = client.docker().stop_container(id.as_str(), Some(options));
    let deadline = grace.saturating_add(CONTROL_DEADLINE);
    match client
        .call_within(deadline, "stop", &id.to_string(), stopped)
        .await
    {
        Err(failure) if failure.is(404) => Ok(()),
        done => done.map_err(Into::into),
    }
}

pub(super) async fn kill(client: &Client, id: &ContainerId) -> Result<(), EngineError> {
    let Some(id) = gone_is_fine(owned(client, "kill", id).await)? else {
        return Ok(());
    };
    let killed = client
        .docker()
        .kill_container(id.as_str(), None::<KillContainerOptions>);
    match client.call("kill", &id.to_string(), killed).await {
        // 409: it does not run.
        Err(failure) if failure.is(404) || failure.is(409) => Ok(()),
        done => done.map_err(Into::into),
    }
}

pub(super) async fn set_limits(
    client: &Client,
    id: &ContainerId,
    limits: &ResourceLimits,
    outlives_host: bool,
) -> Result<(), EngineError> {
    let id = owned(client, "set limits", id).await?;
    let updated = client
        .docker()
        .update_container(id.as_str(), update_body(limits, outlives_host));
    client.call("set limits", &id.to_string(), updated).await?;
    Ok(())
}

pub(super) async fn remove(client: &Client, id: &ContainerId) -> Result<(), EngineError> {
    let Some(id) = gone_is_fine(owned(client, "remove", id).await)? else {
        return Ok(());
    };
    // `v` removes the volumes that the image made without a name; named ones stay.
    let options = RemoveContainerOptionsBuilder::default()
        .force(true)
        .v(true)
        .build();
    let removed = client.docker().remove_container(id.as_str(), Some(options));
    match client.call("remove", &id.to_string(), removed).await {
        Err(failure) if failure.is(404) => Ok(()),
        // 409: somebody else is removing it.
        Err(failure) if failure.is(409) => until_gone(client, &id, failure).await,
        done => done.map_err(Into::into),
    }
}

async fn until_gone(client: &Client, id: &ContainerId, removal: Failure) -> Result<(), EngineError> {
    let gone = async {
        loop {
            match inspect_raw(client, "remove", id).await {
                Ok(_) => tokio::time::sleep(REMOVAL_POLL).await,
                Err(failure) if failure.is(404) => return Ok(()),
                Err(failure) => return Err(EngineError::from(failure)),
            }
        }
    };
    match tokio::time::timeout(CONTROL_DEADLINE, gone).await {
        Ok(done) => done,
        Err(_) => Err(removal.into()),
    }
}

pub(super) async fn inspect(client: &Client, id: &ContainerId) -> Result<Observed, EngineError> {
    let found = inspect_raw(client, "inspect", id).await?;
    let observed = observed(&found).ok_or_else(|| foreign("inspect", id))?;
    client.remember_as_ours(observed.id.as_str());
    Ok(observed)
}

/// A container's labels; `None` when it is gone.
pub(super) async fn labels_of(
    client: &Client,
    operation: &'static str,
    id: &ContainerId,
) -> Result<Option<HashMap<String, String>>, EngineError> {
    match inspect_raw(client, operation, id).await {
        Ok(found) => Ok(Some(owner::labels_of(&found).cloned().unwrap_or_default())),
        Err(failure) if failure.is(404) => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// The number of the container's first process as the engine's machine counts; `None` when
/// it does not run.
pub(super) async fn process(client: &Client, id: &ContainerId) -> Result<Option<i64>, EngineError> {
    let found = inspect_raw(client, "inspect", id).await?;
    let process = found.state.and_then(|state| state.pid);
    Ok(process.filter(|process| *process > 0))
}

/// The program that the container starts with, as its image names it.
pub(super) async fn program(client: &Client, id: &ContainerId) -> Result<Option<String>, EngineError> {
    let found = inspect_raw(client, "inspect", id).await?;
    Ok(found.path.filter(|path| !path.is_empty()))
}

/// All containers of an instance, or of one plugin of it.
pub(super) async fn list(
    client: &Client,
    instance: &InstanceName,
    plugin: Option<&PluginId>,
) -> Result<Vec<Observed>, EngineError> {
    let mut wanted = vec![format!("{}={instance}", labels::INSTANCE)];
    wanted.extend(plugin.map(|plugin| format!("{}={plugin}", labels::PLUGIN_ID)));
    let filters = HashMap::from([("label", wanted)]);
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters)
        .build();
    let listed = client
        .read_list(
            "list",
            instance.as_str(),
            client.docker().list_containers(Some(options)),
        )
        .await?;
    let ids = listed
        .into_iter()
        .filter_map(|container| container.id)
        .map(ContainerId::new);
    // The list itself has neither the exit code nor the moment of the start.
    let looked = stream::iter(ids).map(async |id| (inspect_raw(client, "list", &id).await, id));
    let mut looked = looked.buffered(CONCURRENT_INSPECTS);
    let mut all = Vec::new();
    while let Some((found, id)) = looked.next().await {
        match found {
            Ok(found) => all.extend(observe_listed(&id, &found)),
            Err(failure) if failure.is(404) => {}
            // The others can be looked at; whoever asks for this one is told.
            Err(failure) if plugin.is_none() && is_about_one(failure.kind()) => {
                let reason = failure.message();
                tracing::warn!(container = %id, reason, "a container cannot be looked at and is left out of the list");
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(all)
}

/// Whether a look at one container failed for what that container is, and not for the engine as a whole.
const fn is_about_one(failed: EngineErrorKind) -> bool {
    matches!(
        failed,
        EngineErrorKind::Failed | EngineErrorKind::Rejected | EngineErrorKind::Conflict
    )
}

fn observe_listed(id: &ContainerId, found: &ContainerInspectResponse) -> Option<Observed> {
    let observed = observed(found);
    if observed.is_none() {
        tracing::warn!(container = %id, "a container with our instance label names no plugin and is left alone");
    }
    observed
}

/// Looks before anything is done to a container: what no supervisor made is never touched.
async fn owned(
    client: &Client,
    operation: &'static str,
    id: &ContainerId,
) -> Result<ContainerId, EngineError> {
    let found = inspect_raw(client, operation, id).await?;
    if is_ours(&found) {
        Ok(id.clone())
    } else {
        Err(foreign(operation, id))
    }
}

fn gone_is_fine(owned: Result<ContainerId, EngineError>) -> Result<Option<ContainerId>, EngineError> {
    match owned {
        Err(error) if error.kind() == EngineErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

async fn inspect_raw(
    client: &Client,
    operation: &'static str,
    id: &ContainerId,
) -> Result<ContainerInspectResponse, Failure> {
    let found = client
        .docker()
        .inspect_container(id.as_str(), None::<InspectContainerOptions>);
    client.read(operation, &id.to_string(), found).await
}

fn foreign(operation: &'static str, id: &ContainerId) -> EngineError {
    EngineError::new(
        EngineErrorKind::Rejected,
        operation,
        id.to_string(),
        format!(
            "the container has no label {} of a supervisor, so it is somebody else's and left alone",
            labels::INSTANCE
        ),
    )
}
