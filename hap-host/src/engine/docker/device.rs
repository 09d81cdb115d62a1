use std::{collections::BTreeSet, fs, io, path::Path};

use bollard::models::DeviceMapping;

use super::client::Client;
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    spec::{ContainerSpec, DeviceAccess},
};

/// The operation that errors name.
const FIND_DEVICE: &str = "find device";
/// Entries of a folder of devices that are looked at; `/dev/input` of a large machine
/// has some dozens.
const MOST_ENTRIES: usize = 512;

/// The devices of a spec as the engine takes them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Devices {
    pub(super) mappings: Vec<DeviceMapping>,
    /// Groups of the host that own the devices: who runs as another user than root
    /// opens them by these.
    pub(super) groups: BTreeSet<u32>,
}

/// Looks at the devices of a spec, where this process sees the machine's own. Elsewhere the engine
/// tells when it starts the container.
pub(super) async fn resolve(client: &Client, spec: &ContainerSpec) -> Result<Devices, EngineError> {
    let wanted = spec.devices.clone();
    if wanted.is_empty() || !client.sees_the_machine().await {
        let mappings = wanted.iter().map(mapping).collect();
        let groups = BTreeSet::new();
        return Ok(Devices { mappings, groups });
    }
    let looked = tokio::task::spawn_blocking(move || look_at_all(&wanted));
    looked.await.unwrap_or_else(|_| {
        let message = "the devices of the host could not be looked at";
        Err(EngineError::new(
            EngineErrorKind::Failed,
            FIND_DEVICE,
            &spec.name,
            message,
        ))
    })
}

fn look_at_all(wanted: &[DeviceAccess]) -> Result<Devices, EngineError> {
    let mut devices = Devices::default();
    for device in wanted {
        match look(Path::new(&device.path)) {
            Ok(groups) => {
                devices.mappings.push(mapping(device));
                devices.groups.extend(groups);
            }
            Err(Trouble::Missing) if device.optional => {
                tracing::info!(device = device.path, "left out: the host has no such device now");
            }
            Err(trouble) => return Err(trouble.explain(&device.path)),
        }
    }
    Ok(devices)
}

fn mapping(device: &DeviceAccess) -> DeviceMapping {
    DeviceMapping {
        path_on_host: Some(device.path.clone()),
        path_in_container: Some(device.path.clone()),
        // Never `m`: a device file that a plugin makes may stand for any device.
        cgroup_permissions: Some(if device.write { "rw" } else { "r" }.to_owned()),
    }
}

#[derive(Debug)]
enum Trouble {
    Missing,
    Disk,
    NoDevice,
    TooMany,
    Io(io::Error),
}

impl Trouble {
    fn explain(self, path: &str) -> EngineError {
        let (kind, message) = match self {
            Self::Missing => return missing(path),
            Self::Disk => (
                EngineErrorKind::Rejected,
                "it is a disk, and a plugin with a disk owns the machine: give it a volume instead"
                    .to_owned(),
            ),
            Self::NoDevice => (
                EngineErrorKind::Rejected,
                "it is neither a device nor a folder of devices".to_owned(),
            ),
            Self::TooMany => (
                EngineErrorKind::Rejected,
                format!("it has more than {MOST_ENTRIES} entries: name the devices in it"),
            ),
            Self::Io(error) => (
                EngineErrorKind::Failed,
                format!("it cannot be looked at: {error}"),
            ),
        };
        EngineError::new(kind, FIND_DEVICE, path, message)
    }
}

/// A device that the host does not have now.
pub(super) fn missing(path: &str) -> EngineError {
    let message = "the host has no such device now: plug it in, or correct its name in the manifest";
    EngineError::new(EngineErrorKind::DeviceMissing, FIND_DEVICE, path, message)
}

/// The device that the engine names when it cannot find it at a start.
pub(super) fn named_as_missing(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("while adding custom device \"")?;
    let (path, reason) = rest.split_once('"')?;
    reason.contains("no such file").then_some(path)
}

/// The groups that own a device, or all in a folder of them: the engine hands out what is in there.
fn look(path: &Path) -> Result<BTreeSet<u32>, Trouble> {
    let mut groups = BTreeSet::new();
    let mut left = vec![path.to_owned()];
    let mut seen = 0;
    while let Some(path) = left.pop() {
        seen += 1;
        if seen > MOST_ENTRIES {
            return Err(Trouble::TooMany);
        }
        // The device that was named may be a link, as those of `/dev/serial` are. Within a folder
        // the engine follows none.
        let meta = if seen == 1 {
            fs::metadata(&path)
        } else {
            fs::symlink_metadata(&path)
        };
        let meta = match meta {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Trouble::Missing),
            Err(error) => return Err(Trouble::Io(error)),
        };
        if meta.is_dir() {
            for entry in fs::read_dir(&path).map_err(Trouble::Io)? {
                left.push(entry.map_err(Trouble::Io)?.path());
            }
            continue;
        }
        match kind_of(&meta) {
            Kind::Disk => return Err(Trouble::Disk),
            Kind::Other if seen == 1 => return Err(Trouble::NoDevice),
            Kind::Other => {}
            Kind::Character => groups.extend(group_of(&meta)),
        }
    }
    Ok(groups)
}

enum Kind {
    Character,
    Disk,
    Other,
}

#[cfg(unix)]
fn kind_of(meta: &fs::Metadata) -> Kind {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = meta.file_type();
    if kind.is_block_device() {
        Kind::Disk
    } else if kind.is_char_device() {
        Kind::Character
    } else {
        Kind::Other
    }
}

#[cfg(not(unix))]
fn kind_of(_: &fs::Metadata) -> Kind {
    Kind::Other
}

/// The group, where it may open the device and is not that of root.
#[cfg(unix)]
fn group_of(meta: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    const OPEN_BY_GROUP: u32 = 0o060;
    (meta.gid() != 0 && meta.mode() & OPEN_BY_GROUP != 0).then(|| meta.gid())
}

#[cfg(not(unix))]
fn group_of(_: &fs::Metadata) -> Option<u32> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn wanted(path: &str) -> DeviceAccess {
        DeviceAccess::new(path.to_owned())
    }

    #[test]
    fn a_device_is_handed_out_to_be_read_and_written_and_never_to_be_made() {
        let mut read_only = wanted("/dev/zero");
        read_only.write = false;
        let devices = look_at_all(&[wanted("/dev/null"), read_only]).unwrap();
        let rights: Vec<_> = devices
            .mappings
            .iter()
            .map(|one| one.cgroup_permissions.as_deref().unwrap())
            .collect();
        assert_eq!(rights, ["rw", "r"]);
    }

    #[test]
    fn a_device_that_is_not_there_is_named_unless_it_may_be_missing() {
        let error = look_at_all(&[wanted("/dev/null"), wanted("/dev/hap-nowhere")]).unwrap_err();
        assert_eq!(error.kind(), EngineErrorKind::DeviceMissing);
        assert!(
            error
                .to_string()
                .contains("/dev/hap-nowhere: the host has no such device"),
            "{error}"
        );
        let mut optional = wanted("/dev/hap-nowhere");
        optional.optional = true;
        assert_eq!(look_at_all(&[optional]).unwrap(), Devices::default());
    }

    #[test]
    fn what_is_no_device_is_refused_also_behind_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "x").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for path in [&file, &link] {
            let error = look_at_all(&[wanted(path.to_str().unwrap())]).unwrap_err();
            assert_eq!(error.kind(), EngineErrorKind::Rejected, "{error}");
        }
        // A folder hands out the devices in it, and here there are none.
        look_at_all(&[wanted(folder.path().to_str().unwrap())]).unwrap();
    }

    #[test]
    fn the_group_that_may_open_a_device_is_handed_on() {
        // Terminals belong to group tty on every Linux.
        let Ok(meta) = fs::metadata("/dev/tty0") else {
            return;
        };
        let found = look(Path::new("/dev/tty0")).unwrap();
        assert_eq!(found, group_of(&meta).into_iter().collect());
    }

    #[test]
    fn the_engines_own_words_name_the_device() {
        let text = "error gathering device information while adding custom device \"/dev/ttyUSB0\": no such file or directory";
        assert_eq!(named_as_missing(text), Some("/dev/ttyUSB0"));
        assert_eq!(named_as_missing("no such image"), None);
    }
}
