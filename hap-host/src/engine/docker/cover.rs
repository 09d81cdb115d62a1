//! Memory file systems in place of the volumes that an image declares.
//!
//! Left alone, the engine would make a volume without a name for each: on the disk, without a bound,
//! writable, executable, and lost when the container is made anew.

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountTmpfsOptions, MountType};

use super::{client::Client, image};
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    spec::ContainerSpec,
};

/// The paths at which the image declares a volume and the spec has none.
pub(super) async fn of(client: &Client, spec: &ContainerSpec) -> Result<Vec<String>, EngineError> {
    let declared = match image::volumes(client, &spec.image).await {
        // Creating says so in words of its own.
        Err(error) if error.kind() == EngineErrorKind::NotFound => Vec::new(),
        looked => looked?,
    };
    let named = |path: &String| spec.volumes.iter().any(|volume| volume.path == *path);
    Ok(declared.into_iter().filter(|path| !named(path)).collect())
}

/// Puts them into the request. A mount keeps the engine from making a volume, which an entry among
/// the memory file systems does not: so one that is there already becomes a mount.
pub(super) fn mount(body: &mut ContainerCreateBody, spec: &ContainerSpec, covered: Vec<String>) {
    let host = body.host_config.get_or_insert_with(HostConfig::default);
    for path in covered {
        let asked = spec.tmpfs.iter().find(|mount| mount.path == path);
        let bytes = asked.map_or(spec.image_volume_bytes, |mount| mount.size_bytes);
        if let Some(tmpfs) = &mut host.tmpfs {
            tmpfs.remove(&path);
        }
        host.mounts.get_or_insert_default().push(Mount {
            typ: Some(MountType::TMPFS),
            target: Some(path),
            // The engine adds noexec, nosuid and nodev.
            tmpfs_options: Some(MountTmpfsOptions {
                size_bytes: Some(i64::try_from(bytes).unwrap_or(i64::MAX)),
                mode: Some(0o1777),
                ..Default::default()
            }),
            ..Default::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use hap_manifest::PluginId;

    use super::*;
    use crate::engine::{instance::InstanceName, spec::ResourceLimits};

    #[test]
    fn what_is_covered_is_a_mount_of_bounded_size_and_no_second_memory_file_system() {
        let mut spec = ContainerSpec::new(
            "hap.home.light".to_owned(),
            PluginId::new("light").unwrap(),
            InstanceName::new("home").unwrap(),
            "light:1".to_owned(),
            ResourceLimits::new(64 << 20, 500_000_000, 32),
            8000,
        );
        spec.image_volume_bytes = 1 << 20;
        let mut body = ContainerCreateBody {
            host_config: Some(HostConfig {
                tmpfs: Some(HashMap::from([("/tmp".to_owned(), "rw".to_owned())])),
                ..Default::default()
            }),
            ..Default::default()
        };
        mount(&mut body, &spec, vec!["/tmp".to_owned(), "/data".to_owned()]);
        let host = body.host_config.unwrap();
        assert_eq!(host.tmpfs, Some(HashMap::new()));
        let sizes: Vec<_> = host
            .mounts
            .unwrap()
            .into_iter()
            .map(|mount| {
                assert_eq!(mount.typ, Some(MountType::TMPFS));
                (
                    mount.target.unwrap(),
                    mount.tmpfs_options.unwrap().size_bytes.unwrap(),
                )
            })
            .collect();
        assert_eq!(
            sizes,
            [("/tmp".to_owned(), 64 << 20), ("/data".to_owned(), 1 << 20)]
        );
    }
}
