use std::{collections::BTreeMap, fmt, path::PathBuf};

use hap_manifest::PluginId;

use super::instance::InstanceName;

/// Everything an engine needs to make a plugin's container.
///
/// There is no field for privileged mode, host namespaces or bind mounts of host paths: what is not
/// here cannot be asked for. `Debug` does not print the values of secret variables.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerSpec {
    /// Container name, unique on the engine.
    pub name: String,
    /// The plugin.
    pub plugin: PluginId,
    /// The supervisor that owns it.
    pub instance: InstanceName,
    /// What runs: the image's id where it is known, else its reference.
    pub image: String,
    /// Environment in order; a later entry of a name replaces an earlier one.
    pub env: Vec<EnvVar>,
    /// Labels, among them the spec's digest. No label holds a secret.
    pub labels: BTreeMap<String, String>,
    /// Memory, CPU and process limits.
    pub limits: ResourceLimits,
    /// Which network it joins.
    pub network: NetworkMode,
    /// The port that the plugin listens on.
    pub api_port: u16,
    /// Named volumes.
    pub volumes: Vec<VolumeMount>,
    /// Memory file systems; `/tmp` is always among them.
    pub tmpfs: Vec<TmpfsMount>,
    /// Size of the memory file system at each path where the image declares a volume and this spec
    /// has none, in bytes. No engine makes a volume because an image says so.
    pub image_volume_bytes: u64,
    /// `user[:group]` to run as instead of the image's. Engines without images ignore it.
    pub user: Option<String>,
    /// Whether the volumes, whosever they were before, become those of [`user`](Self::user), which is
    /// two numbers then, before the container starts for the first time.
    pub owns_volumes: bool,
    /// Whether the root file system may be written.
    pub writable_rootfs: bool,
    /// Devices of the host, under the same names.
    pub devices: Vec<DeviceAccess>,
    /// Linux capabilities that are not dropped, without the prefix `CAP_`.
    pub capabilities: Vec<String>,
    /// Rotation of the container's log.
    pub log: LogRotation,
    /// Whether the engine itself starts the container again when its run ends or the engine does,
    /// unless it was stopped. An engine that cannot leaves it down.
    pub outlives_host: bool,
    /// The engine's runtime that the container runs in, by the engine's name for it; `None` is the
    /// engine's default. An engine that lacks it fails.
    pub runtime: Option<String>,
    /// Program to run for engines without images; ignored by those that have them.
    pub program: Option<PathBuf>,
}

impl ContainerSpec {
    /// A spec with the least of everything: no volumes, no variables, isolated network,
    /// `/tmp` of 64 MiB.
    #[must_use]
    pub fn new(
        name: String,
        plugin: PluginId,
        instance: InstanceName,
        image: String,
        limits: ResourceLimits,
        api_port: u16,
    ) -> Self {
        Self {
            name,
            plugin,
            instance,
            image,
            env: Vec::new(),
            labels: BTreeMap::new(),
            limits,
            network: NetworkMode::Isolated,
            api_port,
            volumes: Vec::new(),
            tmpfs: vec![TmpfsMount {
                path: "/tmp".to_owned(),
                size_bytes: 64 << 20,
            }],
            image_volume_bytes: 16 << 20,
            user: None,
            owns_volumes: false,
            writable_rootfs: false,
            devices: Vec::new(),
            capabilities: Vec::new(),
            log: LogRotation::default(),
            outlives_host: false,
            runtime: None,
            program: None,
        }
    }
}

/// One environment variable of a container. `Debug` hides the value of a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvVar {
    name: String,
    value: String,
    secret: bool,
}

impl EnvVar {
    /// A variable whose value may be shown.
    pub fn plain(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            secret: false,
        }
    }

    /// A variable whose value is never shown and does not enter the spec's digest.
    pub fn secret(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            secret: true,
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value, secret or not: for handing to the container, never for a log.
    #[must_use]
    pub fn expose_value(&self) -> &str {
        &self.value
    }

    /// Whether the value is a secret.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        self.secret
    }
}

impl fmt::Debug for EnvVar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.secret { "[REDACTED]" } else { &self.value };
        write!(f, "{}={value}", self.name)
    }
}

/// Resource limits of a container. Each is always set: nothing runs without limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ResourceLimits {
    /// Memory in bytes; swap is not added to it.
    pub memory_bytes: u64,
    /// CPU time in billionths of a core.
    pub nano_cpus: u64,
    /// Processes and threads.
    pub pids: u32,
    /// Open files of one process.
    pub open_files: u32,
}

impl ResourceLimits {
    /// Names the limits; open files are 4,096.
    #[must_use]
    pub const fn new(memory_bytes: u64, nano_cpus: u64, pids: u32) -> Self {
        Self {
            memory_bytes,
            nano_cpus,
            pids,
            open_files: 4096,
        }
    }
}

/// Which of the instance's two networks a container joins. On neither do plugins reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NetworkMode {
    /// Has no route out and reaches no other container: only the platform's listener, and whatever
    /// else on the host listens on all interfaces or on the network's gateway. An engine may not be
    /// able to close the latter.
    Isolated,
    /// Reaches what the host reaches.
    Outbound,
}

/// A named volume in a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct VolumeMount {
    /// The volume's name on the engine.
    pub name: String,
    /// Absolute path in the container.
    pub path: String,
}

impl VolumeMount {
    /// Mounts volume `name` at `path`.
    #[must_use]
    pub const fn new(name: String, path: String) -> Self {
        Self { name, path }
    }
}

/// A character device of the host in a container. Making device files in there is never possible,
/// and a disk is never handed out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DeviceAccess {
    /// Absolute path, on the host and in the container.
    pub path: String,
    /// Whether it may be written as well as read.
    pub write: bool,
    /// Whether the container is made without it where the host has no such device.
    pub optional: bool,
}

impl DeviceAccess {
    /// The device at `path`, which must be there, to be read and written.
    #[must_use]
    pub const fn new(path: String) -> Self {
        Self {
            path,
            write: true,
            optional: false,
        }
    }
}

/// A memory file system in a container; it counts towards the memory limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TmpfsMount {
    /// Absolute path in the container.
    pub path: String,
    /// Size limit in bytes.
    pub size_bytes: u64,
}

impl TmpfsMount {
    /// A memory file system at `path`.
    #[must_use]
    pub const fn new(path: String, size_bytes: u64) -> Self {
        Self { path, size_bytes }
    }
}

/// Rotation of a container's log. Default: 3 files of 10 MB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LogRotation {
    /// Size of one file in bytes.
    pub max_bytes: u64,
    /// Number of files.
    pub files: u32,
}

impl Default for LogRotation {
    fn default() -> Self {
        Self {
            max_bytes: 10_000_000,
            files: 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_secret_variable_hides_its_value() {
        let env = [
            EnvVar::plain("PORT", "8000"),
            EnvVar::secret("HAP_API_TOKEN", "hunter2"),
        ];
        assert_eq!(format!("{env:?}"), "[PORT=8000, HAP_API_TOKEN=[REDACTED]]");
    }
}
