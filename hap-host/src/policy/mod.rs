//! What plugins may have at most, what each was granted, and what of a manifest is refused.

pub(crate) mod access;
pub(crate) mod config;
pub(crate) mod image_users;
pub(crate) mod image_volumes;
mod isolation;
mod judge;
pub(crate) mod lost_isolation;
pub(crate) mod pattern;
mod preset;
#[cfg(test)]
mod preset_tests;
mod runtime;
mod runtimes;
mod stop;
#[cfg(test)]
mod tests;
pub(crate) mod trust;
pub(crate) mod violation;
mod warnings;

use std::{collections::BTreeSet, time::Duration};

use hap_manifest::{
    CpuLimit, MemoryLimit, PidsLimit,
    package::PackageKey,
    permission::{Capability, DevicePath},
};

use self::{
    access::Access,
    image_users::ImageUsers,
    image_volumes::ImageVolumes,
    lost_isolation::LostIsolation,
    pattern::{DevicePattern, ImageSource},
    runtimes::Runtimes,
    trust::Trust,
};
use crate::engine::spec::ResourceLimits;

/// What plugins may have on this host: at most, without asking, and only when it was granted.
///
/// A plugin asks for things in its manifest; what goes beyond the default is a
/// [`Permission`](hap_manifest::permission::Permission). The policy says of each kind
/// whether every plugin has it that asks, whether it takes a grant
/// ([`InstallRequest::grant`](crate::supervisor::install::InstallRequest::grant)), or
/// whether nobody gets it. It is judged before anything is installed, and again whenever a
/// supervisor starts: a plugin that a stricter policy no longer allows is stopped and says
/// why, and the others go on.
///
/// The default gives network access to whoever asks, because plugins are written for that; takes a
/// grant for devices, capabilities, running as root, a writable root file system and unusual
/// resources, and for builds that run a program; and never gives disks, the machine's memory, or the
/// capabilities that amount to owning the machine. It is the preset [`home`](Self::home).
///
/// ```
/// use hap_host::{Access, Policy};
/// use hap_manifest::Manifest;
///
/// let policy = Policy::default()
///     .max_memory("512m".parse()?)
///     .network(Access::ByGrant)
///     .allow_device("/dev/ttyUSB*".parse()?);
/// let manifest = Manifest::builder("meter", "Meter", "1.0.0", "meter:1").memory_limit("1g").build()?;
/// let words: Vec<_> = policy.evaluate(&manifest, &[]).iter().map(ToString::to_string).collect();
/// assert_eq!(words, [
///     "wants to reach the internet and the home network, which was not granted",
///     "wants a memory limit of 1g, and this host gives at most 512m",
/// ]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc = include_str!("presets.md")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a policy holds for the supervisor that it is given to"]
pub struct Policy {
    max_memory: Option<MemoryLimit>,
    max_cpu: Option<CpuLimit>,
    max_processes: Option<PidsLimit>,
    resources: Access,
    network: Access,
    writable_rootfs: Access,
    root: Access,
    own_user: bool,
    devices: Access,
    allowed_devices: Vec<DevicePattern>,
    denied_devices: Vec<DevicePattern>,
    host_devices: BTreeSet<DevicePath>,
    device_writes: bool,
    capabilities: Access,
    allowed_capabilities: BTreeSet<Capability>,
    denied_capabilities: BTreeSet<Capability>,
    images: Option<BTreeSet<ImageSource>>,
    local_builds: bool,
    builds: Access,
    build_limits: ResourceLimits,
    image_volumes: ImageVolumes,
    image_users: ImageUsers,
    trusted_keys: BTreeSet<PackageKey>,
    unsigned_packages: bool,
    runtimes: Runtimes,
    lost_isolation: LostIsolation,
    max_stop_timeout: Duration,
}

/// Longest time for a stop, whatever a manifest says.
const MAX_STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// Enough for most compilers.
const BUILD_LIMITS: ResourceLimits = ResourceLimits::new(2 << 30, 2_000_000_000, 1024);

/// Enough for sockets and process numbers. Data that should last needs a volume of the manifest, so
/// little room shows early that there is none.
const IMAGE_VOLUME: u64 = 16 << 20;

/// Devices behind which are the disks, the memory or the open files of the machine.
const DENIED_DEVICES: &[&str] = &[
    "/dev/mem",
    "/dev/kmem",
    "/dev/port",
    "/dev/kmsg",
    "/dev/sd*",
    "/dev/hd*",
    "/dev/vd*",
    "/dev/xvd*",
    "/dev/sr*",
    "/dev/sg*",
    "/dev/nvme*",
    "/dev/mmcblk*",
    "/dev/dm-*",
    "/dev/md*",
    "/dev/loop*",
    "/dev/nbd*",
    "/dev/zram*",
    "/dev/ram*",
    "/dev/disk",
    "/dev/disk/**",
    "/dev/mapper",
    "/dev/mapper/**",
    "/dev/block",
    "/dev/block/**",
    "/dev/char",
    "/dev/char/**",
    "/dev/fd",
    "/dev/fd/**",
    "/dev/std*",
];

/// Capabilities with which a container is no wall.
const DENIED_CAPABILITIES: &[&str] = &[
    "AUDIT_CONTROL",
    "BPF",
    "CHECKPOINT_RESTORE",
    "DAC_READ_SEARCH",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYSLOG",
];

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_memory: None,
            max_cpu: None,
            max_processes: None,
            resources: Access::ByGrant,
            network: Access::Allowed,
            writable_rootfs: Access::ByGrant,
            root: Access::ByGrant,
            own_user: true,
            devices: Access::ByGrant,
            allowed_devices: Vec::new(),
            denied_devices: parsed(DENIED_DEVICES),
            host_devices: BTreeSet::new(),
            device_writes: true,
            capabilities: Access::ByGrant,
            allowed_capabilities: BTreeSet::new(),
            denied_capabilities: parsed(DENIED_CAPABILITIES),
            images: None,
            local_builds: true,
            builds: Access::ByGrant,
            build_limits: BUILD_LIMITS,
            image_volumes: ImageVolumes::Cover(IMAGE_VOLUME),
            image_users: ImageUsers::Keep,
            trusted_keys: BTreeSet::new(),
            unsigned_packages: true,
            runtimes: Runtimes::default(),
            lost_isolation: LostIsolation::Tell,
            max_stop_timeout: MAX_STOP_TIMEOUT,
        }
    }
}

impl Policy {
    /// Most memory that a plugin may have, granted or not. Default: no bound of its own. A default
    /// limit above it is lowered to it.
    pub const fn max_memory(mut self, most: MemoryLimit) -> Self {
        self.max_memory = Some(most);
        self
    }

    /// Most processor time that a plugin may have, granted or not. Default: no bound of its own. A
    /// default limit above it is lowered to it.
    pub const fn max_cpu(mut self, most: CpuLimit) -> Self {
        self.max_cpu = Some(most);
        self
    }

    /// Most processes that a plugin may have, granted or not. Default: no bound of its own. A
    /// default limit above it is lowered to it.
    pub const fn max_processes(mut self, most: PidsLimit) -> Self {
        self.max_processes = Some(most);
        self
    }

    /// More than 1 GiB of memory, 2 cores or 1,024 processes. Default: by grant.
    pub const fn resources(mut self, access: Access) -> Self {
        self.resources = access;
        self
    }

    /// The internet and the local network. Default: allowed, because a manifest that does not say
    /// otherwise asks for it.
    pub const fn network(mut self, access: Access) -> Self {
        self.network = access;
        self
    }

    /// A root file system that may be written. Default: by grant.
    pub const fn writable_rootfs(mut self, access: Access) -> Self {
        self.writable_rootfs = access;
        self
    }

    /// To run as root, or in the group of root, where the manifest says so. Default: by grant. That
    /// an image's own user is root, or none, counts for nothing: its plugin runs as a number of its
    /// own.
    pub const fn root(mut self, access: Access) -> Self {
        self.root = access;
        self
    }

    /// What becomes of the user that an image names. Default: the plugin runs as that user;
    /// [`strict`](Self::strict) replaces it by a number of the plugin's own.
    pub const fn image_users(mut self, users: ImageUsers) -> Self {
        self.image_users = users;
        self
    }

    /// Whether a manifest may choose the user that its plugin runs as. Default: yes.
    pub const fn own_user(mut self, allowed: bool) -> Self {
        self.own_user = allowed;
        self
    }

    /// Devices of the host that no rule of their own is about. Default: by grant.
    pub const fn devices(mut self, access: Access) -> Self {
        self.devices = access;
        self
    }

    /// Gives these devices to whoever asks for them.
    pub fn allow_device(mut self, devices: DevicePattern) -> Self {
        self.allowed_devices.push(devices);
        self
    }

    /// Gives these devices to nobody, whatever else is said of them. The default has the disks, the
    /// memory and the open files of the machine here.
    pub fn deny_device(mut self, devices: DevicePattern) -> Self {
        self.denied_devices.push(devices);
        self
    }

    /// Adds a device that the host keeps for plugins: those whose manifest says `device_access` and
    /// names no device get them all, if they may. Default: none. A device that is not there when
    /// such a plugin starts is left out.
    pub fn host_device(mut self, device: DevicePath) -> Self {
        self.host_devices.insert(device);
        self
    }

    /// Whether devices may be written as well as read. Default: yes. Making device files is
    /// never possible.
    pub const fn device_writes(mut self, allowed: bool) -> Self {
        self.device_writes = allowed;
        self
    }

    /// Linux capabilities that no rule of their own is about. Default: by grant.
    pub const fn capabilities(mut self, access: Access) -> Self {
        self.capabilities = access;
        self
    }

    /// Gives this capability to whoever asks for it.
    pub fn allow_capability(mut self, capability: Capability) -> Self {
        self.denied_capabilities.remove(&capability);
        self.allowed_capabilities.insert(capability);
        self
    }

    /// Gives this capability to nobody, even if it was allowed before. The default has here what
    /// amounts to owning the machine, such as `SYS_ADMIN`.
    pub fn deny_capability(mut self, capability: Capability) -> Self {
        self.denied_capabilities.insert(capability);
        self
    }

    /// Lets images come from here, and from nowhere that was not named by a call of this. Default:
    /// they come from anywhere. Of an image that is built here those are asked that it is built
    /// with, and they are pulled anew each time: one of that name on this machine does not count.
    pub fn allow_images(mut self, source: ImageSource) -> Self {
        self.images.get_or_insert_default().insert(source);
        self
    }

    /// Whether images may be built on this machine, from the folder or the package of a plugin.
    /// Default: yes. What a Dockerfile may do beyond putting files into an image is up to
    /// [`builds`](Self::builds).
    pub const fn local_builds(mut self, allowed: bool) -> Self {
        self.local_builds = allowed;
        self
    }

    /// Builds that run the author's program, or take another image: whatever does more than put
    /// files into an image ([`Permission::Build`](hap_manifest::permission::Permission::Build)).
    /// Default: by grant.
    pub const fn builds(mut self, access: Access) -> Self {
        self.builds = access;
        self
    }

    /// Most memory that a step of a build has, swap included. Default: 2 GiB, which is also the most
    /// that the engine's API takes from here.
    pub const fn build_memory(mut self, most: MemoryLimit) -> Self {
        self.build_limits.memory_bytes = most.bytes();
        self
    }

    /// Most processor time that a step of a build has. Default: 2 cores.
    pub const fn build_cpu(mut self, most: CpuLimit) -> Self {
        self.build_limits.nano_cpus = most.nano_cpus();
        self
    }

    /// Most processes that a step of a build has. Default: 1,024.
    pub const fn build_processes(mut self, most: PidsLimit) -> Self {
        self.build_limits.pids = most.get();
        self
    }

    /// What becomes of a volume that an image declares and the manifest does not name. Default: it
    /// is covered by a memory file system of 16 MiB.
    pub const fn image_volumes(mut self, volumes: ImageVolumes) -> Self {
        self.image_volumes = volumes;
        self
    }

    /// Trusts whoever holds the secret half of this key: packages that are signed with it are taken
    /// as signed, and one that was changed since is refused. Default: nobody is trusted, and no
    /// signature is looked at.
    ///
    /// ```
    /// use hap_host::Policy;
    ///
    /// let policy = Policy::default()
    ///     .trust_key("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3".parse()?)
    ///     .unsigned_packages(false);
    /// # Ok::<(), hap_manifest::ParseError>(())
    /// ```
    pub fn trust_key(mut self, key: PackageKey) -> Self {
        self.trusted_keys.insert(key);
        self
    }

    /// Whether what is built on this machine may come from elsewhere than from a package that is
    /// signed with a [trusted key](Self::trust_key): from a package that is not, or from a
    /// folder, which cannot be. Default: yes. A package that is signed with a key nobody trusts
    /// counts as unsigned.
    pub const fn unsigned_packages(mut self, allowed: bool) -> Self {
        self.unsigned_packages = allowed;
        self
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust {
            keys: self.trusted_keys.iter().copied().collect(),
            takes_unsigned: self.unsigned_packages,
        }
    }

    /// Whether anything may be built here.
    pub(crate) const fn may_build(&self) -> bool {
        self.local_builds
    }

    /// What a step of a build has at most.
    pub(crate) const fn limits_of_builds(&self) -> ResourceLimits {
        self.build_limits
    }

    /// Whether images come only from certain places.
    pub(crate) const fn restricts_images(&self) -> bool {
        self.images.is_some()
    }

    pub(crate) const fn users_of_images(&self) -> ImageUsers {
        self.image_users
    }

    pub(crate) const fn volumes_of_images(&self) -> ImageVolumes {
        self.image_volumes
    }

    /// The devices that the host keeps for plugins.
    pub(crate) fn devices_of_host(&self) -> impl Iterator<Item = &DevicePath> {
        self.host_devices.iter()
    }

    pub(crate) const fn may_write_devices(&self) -> bool {
        self.device_writes
    }
}

/// What is written above is well-formed, and a test says so.
fn parsed<T: std::str::FromStr, C: FromIterator<T>>(texts: &[&str]) -> C {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}
