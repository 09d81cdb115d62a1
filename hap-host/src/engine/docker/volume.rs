use std::collections::HashMap;

use bollard::{
    models::VolumeCreateRequest,
    query_parameters::{ListVolumesOptionsBuilder, RemoveVolumeOptions},
};
use hap_manifest::PluginId;

use super::{client::Client, convert};
use crate::engine::{ContainerSpec, EngineError, EngineErrorKind, InstanceName, labels};

/// Makes the volumes of a container, or finds them. One of that name that is not this plugin's is an error: it is
/// somebody's data, and mounting it would hand it to the plugin.
pub(super) async fn ensure(client: &Client, spec: &ContainerSpec) -> Result<(), EngineError> {
    let wanted = labels::of_plugin(&spec.instance, &spec.plugin);
    for mount in &spec.volumes {
        let request = VolumeCreateRequest {
            name: Some(mount.name.clone()),
            driver: Some("local".to_owned()),
            labels: Some(wanted.clone().into_iter().collect()),
            ..Default::default()
        };
        // Creating a volume that exists changes nothing and answers what is there, so one call makes and checks.
        let found = client
            .call(
                "create volume",
                &mount.name,
                client.docker().create_volume(request),
            )
            .await
            .map_err(|failure| {
                if failure.is(409) {
                    foreign(&mount.name, spec)
                } else {
                    failure.into()
                }
            })?;
        if !convert::carries(&found.labels, &spec.instance, Some(&spec.plugin)) {
            return Err(foreign(&mount.name, spec));
        }
    }
    Ok(())
}

fn foreign(name: &str, spec: &ContainerSpec) -> EngineError {
    EngineError::new(
        EngineErrorKind::Conflict,
        "create volume",
        name,
        format!(
            "a volume of that name exists and does not belong to plugin {} of instance {}: it is left alone, \
             rename or remove it",
            spec.plugin, spec.instance
        ),
    )
}

/// Removes every volume that carries the labels of one plugin.
pub(super) async fn remove_all(
    client: &Client,
    instance: &InstanceName,
    plugin: &PluginId,
) -> Result<(), EngineError> {
    let filter = vec![
        format!("{}={instance}", labels::INSTANCE),
        format!("{}={plugin}", labels::PLUGIN_ID),
    ];
    let options = ListVolumesOptionsBuilder::default()
        .filters(&HashMap::from([("label", filter)]))
        .build();
    let listed = client
        .call(
            "list volumes",
            plugin.as_str(),
            client.docker().list_volumes(Some(options)),
        )
        .await?
        .volumes
        .unwrap_or_default();
    for volume in listed {
        // The engine filtered already; data is worth a second look.
        if !convert::carries(&volume.labels, instance, Some(plugin)) {
            continue;
        }
        let removal = client
            .docker()
            .remove_volume(&volume.name, None::<RemoveVolumeOptions>);
        match client.call("remove volume", &volume.name, removal).await {
            Err(failure) if failure.is(404) => {}
            done => done?,
        }
    }
    Ok(())
}
