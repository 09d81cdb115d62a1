//! Copies volumes by way of a container that never runs: the engine packs and unpacks what is in them, wherever it is.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bollard::{
    body_stream,
    models::{ContainerCreateBody, HostConfig, Mount, MountType},
    query_parameters::{
        CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder, InspectContainerOptions,
        RemoveContainerOptionsBuilder, UploadToContainerOptionsBuilder,
    },
};
use futures_util::{StreamExt, stream};
use hap_manifest::PluginId;

use super::{client::Client, convert, volume};
use crate::engine::{EngineError, EngineErrorKind, InstanceName, VolumeCopy, labels};

/// Longest wait for the next piece of a volume's content.
const PIECE_DEADLINE: Duration = Duration::from_secs(60);
/// Longest that one volume may take in all.
const VOLUME_DEADLINE: Duration = Duration::from_secs(30 * 60);

pub(super) async fn copy(client: &Client, copy: &VolumeCopy) -> Result<(), EngineError> {
    let (instance, plugin) = (&copy.instance, &copy.plugin);
    let name = helper_name(instance, plugin);
    remove_helper(client, instance, plugin).await?;
    let mut pairs = Vec::new();
    for (source, target) in &copy.volumes {
        volume::remove_some(client, instance, plugin, std::slice::from_ref(target)).await?;
        volume::make(client, instance, plugin, target).await?;
        if volume::exists(client, instance, plugin, source).await? {
            pairs.push((source.as_str(), target.as_str()));
        }
    }
    if pairs.is_empty() {
        return Ok(());
    }
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let created = client
        .docker()
        .create_container(Some(options), helper(copy, &pairs));
    let id = client.call("copy volumes", &name, created).await?.id;
    for (index, (source, _)) in pairs.iter().enumerate() {
        copy_one(client, &id, index, source).await?;
    }
    remove_helper(client, instance, plugin).await
}

fn helper_name(instance: &InstanceName, plugin: &PluginId) -> String {
    format!("hap.{instance}.{plugin}.copy")
}

/// A container of the plugin's own image, with the volumes and without anything else.
fn helper(copy: &VolumeCopy, pairs: &[(&str, &str)]) -> ContainerCreateBody {
    let mount = |name: &str, target: String, read_only: bool| Mount {
        typ: Some(MountType::VOLUME),
        source: Some(name.to_owned()),
        target: Some(target),
        read_only: Some(read_only),
        ..Default::default()
    };
    let mounts = pairs.iter().enumerate().flat_map(|(index, (source, target))| {
        [mount(source, from(index), true), mount(target, to(index), false)]
    });
    ContainerCreateBody {
        image: Some(copy.image.clone()),
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
            mounts: Some(mounts.collect()),
            network_mode: Some("none".to_owned()),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn from(index: usize) -> String {
    format!("/hap-from/{index}")
}

fn to(index: usize) -> String {
    format!("/hap-to/{index}")
}

async fn copy_one(client: &Client, helper: &str, index: usize, source: &str) -> Result<(), EngineError> {
    // The dot stands for the content of the folder, its own owner and mode included.
    let options = DownloadFromContainerOptionsBuilder::default()
        .path(&format!("{}/.", from(index)))
        .build();
    let pieces = client.docker().download_from_container(helper, Some(options));
    // What breaks the reading has to reach whoever waits for the writing, which would take the rest for the whole.
    let broken = Arc::new(Mutex::new(None));
    let tell = Arc::clone(&broken);
    let (reader, subject) = (client.clone(), source.to_owned());
    let pieces = stream::unfold(Some(Box::pin(pieces)), move |pieces| {
        let (reader, subject, tell) = (reader.clone(), subject.clone(), Arc::clone(&tell));
        async move {
            let mut pieces = pieces?;
            let failure = match tokio::time::timeout(PIECE_DEADLINE, pieces.next()).await {
                Ok(None) => return None,
                Ok(Some(Ok(piece))) => return Some((piece, Some(pieces))),
                Ok(Some(Err(error))) => reader.failure("copy volumes", &subject, error).into(),
                Err(_) => EngineError::new(
                    EngineErrorKind::Timeout,
                    "copy volumes",
                    subject,
                    format!("nothing of its content came within {PIECE_DEADLINE:?}"),
                ),
            };
            *tell.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
            None
        }
    });
    let options = UploadToContainerOptionsBuilder::default()
        .path(&to(index))
        .build();
    let written = client
        .docker()
        .upload_to_container(helper, Some(options), body_stream(pieces));
    let written = client
        .call_within(VOLUME_DEADLINE, "copy volumes", source, written)
        .await;
    if let Some(failure) = broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(failure);
    }
    written.map_err(Into::into)
}

/// Removes the container by which a plugin's volumes are copied, if there is one: also one that a host left behind that was
/// killed, which has the same name.
pub(super) async fn remove_helper(
    client: &Client,
    instance: &InstanceName,
    plugin: &PluginId,
) -> Result<(), EngineError> {
    let name = &*helper_name(instance, plugin);
    let found = client
        .docker()
        .inspect_container(name, None::<InspectContainerOptions>);
    let found = match client.call("copy volumes", name, found).await {
        Ok(found) => found,
        Err(failure) if failure.is(404) => return Ok(()),
        Err(failure) => return Err(failure.into()),
    };
    let ours = convert::labels_of(&found)
        .and_then(|labels| labels.get(labels::COPY_INSTANCE))
        .is_some_and(|found| found == instance.as_str());
    if !ours {
        let message = "a container of that name exists and is somebody else's: rename or remove it";
        return Err(EngineError::new(
            EngineErrorKind::Conflict,
            "copy volumes",
            name,
            message,
        ));
    }
    // Without `v`: the volumes have names, and are what this is all about.
    let options = RemoveContainerOptionsBuilder::default().force(true).build();
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
