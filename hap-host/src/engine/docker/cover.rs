//! Memory file systems: those of the spec, and those in place of volumes that an image declares.
//!
//! Left alone, the engine would make a volume without a name for each of the latter: on the disk,
//! without a bound, writable, executable, and lost when the container is made anew.
//!
//! Runtimes before runc 1.2 give a memory file system the mode of the directory that the image has
//! there, whatever the engine asks for, and engines set no owner on one that is mounted in place of
//! a volume. Such a one is therefore a volume of the engine's local driver that is memory, which has
//! the owner and the mode that it was asked for, and lives as long as a run.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HostConfig, Mount, MountType, MountVolumeOptions, MountVolumeOptionsDriverConfig,
};

use super::{client::Client, image};
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    spec::ContainerSpec,
};

/// What has to be known of the image to lay out the memory of a container.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The paths at which the image declares a volume and the spec has none.
    covered: Vec<String>,
    owner: Owner,
    /// The user that the container runs as, in the words of the spec or the image.
    user: String,
    /// Numbers of users in the container are others for the engine.
    remapped: bool,
}

impl Layout {
    /// The user that the container runs as, where it is a name.
    pub(super) fn name(&self) -> Option<&str> {
        (self.owner == Owner::Named).then_some(self.user.as_str())
    }

    /// Who the container runs as, as numbers of user and group, where the image is not needed to know.
    pub(super) const fn numbers(&self) -> Option<(u32, Option<u32>)> {
        match self.owner {
            Owner::Number(user, group) => Some((user, group)),
            Owner::Named => None,
        }
    }

    /// Whether numbers of users in the container are others for the engine.
    pub(super) const fn is_remapped(&self) -> bool {
        self.remapped
    }
}

/// Who the container runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Number(u32, Option<u32>),
    /// Only the image knows the number.
    Named,
}

impl Default for Owner {
    fn default() -> Self {
        Self::Number(0, None)
    }
}

impl Owner {
    /// Reads `user[:group]`.
    fn of(user: &str) -> Self {
        let (user, group) = user
            .split_once(':')
            .map_or((user, None), |(user, group)| (user, Some(group)));
        let number = match user {
            "" | "root" => Some(0),
            other => other.parse().ok(),
        };
        number.map_or(Self::Named, |number| {
            Self::Number(number, group.and_then(|group| group.parse().ok()))
        })
    }

    /// The options that give a memory file system to the owner.
    fn options(self) -> String {
        match self {
            // Root has it anyway.
            Self::Number(0, _) | Self::Named => String::new(),
            Self::Number(user, Some(group)) => format!(",uid={user},gid={group}"),
            Self::Number(user, None) => format!(",uid={user}"),
        }
    }
}

/// Looks at the image of a spec.
pub(super) async fn of(client: &Client, spec: &ContainerSpec) -> Result<Layout, EngineError> {
    let told = match image::told(client, &spec.image).await {
        // Creating says so in words of its own.
        Err(error) if error.kind() == EngineErrorKind::NotFound => image::Told::default(),
        looked => looked?,
    };
    let named = |path: &String| spec.volumes.iter().any(|volume| volume.path == *path);
    let covered: Vec<_> = told.volumes.into_iter().filter(|path| !named(path)).collect();
    let user = spec.user.clone().unwrap_or(told.user);
    let owner = Owner::of(&user);
    Ok(Layout {
        remapped: (!covered.is_empty() || !spec.volumes.is_empty()) && client.remaps_users().await?,
        covered,
        owner,
        user,
    })
}

/// Puts them into the request. A mount keeps the engine from making a volume, which an entry among
/// the memory file systems does not: so one that is there already becomes a mount.
pub(super) fn mount(body: &mut ContainerCreateBody, spec: &ContainerSpec, layout: Layout) {
    let Layout {
        mut covered,
        owner,
        remapped,
        user: _,
    } = layout;
    if owner == Owner::Named {
        // Nobody can say here whose these would have to be, so they have to be everybody's.
        let more = spec.tmpfs.iter().map(|mount| mount.path.clone());
        let more: Vec<_> = more.filter(|path| !covered.contains(path)).collect();
        covered.extend(more);
    }
    let host = body.host_config.get_or_insert_with(HostConfig::default);
    let tmpfs = host.tmpfs.get_or_insert_default();
    for options in tmpfs.values_mut() {
        options.push_str(&owner.options());
    }
    // The engine mounts these outside of the container, where its numbers may be others.
    let options = if remapped { String::new() } else { owner.options() };
    for path in covered {
        let asked = spec.tmpfs.iter().find(|mount| mount.path == path);
        let bytes = asked.map_or(spec.image_volume_bytes, |mount| mount.size_bytes);
        tmpfs.remove(&path);
        let options = format!("size={bytes},mode=1777,noexec,nosuid,nodev{options}");
        host.mounts.get_or_insert_default().push(memory(path, options));
    }
}

fn memory(path: String, options: String) -> Mount {
    let driver = MountVolumeOptionsDriverConfig {
        name: Some("local".to_owned()),
        options: Some(HashMap::from([
            ("type".to_owned(), MEMORY.to_owned()),
            ("device".to_owned(), MEMORY.to_owned()),
            ("o".to_owned(), options),
        ])),
    };
    Mount {
        typ: Some(MountType::VOLUME),
        target: Some(path),
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(true),
            driver_config: Some(driver),
            ..Default::default()
        }),
        ..Default::default()
    }
}

const MEMORY: &str = "tmpfs";

/// Whether a mount is one that [`mount`] adds: memory, in place of a volume.
pub(super) fn is_memory(mount: &Mount) -> bool {
    let options = mount.volume_options.as_ref();
    let driver = options.and_then(|options| options.driver_config.as_ref());
    let options = driver.and_then(|driver| driver.options.as_ref());
    let is = |key: &str| options.is_some_and(|all| all.get(key).is_some_and(|value| value == MEMORY));
    mount.source.as_deref().is_none_or(str::is_empty) && is("type") && is("device")
}

#[cfg(test)]
mod tests {
    use hap_manifest::PluginId;

    use super::*;
    use crate::engine::{instance::InstanceName, spec::ResourceLimits};

    fn laid_out(layout: Layout) -> HostConfig {
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
        mount(&mut body, &spec, layout);
        body.host_config.unwrap()
    }

    fn covering(paths: &[&str], user: &str) -> Layout {
        Layout {
            covered: paths.iter().map(|path| (*path).to_owned()).collect(),
            owner: Owner::of(user),
            user: user.to_owned(),
            remapped: false,
        }
    }

    fn options(host: &HostConfig) -> Vec<(String, String)> {
        let mounts = host.mounts.iter().flatten().map(|mount| {
            assert!(is_memory(mount), "{mount:?}");
            let driver = mount.volume_options.clone().unwrap().driver_config.unwrap();
            (
                mount.target.clone().unwrap(),
                driver.options.unwrap()["o"].clone(),
            )
        });
        mounts.collect()
    }

    #[test]
    fn what_is_covered_is_a_mount_of_bounded_size_and_no_second_memory_file_system() {
        let host = laid_out(covering(&["/tmp", "/data"], ""));
        assert_eq!(host.tmpfs, Some(HashMap::new()));
        let asked = |size: u64| format!("size={size},mode=1777,noexec,nosuid,nodev");
        assert_eq!(
            options(&host),
            [
                ("/tmp".to_owned(), asked(64 << 20)),
                ("/data".to_owned(), asked(1 << 20))
            ]
        );
    }

    #[test]
    fn memory_is_of_the_user_that_the_container_runs_as_where_the_number_is_known() {
        for (user, owner) in [
            ("1000", ",uid=1000"),
            ("1000:7", ",uid=1000,gid=7"),
            ("1000:staff", ",uid=1000"),
            ("0:0", ""),
            ("root", ""),
        ] {
            let host = laid_out(covering(&["/data"], user));
            assert_eq!(
                host.tmpfs.as_ref().unwrap()["/tmp"],
                format!("rw{owner}"),
                "{user}"
            );
            assert!(options(&host)[0].1.ends_with(&format!("nodev{owner}")), "{user}");
        }
        let elsewhere = Layout {
            remapped: true,
            ..covering(&["/data"], "1000")
        };
        assert!(options(&laid_out(elsewhere))[0].1.ends_with(",nodev"));
    }

    #[test]
    fn for_a_user_with_a_name_all_memory_is_everybodys() {
        let host = laid_out(covering(&["/data"], "postgres"));
        assert_eq!(host.tmpfs, Some(HashMap::new()));
        let paths: Vec<_> = options(&host).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["/data", "/tmp"]);
    }
}
