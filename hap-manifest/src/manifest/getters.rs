//! What can be asked of a [`Manifest`].

use std::collections::BTreeMap;
use std::time::Duration;

use semver::{Version, VersionReq};
use serde_json::Value;

use super::listing::Listing;
use super::model::Manifest;
use super::restart::RestartPolicy;
use crate::value::{
    capability::Capability, cpu::CpuLimit, dependency::Dependency, device::DevicePath,
    duration::HumanDuration, env::EnvName, health::HealthCheck, id::PluginId, image::ImageRef,
    memory::MemoryLimit, number::ApiPort, number::PidsLimit, path::EndpointPath, path::VolumePath,
    user::ContainerUser,
};

impl Manifest {
    /// Returns the unique name of the plugin.
    #[must_use]
    pub const fn id(&self) -> &PluginId {
        &self.id
    }

    /// Returns the name for people, one line.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the version of the plugin.
    #[must_use]
    pub const fn version(&self) -> &Version {
        &self.version
    }

    /// Returns what the plugin does, for people.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Returns who wrote it.
    #[must_use]
    pub fn author(&self) -> &str {
        &self.author
    }

    /// Returns the container image.
    #[must_use]
    pub const fn image(&self) -> &ImageRef {
        &self.image
    }

    /// Returns the TCP port of its API inside the container; 8000 by default.
    #[must_use]
    pub const fn api_port(&self) -> ApiPort {
        self.api_port
    }

    /// Returns the processor time it may use; the host's default if `None`.
    #[must_use]
    pub const fn cpu_limit(&self) -> Option<CpuLimit> {
        self.cpu_limit
    }

    /// Returns the memory it may use; the host's default if `None`.
    #[must_use]
    pub const fn memory_limit(&self) -> Option<MemoryLimit> {
        self.memory_limit
    }

    /// Returns whether it may reach beyond the platform; true by default.
    #[must_use]
    pub const fn network_access(&self) -> bool {
        self.network_access
    }

    /// Returns whether it gets devices of the host; false by default.
    #[must_use]
    pub const fn device_access(&self) -> bool {
        self.device_access
    }

    /// Returns the file that the image is built from, by its path in the plugin's folder or
    /// package; `Dockerfile` by default.
    #[must_use]
    pub fn dockerfile(&self) -> &str {
        self.dockerfile.as_str()
    }

    /// Returns the path of the health endpoint; `/health` by default.
    #[must_use]
    pub const fn health_check_path(&self) -> &EndpointPath {
        &self.health_check_path
    }

    /// Returns the path of the command endpoint; `/command` by default.
    #[must_use]
    pub const fn command_endpoint(&self) -> &EndpointPath {
        &self.command_endpoint
    }

    /// Returns the path of the status endpoint; `/status` by default.
    #[must_use]
    pub const fn status_endpoint(&self) -> &EndpointPath {
        &self.status_endpoint
    }

    /// Returns the path of the configuration endpoint; `/config` by default.
    #[must_use]
    pub const fn config_endpoint(&self) -> &EndpointPath {
        &self.config_endpoint
    }

    /// Returns the environment variables of the container, none of them reserved.
    #[must_use]
    pub const fn env_vars(&self) -> &BTreeMap<EnvName, String> {
        &self.env_vars
    }

    /// Returns the container paths whose content outlives restart and update; no two overlap.
    #[must_use]
    pub fn volumes(&self) -> &[VolumePath] {
        &self.volumes
    }

    /// Returns the plugins that must be healthy before this one starts; never itself.
    #[must_use]
    pub fn depends_on(&self) -> &[Dependency] {
        &self.depends_on
    }

    /// Returns what a marketplace shows.
    #[must_use]
    pub const fn listing(&self) -> &Listing {
        &self.listing
    }

    /// Returns the JSON Schema that a configuration must satisfy: an object or a boolean. It is not
    /// itself checked here.
    #[must_use]
    pub const fn config_schema(&self) -> Option<&Value> {
        self.config_schema.as_ref()
    }

    /// Returns what of the configuration is to be redacted: top-level keys, or JSON pointers that
    /// begin with a slash. A key that begins with one itself is taken for both.
    #[must_use]
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Returns the devices of the host it asks for; only with
    /// [`device_access`](Self::device_access).
    #[must_use]
    pub fn devices(&self) -> &[DevicePath] {
        &self.devices
    }

    /// Returns the Linux capabilities it asks for.
    #[must_use]
    pub fn capabilities(&self) -> &[Capability] {
        &self.capabilities
    }

    /// Returns the user and group to run as, `user[:group]`. If `None`, the image's
    /// own, or a number that the host chooses.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_ref().map(ContainerUser::as_str)
    }

    /// Returns the user as its type.
    pub(crate) const fn container_user(&self) -> Option<&ContainerUser> {
        self.user.as_ref()
    }

    /// Returns whether it may write to its root file system; false by default.
    #[must_use]
    pub const fn writable_rootfs(&self) -> bool {
        self.writable_rootfs
    }

    /// Returns the container paths to keep in memory, besides `/tmp`.
    #[must_use]
    pub fn tmpfs(&self) -> &[VolumePath] {
        &self.tmpfs
    }

    /// Returns how many processes and threads it may have; the host's default if `None`.
    #[must_use]
    pub const fn pids_limit(&self) -> Option<PidsLimit> {
        self.pids_limit
    }

    /// Returns how the host watches it.
    #[must_use]
    pub const fn health_check(&self) -> &HealthCheck {
        &self.health_check
    }

    /// Returns the time between being asked to stop and being killed; the host's default if `None`.
    #[must_use]
    pub fn stop_timeout(&self) -> Option<Duration> {
        self.stop_timeout.map(HumanDuration::get)
    }

    /// Returns what happens after a failure; the host's default if `None`.
    #[must_use]
    pub const fn restart(&self) -> Option<&RestartPolicy> {
        self.restart.as_ref()
    }

    /// Returns the versions of the platform it works with; any if `None`.
    #[must_use]
    pub const fn platform(&self) -> Option<&VersionReq> {
        self.platform.as_ref()
    }
}
