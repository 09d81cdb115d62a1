//! [`Permission`], and the lists of them.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::words::{of_capability, of_cpu, of_memory, of_processes};
use crate::manifest::model::Manifest;
use crate::value::{
    capability::Capability, cpu::CpuLimit, device::DevicePath, memory::MemoryLimit, number::PidsLimit,
};

/// One thing that a plugin asks for beyond what every plugin gets.
///
/// Its text completes "this plugin wants to". It can be kept as JSON, so that a host knows later
/// what its owner consented to, and has a short [`id`](Self::id) to name it by. Both stay as they
/// are in later versions. Permissions are ordered by kind, those with the widest reach first.
///
/// ```
/// use hap_manifest::permission::Permission;
///
/// assert_eq!(Permission::Network.to_string(), "reach the internet and the home network");
/// let device: Permission = "device:/dev/ttyUSB0".parse()?;
/// assert_eq!(device.to_string(), "use the device /dev/ttyUSB0");
/// assert_eq!(device.id(), "device:/dev/ttyUSB0");
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Permission {
    /// To run a program of its author on the host while its image is built there.
    ///
    /// No manifest asks for it: whether it is needed is up to the Dockerfile, see
    /// `package::Dockerfile`.
    Build,
    /// A Linux capability.
    Capability(Capability),
    /// To run as root in its container.
    Root,
    /// To run in the group of root in its container.
    RootGroup,
    /// All devices that the host keeps for plugins.
    HostDevices,
    /// One device.
    Device(DevicePath),
    /// Anything beyond the platform.
    Network,
    /// To change the files of its own image while it runs.
    WritableRoot,
    /// More memory than [`MEMORY_THRESHOLD`](Self::MEMORY_THRESHOLD).
    Memory(MemoryLimit),
    /// More processor time than [`CPU_THRESHOLD_NANOS`](Self::CPU_THRESHOLD_NANOS).
    Cpu(CpuLimit),
    /// More processes than [`PROCESSES_THRESHOLD`](Self::PROCESSES_THRESHOLD).
    Processes(PidsLimit),
}

impl Permission {
    /// Memory that a plugin may have without asking, in bytes: 1 GiB.
    pub const MEMORY_THRESHOLD: u64 = 1024 * 1024 * 1024;
    /// Processor time that a plugin may have without asking, in billionths of a core: 2 cores.
    pub const CPU_THRESHOLD_NANOS: u64 = 2_000_000_000;
    /// Processes that a plugin may have without asking.
    pub const PROCESSES_THRESHOLD: u32 = 1_024;

    /// Returns whether this permission includes the other: the same one, or no more of the same
    /// resource.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Memory(has), Self::Memory(asks)) => has >= asks,
            (Self::Cpu(has), Self::Cpu(asks)) => has >= asks,
            (Self::Processes(has), Self::Processes(asks)) => has >= asks,
            // Root is in its own group where no other is named.
            (Self::Root, Self::RootGroup) => true,
            _ => self == other,
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build => {
                f.write_str("run its author's program, with network, on this computer while it is installed")
            }
            Self::Capability(name) => write!(f, "{} ({name})", of_capability(name.as_str())),
            Self::Root => f.write_str("run as root in its container"),
            Self::RootGroup => f.write_str("run in the group of root in its container"),
            Self::HostDevices => f.write_str("use every device that is set up for plugins"),
            Self::Device(path) => write!(f, "use the device {path}"),
            Self::Network => f.write_str("reach the internet and the home network"),
            Self::WritableRoot => f.write_str("change its own program files while it runs"),
            Self::Memory(limit) => write!(f, "use up to {} of memory", of_memory(*limit)),
            Self::Cpu(limit) => write!(f, "use up to {}", of_cpu(*limit)),
            Self::Processes(limit) => write!(f, "run up to {} at once", of_processes(*limit)),
        }
    }
}

/// Lists everything that a manifest asks for beyond the default, in order and without duplicates.
///
/// A manifest with devices gets those; one with `device_access` and none listed gets all that the
/// host keeps for plugins. So a new version that no longer lists its devices, but keeps the access,
/// asks for more.
///
/// [`Permission::Build`] is not among it: the Dockerfile decides about that.
#[must_use]
pub fn requested(manifest: &Manifest) -> Vec<Permission> {
    let mut list: BTreeSet<Permission> = BTreeSet::new();
    list.extend(
        manifest
            .capabilities()
            .iter()
            .cloned()
            .map(Permission::Capability),
    );
    let user = manifest.container_user();
    list.extend(user.filter(|user| user.is_root()).map(|_| Permission::Root));
    list.extend(
        user.filter(|user| user.is_root_group())
            .map(|_| Permission::RootGroup),
    );
    if manifest.device_access() && manifest.devices().is_empty() {
        list.insert(Permission::HostDevices);
    }
    list.extend(manifest.devices().iter().cloned().map(Permission::Device));
    list.extend(manifest.network_access().then_some(Permission::Network));
    list.extend(manifest.writable_rootfs().then_some(Permission::WritableRoot));
    let memory = manifest.memory_limit();
    list.extend(
        memory
            .filter(|limit| limit.bytes() > Permission::MEMORY_THRESHOLD)
            .map(Permission::Memory),
    );
    let cpu = manifest.cpu_limit();
    list.extend(
        cpu.filter(|limit| limit.nano_cpus() > Permission::CPU_THRESHOLD_NANOS)
            .map(Permission::Cpu),
    );
    let processes = manifest.pids_limit();
    list.extend(
        processes
            .filter(|limit| limit.get() > Permission::PROCESSES_THRESHOLD)
            .map(Permission::Processes),
    );
    list.into_iter().collect()
}

/// Lists what a new manifest asks for and the old one does not. An update needs consent to it.
#[must_use]
pub fn added(old: &Manifest, new: &Manifest) -> Vec<Permission> {
    missing(&requested(old), new)
}

/// Lists what a manifest asks for and no granted permission covers.
///
/// ```
/// use hap_manifest::{Manifest, permission::{self, Permission}};
///
/// let manifest = Manifest::builder("light", "Light", "1.0.0", "example/light:1")
///     .memory_limit("2g")
///     .build()?;
/// let granted = ["network", "memory:1536m"].map(|id| id.parse::<Permission>().unwrap());
/// let missing = permission::missing(&granted, &manifest);
/// assert_eq!(missing.iter().map(Permission::id).collect::<Vec<_>>(), ["memory:2g"]);
/// # Ok::<(), hap_manifest::ManifestError>(())
/// ```
#[must_use]
pub fn missing(granted: &[Permission], manifest: &Manifest) -> Vec<Permission> {
    let mut list = requested(manifest);
    list.retain(|asked| !granted.iter().any(|permission| permission.covers(asked)));
    list
}
