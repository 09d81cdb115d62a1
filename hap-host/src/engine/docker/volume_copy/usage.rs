//! What a plugin's volumes take on the disk, and whether they are there.

use bollard::models::Volume;
use hap_manifest::PluginId;

use super::super::{client::Client, convert::owner::carries};
use crate::engine::{error::EngineError, instance::InstanceName, volume_copy::VolumeUsage};

const OPERATION: &str = "measure volumes";

/// Measures the volumes of one plugin that there are. Those of others count for nothing.
pub(in crate::engine::docker) async fn usage(
    client: &Client,
    instance: &InstanceName,
    plugin: &PluginId,
    names: &[String],
) -> Result<VolumeUsage, EngineError> {
    let mut volumes = Vec::new();
    for name in names {
        let found = client
            .read(OPERATION, name, client.docker().inspect_volume(name))
            .await;
        match found {
            Ok(volume) if carries(&volume.labels, instance, Some(plugin)) => volumes.push(volume),
            Ok(_) => {}
            Err(failure) if failure.is(404) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    if !client.sees_the_machine().await {
        return Ok(VolumeUsage::new(None, None));
    }
    Ok(measured(volumes).await)
}

#[cfg(target_os = "linux")]
async fn measured(volumes: Vec<Volume>) -> VolumeUsage {
    let mut sum = Some(0_u64);
    for volume in &volumes {
        let bytes = super::direct::allocated(volume).await;
        sum = sum.zip(bytes).map(|(sum, bytes)| sum.saturating_add(bytes));
    }
    let free = volumes
        .first()
        .and_then(|volume| super::direct::free(volume.mountpoint.as_ref()));
    VolumeUsage::new(sum, free)
}

#[cfg(not(target_os = "linux"))]
async fn measured(_: Vec<Volume>) -> VolumeUsage {
    VolumeUsage::new(None, None)
}
