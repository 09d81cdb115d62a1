//! Containers that are made only so that the engine can reach into a volume.

use bollard::query_parameters::{InspectContainerOptions, RemoveContainerOptionsBuilder};
use hap_manifest::PluginId;

use crate::engine::{
    docker::{client::Client, convert::owner::labels_of},
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    labels,
};

/// Which of the two containers: the engine lets nobody write to a container while
/// somebody reads from it.
#[derive(Clone, Copy)]
pub(super) enum Side {
    From,
    To,
}

impl Side {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::From => "copy-from",
            Self::To => "copy-to",
        }
    }

    pub(super) fn container(self, instance: &InstanceName, plugin: &PluginId) -> String {
        format!("hap.{instance}.{plugin}.{}", self.name())
    }
}

/// Removes the containers by which a plugin's volumes are copied, if there are any: also those that
/// a host left behind that was killed, which have the same names.
pub(in crate::engine::docker) async fn remove_helpers(
    client: &Client,
    instance: &InstanceName,
    plugin: &PluginId,
) -> Result<(), EngineError> {
    for side in [Side::From, Side::To] {
        remove_helper(client, instance, &side.container(instance, plugin)).await?;
    }
    Ok(())
}

pub(super) async fn remove_helper(
    client: &Client,
    instance: &InstanceName,
    name: &str,
) -> Result<(), EngineError> {
    let found = client
        .docker()
        .inspect_container(name, None::<InspectContainerOptions>);
    let found = match client.read("copy volumes", name, found).await {
        Ok(found) => found,
        Err(failure) if failure.is(404) => return Ok(()),
        Err(failure) => return Err(failure.into()),
    };
    let ours = labels_of(&found)
        .and_then(|labels| labels.get(labels::COPY_INSTANCE))
        .is_some_and(|found| found == instance.as_str());
    // One of ours never ran. An image may carry the label, and then somebody runs it.
    let started = found.state.as_ref().and_then(|state| state.started_at.as_deref());
    let never_ran = started.is_none_or(|moment| moment.starts_with("0001-"));
    if !ours || !never_ran {
        let message = "a container of that name exists and is somebody else's: rename or remove it";
        return Err(EngineError::new(
            EngineErrorKind::Conflict,
            "copy volumes",
            name,
            message,
        ));
    }
    // `v` removes the volumes that the image made without a name; those with names stay, and are
    // what this is all about.
    let options = RemoveContainerOptionsBuilder::default()
        .force(true)
        .v(true)
        .build();
    match client
        .call(
            "copy volumes",
            name,
            client.docker().remove_container(name, Some(options)),
        )
        .await
    {
        Err(failure) if failure.is(404) => Ok(()),
        done => done.map_err(Into::into),
    }
}

/// Where a volume is in a container of either side. Right below the root: the engine refuses links
/// that lead above the folder that it unpacks into, and above the root there is nothing.
pub(super) fn mount_point(index: usize) -> String {
    format!("/hap-copy-{index}")
}
