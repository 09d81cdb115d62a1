use std::{collections::HashMap, path::PathBuf};

use bollard::{
    models::VolumeCreateRequest,
    query_parameters::{ListVolumesOptionsBuilder, RemoveVolumeOptions},
};
use hap_manifest::PluginId;

use super::{client::Client, convert::owner::carries, volume_copy::helper::remove_helpers};
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    labels,
    spec::ContainerSpec,
};

/// Makes the volumes of a container, or finds them. One of that name that is not this plugin's is
/// an error: it is somebody's data, and mounting it would hand it to the plugin.
///
/// Answers where the engine says that it keeps each of them.
pub(super) async fn ensure(client: &Client, spec: &ContainerSpec) -> Result<Vec<PathBuf>, EngineError> {
    let mut folders = Vec::new();
    for mount in &spec.volumes {
        folders.push(make(client, &spec.instance, &spec.plugin, &mount.name).await?);
    }
    Ok(folders)
}

/// Makes one volume of a plugin, or finds it.
pub(super) async fn make(
    client: &Client,
    instance: &InstanceName,
    plugin: &PluginId,
    name: &str,
) -> Result<PathBuf, EngineError> {
    let request = VolumeCreateRequest {
        name: Some(name.to_owned()),
        driver: Some("local".to_owned()),
        labels: Some(labels::of_plugin(instance, plugin).into_iter().collect()),
        ..Default::default()
    };
    // Creating a volume that exists changes nothing and answers what is there, so one call
    // makes and checks.
    let found = client
        .read("create volume", name, client.docker().create_volume(request))
        .await
        .map_err(|failure| {
            if failure.is(409) {
                foreign("create volume", name, instance, plugin)
            } else {
                failure.into()
            }
        })?;
    if !carries(&found.labels, instance, Some(plugin)) {
        return Err(foreign("create volume", name, instance, plugin));
    }
    Ok(found.mountpoint.into())
}

/// Whether a volume exists. One that is not this plugin's is an error.
pub(super) async fn exists(
    client: &Client,
    instance: &InstanceName,
    plugin: &PluginId,
    name: &str,
) -> Result<bool, EngineError> {
    match client
        .read("inspect volume", name, client.docker().inspect_volume(name))
        .await
    {
        Ok(found) if carries(&found.labels, instance, Some(plugin)) => Ok(true),
        Ok(_) => Err(foreign("inspect volume", name, instance, plugin)),
        Err(failure) if failure.is(404) => Ok(false),
        Err(failure) => Err(failure.into()),
    }
}

/// Which of these volumes do not exist.
pub(super) async fn missing(
    client: &Client,
    instance: &InstanceName,
    plugin: &PluginId,
    names: &[String],
) -> Result<Vec<String>, EngineError> {
    let mut missing = Vec::new();
    for name in names {
        if !exists(client, instance, plugin, name).await? {
            missing.push(name.clone());
        }
    }
    Ok(missing)
}

fn foreign(operation: &'static str, name: &str, instance: &InstanceName, plugin: &PluginId) -> EngineError {
    EngineError::new(
        EngineErrorKind::Conflict,
        operation,
        name,
        format!(
            "a volume of that name exists and does not belong to plugin {plugin} of instance {instance}: it is left \
             alone, rename or remove it"
        ),
    )
}

/// Removes these volumes of a plugin, all that can be removed. One of that name that is somebody
/// else's is left alone.
pub(super) async fn remove_some(
    client: &Client,
    instance: &InstanceName,
    plugin: &PluginId,
    names: &[String],
) -> Result<(), EngineError> {
    remove_helpers(client, instance, plugin).await?;
    remove_these(client, instance, plugin, names).await
}

/// The same while volumes are being copied.
pub(super) async fn remove_these(
    client: &Client,
    instance: &InstanceName,
    plugin: &PluginId,
    names: &[String],
) -> Result<(), EngineError> {
    let mut failed = None;
    for name in names {
        let removed = match exists(client, instance, plugin, name).await {
            Ok(true) => remove(client, name).await,
            Ok(false) => Ok(()),
            Err(error) if error.kind() == EngineErrorKind::Conflict => {
                tracing::warn!(volume = name, %plugin, "a volume of that name is somebody else's and left alone");
                Ok(())
            }
            Err(error) => Err(error),
        };
        failed = failed.or(removed.err());
    }
    failed.map_or(Ok(()), Err)
}

async fn remove(client: &Client, name: &str) -> Result<(), EngineError> {
    let removal = client.docker().remove_volume(name, None::<RemoveVolumeOptions>);
    match client.call("remove volume", name, removal).await {
        Err(failure) if failure.is(404) => Ok(()),
        done => done.map_err(Into::into),
    }
}

/// Removes every volume that carries the labels of one plugin.
pub(super) async fn remove_all(
    client: &Client,
    instance: &InstanceName,
    plugin: &PluginId,
) -> Result<(), EngineError> {
    remove_helpers(client, instance, plugin).await?;
    let filter = vec![
        format!("{}={instance}", labels::INSTANCE),
        format!("{}={plugin}", labels::PLUGIN_ID),
    ];
    let options = ListVolumesOptionsBuilder::default()
        .filters(&HashMap::from([("label", filter)]))
        .build();
    let listed = client
        .read(
            "list volumes",
            plugin.as_str(),
            client.docker().list_volumes(Some(options)),
        )
        .await?
        .volumes
        .unwrap_or_default();
    for volume in listed {
        // The engine filtered already; data is worth a second look.
        if !carries(&volume.labels, instance, Some(plugin)) {
            continue;
        }
        remove(client, &volume.name).await?;
    }
    Ok(())
}
