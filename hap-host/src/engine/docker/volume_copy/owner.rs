//! Whose the volumes of a container are.
//!
//! The engine gives a new volume to whoever has the folder of that path in the image, which is root
//! for most, and does so again whenever it makes a container and finds the volume empty. So it is looked at after that, and
//! before the container starts.

use std::{
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use bollard::{
    body_full,
    query_parameters::{DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder},
};
use futures_util::StreamExt as _;

use super::{
    create_helper,
    helper::{Side, mount_point, remove_helpers},
};
use crate::engine::{
    docker::{client::Client, cover::Layout},
    error::{EngineError, EngineErrorKind},
    observed::ContainerId,
    spec::ContainerSpec,
    user_numbers::{MAPPED_NUMBERS, NUMBERS},
    volume_copy::VolumeCopy,
};

const OPERATION: &str = "own volumes";

/// Longest wait for what the engine says of a folder.
const LOOK_DEADLINE: Duration = Duration::from_secs(30);
/// Where the description of one folder ends at the latest, in bytes of an archive.
const LONGEST_HEAD: usize = 1 << 20;

/// Who a container runs as.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::docker) struct Owner {
    user: u32,
    group: Option<u32>,
    /// The engine's numbers are others than those in the container.
    remapped: bool,
}

/// The owner and the mode of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    user: u32,
    group: u32,
    mode: u32,
}

impl Owner {
    /// Takes it from what is known of the container; `None` where only the image knows the number.
    pub(in crate::engine::docker) fn of(layout: &Layout) -> Option<Self> {
        layout.numbers().map(|(user, group)| Self {
            user,
            group,
            remapped: layout.is_remapped(),
        })
    }

    /// Gives the volumes of a container that never ran to whoever it runs as: all that the spec says so
    /// of, and others that a number of plugins has, from a version that had one.
    pub(in crate::engine::docker) async fn settle(
        self,
        client: &Client,
        spec: &ContainerSpec,
        container: &ContainerId,
        folders: &[PathBuf],
    ) -> Result<(), EngineError> {
        let mut others = Vec::new();
        for (volume, folder) in spec.volumes.iter().zip(folders) {
            if self.is_fine_here(spec, folder).await {
                continue;
            }
            let found = look(client, container, &volume.path).await?;
            if self.takes(spec, found) {
                others.push((volume.name.as_str(), found));
            }
        }
        if others.is_empty() {
            return Ok(());
        }
        let (instance, plugin) = (&spec.instance, &spec.plugin);
        remove_helpers(client, instance, plugin).await?;
        let names: Vec<_> = others.iter().map(|(name, _)| *name).collect();
        let copy = VolumeCopy::new(instance.clone(), plugin.clone(), spec.image.clone(), Vec::new());
        let helper = create_helper(client, &copy, Side::To, &names).await?;
        for (index, (name, found)) in others.into_iter().enumerate() {
            self.give(client, &helper, index, name, found).await?;
            tracing::info!(%plugin, volume = name, user = self.user, before = found.user, "the volume is its user's now");
        }
        remove_helpers(client, instance, plugin).await
    }

    /// Whether what this process sees says that there is nothing to do. Where it sees another folder than
    /// the engine does, a number that was drawn from millions is not what it finds.
    async fn is_fine_here(self, spec: &ContainerSpec, folder: &Path) -> bool {
        if self.remapped {
            return false;
        }
        let seen = tokio::fs::symlink_metadata(folder).await;
        seen.is_ok_and(|seen| {
            let found = Found {
                user: seen.uid(),
                group: seen.gid(),
                mode: seen.mode(),
            };
            seen.is_dir() && !self.takes(spec, found)
        })
    }

    /// Whether a volume has to become the user's.
    fn takes(self, spec: &ContainerSpec, found: Found) -> bool {
        let is_owner = found.user == self.user && self.group.is_none_or(|group| group == found.group);
        let range = if self.remapped { MAPPED_NUMBERS } else { NUMBERS };
        !is_owner && (spec.owns_volumes || range.contains(&found.user))
    }

    async fn give(
        self,
        client: &Client,
        helper: &str,
        index: usize,
        name: &str,
        found: Found,
    ) -> Result<(), EngineError> {
        let group = self.group.unwrap_or(0);
        #[cfg(target_os = "linux")]
        if !self.remapped && super::direct::own(client, name, helper, index, (self.user, group)).await? {
            return Ok(());
        }
        // What is in it the engine changes only by writing it anew.
        tracing::warn!(
            volume = name,
            user = self.user,
            "only the volume itself becomes its user's, and not what is in it: this host may not reach in"
        );
        let head = head(index, self.user, group, found.mode).map_err(|error| {
            EngineError::new(EngineErrorKind::Failed, OPERATION, name, error.to_string()).with_source(error)
        })?;
        let options = UploadToContainerOptionsBuilder::default().path("/").build();
        let written = client
            .docker()
            .upload_to_container(helper, Some(options), body_full(head.into()));
        Ok(client.call(OPERATION, name, written).await?)
    }
}

/// An archive with nothing but a volume's own folder.
fn head(index: usize, user: u32, group: u32, mode: u32) -> std::io::Result<Vec<u8>> {
    let mut entry = tar::Header::new_gnu();
    entry.set_entry_type(tar::EntryType::Directory);
    entry.set_uid(user.into());
    entry.set_gid(group.into());
    entry.set_mode(mode & 0o7777);
    entry.set_size(0);
    let mut archive = tar::Builder::new(Vec::new());
    let name = format!("{}/", mount_point(index).trim_start_matches('/'));
    archive.append_data(&mut entry, name, std::io::empty())?;
    archive.into_inner()
}

/// Asks the engine whose a folder in a container is.
async fn look(client: &Client, container: &ContainerId, path: &str) -> Result<Found, EngineError> {
    let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
    let mut pieces = client
        .docker()
        .download_from_container(container.as_str(), Some(options));
    let unclear = || {
        let message = "the engine does not tell whose it is";
        EngineError::new(EngineErrorKind::Failed, OPERATION, path, message)
    };
    let looking = async {
        let mut head = Vec::new();
        while let Some(piece) = pieces.next().await {
            head.extend_from_slice(&piece.map_err(|error| client.failure(OPERATION, path, error))?);
            // The folder itself comes first. What follows is as much as the plugin has.
            if let Some(found) = first(&head) {
                return Ok(found);
            }
            if head.len() > LONGEST_HEAD {
                break;
            }
        }
        Err(unclear())
    };
    tokio::time::timeout(LOOK_DEADLINE, looking)
        .await
        .unwrap_or_else(|_| {
            let message = format!("the engine did not tell whose it is within {LOOK_DEADLINE:?}");
            Err(EngineError::new(
                EngineErrorKind::Timeout,
                OPERATION,
                path,
                message,
            ))
        })
}

/// The first entry of an archive, as far as it has come.
fn first(head: &[u8]) -> Option<Found> {
    let mut archive = tar::Archive::new(head.take(LONGEST_HEAD as u64));
    let entry = archive.entries().ok()?.next()?.ok()?;
    let found = entry.header();
    Some(Found {
        user: found.uid().ok()?.try_into().ok()?,
        group: found.gid().ok()?.try_into().ok()?,
        mode: found.mode().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use hap_manifest::PluginId;

    use super::*;
    use crate::engine::{instance::InstanceName, spec::ResourceLimits};

    const OWN: u32 = *NUMBERS.start() + 1_234_567;

    fn spec(owns: bool) -> ContainerSpec {
        let mut spec = ContainerSpec::new(
            "hap.home.light".to_owned(),
            PluginId::new("light").unwrap(),
            InstanceName::new("home").unwrap(),
            "light:1".to_owned(),
            ResourceLimits::new(64 << 20, 500_000_000, 32),
            8000,
        );
        spec.owns_volumes = owns;
        spec
    }

    fn owned_by(user: u32, group: u32) -> Found {
        Found {
            user,
            group,
            mode: 0o755,
        }
    }

    #[test]
    fn a_number_as_large_as_they_are_comes_back_from_an_archive() {
        let archive = head(3, OWN, OWN, 0o40_750).unwrap();
        let found = first(&archive).unwrap();
        assert_eq!((found.user, found.group, found.mode), (OWN, OWN, 0o750));
        assert_eq!(first(&archive[..100]), None, "the rest has still to come");
    }

    #[test]
    fn a_number_that_only_an_extension_has_room_for_is_read_from_it() {
        let mut archive = tar::Builder::new(Vec::new());
        let number = OWN.to_string();
        let extensions = [("uid", number.as_bytes()), ("gid", number.as_bytes())];
        archive.append_pax_extensions(extensions).unwrap();
        let mut entry = tar::Header::new_ustar();
        entry.set_entry_type(tar::EntryType::Directory);
        entry.set_uid(0);
        entry.set_gid(0);
        entry.set_mode(0o755);
        entry.set_size(0);
        archive
            .append_data(&mut entry, "data/", std::io::empty())
            .unwrap();
        let found = first(&archive.into_inner().unwrap()).unwrap();
        assert_eq!((found.user, found.group), (OWN, OWN));
    }

    #[test]
    fn volumes_become_those_of_a_number_of_its_own_and_come_back_from_one() {
        let own = Owner {
            user: OWN,
            group: Some(OWN),
            remapped: false,
        };
        assert!(own.takes(&spec(true), owned_by(0, 0)));
        assert!(own.takes(&spec(true), owned_by(OWN, 0)));
        assert!(!own.takes(&spec(true), owned_by(OWN, OWN)));
        let of_the_image = Owner {
            user: 1000,
            group: None,
            remapped: false,
        };
        assert!(of_the_image.takes(&spec(false), owned_by(OWN, OWN)));
        for other in [0, 999, 1000, 65_534] {
            assert!(!of_the_image.takes(&spec(false), owned_by(other, 0)), "{other}");
        }
    }
}
