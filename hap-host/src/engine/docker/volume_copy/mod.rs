//! Copies volumes, with the owners, modes, times and links of everything in them,
//! their own included.
//!
//! Two ways lead there. Where this process may, and provably sees the files that the engine sees,
//! it copies them [itself](direct). Elsewhere the engine [packs and unpacks them](streamed),
//! wherever they are, by way of containers that never run. It keeps whole seconds of the times and
//! no extended attributes but a program's capabilities, leaves out sockets, and fills holes.

#[cfg(target_os = "linux")]
mod direct;
pub(crate) mod helper;
mod left;
#[cfg(target_os = "linux")]
mod own_tree;
pub(crate) mod owner;
mod streamed;
#[cfg(target_os = "linux")]
mod tree;
pub(in crate::engine::docker) mod usage;

use std::collections::HashMap;

use bollard::{
    models::{ContainerCreateBody, HostConfig, Mount, MountType, MountVolumeOptions},
    query_parameters::CreateContainerOptionsBuilder,
};
use hap_manifest::PluginId;

use self::{
    helper::{Side, mount_point, remove_helpers},
    left::Left,
};
use super::{client::Client, error::Failure, volume};
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    labels,
    volume_copy::VolumeCopy,
};

pub(super) async fn copy(client: &Client, copy: &VolumeCopy) -> Result<(), EngineError> {
    let (instance, plugin) = (&copy.instance, &copy.plugin);
    remove_helpers(client, instance, plugin).await?;
    let (mut sources, mut targets) = (Vec::new(), Vec::new());
    for (source, target) in &copy.volumes {
        if volume::exists(client, instance, plugin, source).await? {
            sources.push(source.as_str());
            targets.push(target.as_str());
        } else if copy.require_sources {
            let message = "there is no such volume: was it removed by hand?";
            let kind = EngineErrorKind::NotFound;
            return Err(EngineError::new(kind, "copy volumes", source, message));
        }
    }
    let carried_out = carry_out(client, copy, &sources, &targets).await;
    carried_out.map_err(|error| no_lost_volume(&copy.plugin, error))
}

/// From here on the sources are known to be there. What turns out to be missing is something else,
/// such as a container that somebody removed, and must not be taken for data that is lost for good.
fn no_lost_volume(plugin: &PluginId, error: EngineError) -> EngineError {
    if error.kind() != EngineErrorKind::NotFound {
        return error;
    }
    let message = format!(
        "what copies the data was taken away meanwhile: {}",
        error.message()
    );
    EngineError::new(EngineErrorKind::Failed, "copy volumes", plugin.as_str(), message).with_source(error)
}

async fn carry_out(
    client: &Client,
    copy: &VolumeCopy,
    sources: &[&str],
    targets: &[&str],
) -> Result<(), EngineError> {
    let (instance, plugin) = (&copy.instance, &copy.plugin);
    // Before any target is touched: where the engine cannot read, what is there stays.
    let from = match sources {
        [] => None,
        some => Some(create_helper(client, copy, Side::From, some).await?),
    };
    for (_, target) in &copy.volumes {
        volume::remove_these(client, instance, plugin, std::slice::from_ref(target)).await?;
        volume::make(client, instance, plugin, target).await?;
    }
    let Some(from) = from else { return Ok(()) };
    let to = create_helper(client, copy, Side::To, targets).await?;
    let left = Left::new(copy.max_bytes);
    for (index, (source, target)) in sources.iter().zip(targets).enumerate() {
        if copied_directly(client, source, target, (&to, index), &left).await? {
            tracing::info!(%plugin, volume = source, "its data was copied file by file");
        } else {
            tracing::info!(%plugin, volume = source, "its data is copied by the engine, which keeps less of times and attributes");
            streamed::copy(client, (&from, &to), index, source, &left).await?;
        }
    }
    remove_helpers(client, instance, plugin).await
}

/// Whether this process could copy a volume by itself, and has.
#[cfg(target_os = "linux")]
async fn copied_directly(
    client: &Client,
    source: &str,
    target: &str,
    to: (&str, usize),
    left: &Left,
) -> Result<bool, EngineError> {
    direct::copy(client, source, target, to, left).await
}

#[cfg(not(target_os = "linux"))]
async fn copied_directly(
    _: &Client,
    _: &str,
    _: &str,
    _: (&str, usize),
    _: &Left,
) -> Result<bool, EngineError> {
    Ok(false)
}

/// A container of one of the plugin's own images, with the volumes of one side and
/// without anything else.
async fn create_helper(
    client: &Client,
    copy: &VolumeCopy,
    side: Side,
    volumes: &[&str],
) -> Result<String, EngineError> {
    let created = create_from(client, copy, side, volumes, &copy.image).await;
    match (created, &copy.fallback_image) {
        (Err(failure), Some(other)) if failure.is(404) => {
            create_from(client, copy, side, volumes, other).await
        }
        (created, _) => created,
    }
    // What is missing is no volume, which the caller would take it for.
    .map_err(|failure| failure.with_kind(EngineErrorKind::Failed).into())
}

async fn create_from(
    client: &Client,
    copy: &VolumeCopy,
    side: Side,
    volumes: &[&str],
    image: &str,
) -> Result<String, Failure> {
    let mount = |(index, name): (usize, &&str)| Mount {
        typ: Some(MountType::VOLUME),
        source: Some((*name).to_owned()),
        target: Some(mount_point(index)),
        read_only: Some(matches!(side, Side::From)),
        volume_options: Some(MountVolumeOptions {
            // What the image has at that place is none of the data.
            no_copy: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    };
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        labels: Some(HashMap::from([
            (
                labels::COPY_INSTANCE.to_owned(),
                copy.instance.as_str().to_owned(),
            ),
            (labels::PLUGIN_ID.to_owned(), copy.plugin.as_str().to_owned()),
        ])),
        // It is never started. An image may name no program, and the engine wants one.
        cmd: Some(vec!["never-run".to_owned()]),
        host_config: Some(HostConfig {
            mounts: Some(volumes.iter().enumerate().map(mount).collect()),
            network_mode: Some("none".to_owned()),
            // The engine unpacks beside the volumes, and refuses that where the root is read-only.
            readonly_rootfs: Some(matches!(side, Side::From)),
            cap_drop: Some(vec!["ALL".to_owned()]),
            ..Default::default()
        }),
        ..Default::default()
    };
    let name = side.container(&copy.instance, &copy.plugin);
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let created = client.docker().create_container(Some(options), body);
    Ok(client.call("copy volumes", &name, created).await?.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_that_somebody_removed_is_no_volume_that_is_lost() {
        let plugin = PluginId::new("light").unwrap();
        let missing = EngineError::new(
            EngineErrorKind::NotFound,
            "copy volumes",
            "x",
            "no such container",
        );
        let told = no_lost_volume(&plugin, missing);
        assert_eq!(told.kind(), EngineErrorKind::Failed);
        assert!(
            told.is_retryable() && told.message().contains("no such container"),
            "{told}"
        );
        let other = EngineError::new(EngineErrorKind::Timeout, "copy volumes", "x", "late");
        assert_eq!(no_lost_volume(&plugin, other).kind(), EngineErrorKind::Timeout);
    }
}
