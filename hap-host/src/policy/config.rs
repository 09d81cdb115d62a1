//! A policy as a configuration file writes it.

use std::collections::{BTreeMap, BTreeSet};

use hap_manifest::{
    CpuLimit, HumanDuration, MemoryLimit, PidsLimit, PluginId,
    package::PackageKey,
    permission::{Capability, DevicePath},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Policy,
    access::Access,
    image_users::ImageUsers,
    image_volumes::ImageVolumes,
    lost_isolation::LostIsolation,
    pattern::{DevicePattern, ImageSource},
};

/// The policy that the others are said on top of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Preset {
    /// A household's machine.
    #[default]
    Home,
    /// Machines that run the plugins of many people.
    Hosted,
    /// A machine on which plugins are written and tried out.
    Development,
    /// Nothing beyond what every plugin gets.
    Strict,
}

/// What plugins may have: a preset, and what is different from it. Lists add to what the preset has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Policy")]
pub(crate) struct PolicyConfig {
    /// The preset; `home` unless it is set.
    preset: Preset,
    /// Most memory that a plugin may have, granted or not.
    max_memory: Option<MemoryLimit>,
    /// Most processor time that a plugin may have, granted or not, in cores.
    max_cpu: Option<CpuLimit>,
    /// Most processes that a plugin may have, granted or not.
    max_processes: Option<PidsLimit>,
    /// More than 1 GiB of memory, 2 cores or 1,024 processes.
    resources: Option<Access>,
    /// The internet and the local network.
    network: Option<Access>,
    /// A root file system that may be written.
    writable_rootfs: Option<Access>,
    /// To run as root, or in the group of root.
    root: Option<Access>,
    /// Whether a manifest may choose the user that its plugin runs as.
    own_user: Option<bool>,
    /// Devices that no rule of their own is about.
    devices: Option<Access>,
    /// Devices that whoever asks gets, such as `/dev/ttyUSB*`.
    #[schemars(with = "Vec<String>")]
    allow_devices: Vec<DevicePattern>,
    /// Devices that nobody gets.
    #[schemars(with = "Vec<String>")]
    deny_devices: Vec<DevicePattern>,
    /// Devices that the host keeps for plugins which name none.
    host_devices: Vec<DevicePath>,
    /// Whether devices may be written as well as read.
    device_writes: Option<bool>,
    /// Linux capabilities that no rule of their own is about.
    capabilities: Option<Access>,
    /// Capabilities that whoever asks gets.
    allow_capabilities: Vec<Capability>,
    /// Capabilities that nobody gets.
    deny_capabilities: Vec<Capability>,
    /// Where images may come from, such as `ghcr.io/acme`; from nowhere if the list is empty.
    #[schemars(with = "Option<Vec<String>>")]
    allow_images: Option<Vec<ImageSource>>,
    /// Whether images may be built on this machine.
    local_builds: Option<bool>,
    /// Builds that run a program of the plugin's author.
    builds: Option<Access>,
    /// Most memory that a step of a build has.
    build_memory: Option<MemoryLimit>,
    /// Most processor time that a step of a build has, in cores.
    build_cpu: Option<CpuLimit>,
    /// Most processes that a step of a build has.
    build_processes: Option<PidsLimit>,
    /// What becomes of volumes that an image declares and the manifest does not name.
    image_volumes: Option<ImageVolumes>,
    /// What becomes of plugins when it is measured that they reach each other.
    lost_isolation: Option<LostIsolation>,
    /// Longest time that a plugin has to stop before it is killed, such as `20s`.
    max_stop_timeout: Option<HumanDuration>,
    /// What becomes of the user that an image names.
    image_users: Option<ImageUsers>,
    /// Public keys of publishers whose packages are taken as signed.
    trust_keys: Vec<PackageKey>,
    /// Whether packages may be unsigned, and plugins come from folders.
    unsigned_packages: Option<bool>,
    /// The engine's runtime for plugins, such as `runsc`.
    runtime: Option<String>,
    /// The runtime of single plugins, by their id.
    runtime_of_plugin: BTreeMap<PluginId, String>,
    /// The runtime of plugins from packages that are signed with a key.
    runtime_of_publisher: BTreeMap<PackageKey, String>,
}

impl PolicyConfig {
    /// The policy that the file describes.
    pub(crate) fn into_policy(self) -> Policy {
        let policy = match self.preset {
            Preset::Home => Policy::home(),
            Preset::Hosted => Policy::hosted(),
            Preset::Development => Policy::development(),
            Preset::Strict => Policy::strict(),
        };
        let policy = self.limits(policy);
        let policy = self.devices(policy);
        let policy = self.capabilities(policy);
        let policy = self.origins(policy);
        self.runtimes(policy)
    }

    fn limits(&self, mut policy: Policy) -> Policy {
        policy = set(policy, self.max_memory, Policy::max_memory);
        policy = set(policy, self.max_cpu, Policy::max_cpu);
        policy = set(policy, self.max_processes, Policy::max_processes);
        policy = set(policy, self.resources, Policy::resources);
        policy = set(policy, self.network, Policy::network);
        policy = set(policy, self.writable_rootfs, Policy::writable_rootfs);
        policy = set(policy, self.root, Policy::root);
        policy = set(policy, self.lost_isolation, Policy::lost_isolation);
        let stop = self.max_stop_timeout.map(HumanDuration::get);
        policy = set(policy, stop, Policy::max_stop_timeout);
        set(policy, self.own_user, Policy::own_user)
    }

    fn devices(&self, mut policy: Policy) -> Policy {
        policy = set(policy, self.devices, Policy::devices);
        policy = each(policy, &self.allow_devices, Policy::allow_device);
        policy = each(policy, &self.deny_devices, Policy::deny_device);
        policy = each(policy, &self.host_devices, Policy::host_device);
        set(policy, self.device_writes, Policy::device_writes)
    }

    fn capabilities(&self, mut policy: Policy) -> Policy {
        policy = set(policy, self.capabilities, Policy::capabilities);
        policy = each(policy, &self.allow_capabilities, Policy::allow_capability);
        each(policy, &self.deny_capabilities, Policy::deny_capability)
    }

    fn origins(&self, mut policy: Policy) -> Policy {
        if let Some(sources) = &self.allow_images {
            // An empty list says that there are none.
            policy.images.get_or_insert_with(BTreeSet::new);
            policy = each(policy, sources, Policy::allow_images);
        }
        policy = set(policy, self.local_builds, Policy::local_builds);
        policy = set(policy, self.builds, Policy::builds);
        policy = set(policy, self.build_memory, Policy::build_memory);
        policy = set(policy, self.build_cpu, Policy::build_cpu);
        policy = set(policy, self.build_processes, Policy::build_processes);
        policy = set(policy, self.image_volumes, Policy::image_volumes);
        policy = set(policy, self.image_users, Policy::image_users);
        policy = each(policy, &self.trust_keys, Policy::trust_key);
        set(policy, self.unsigned_packages, Policy::unsigned_packages)
    }

    fn runtimes(self, mut policy: Policy) -> Policy {
        policy = set(policy, self.runtime, Policy::runtime);
        for (plugin, name) in self.runtime_of_plugin {
            policy = policy.runtime_of_plugin(plugin, name);
        }
        for (key, name) in self.runtime_of_publisher {
            policy = policy.runtime_of_publisher(key, name);
        }
        policy
    }
}

fn set<T>(policy: Policy, value: Option<T>, setter: impl FnOnce(Policy, T) -> Policy) -> Policy {
    match value {
        Some(value) => setter(policy, value),
        None => policy,
    }
}

fn each<T: Clone>(policy: Policy, values: &[T], setter: impl Fn(Policy, T) -> Policy) -> Policy {
    values.iter().cloned().fold(policy, setter)
}
