//! What can be asked of a [`Manifest`].

use std::collections::BTreeMap;
use std::time::Duration;

use semver::{Version, VersionReq};
use serde_json::Value;

use super::listing::Listing;
use super::model::Manifest;
use super::restart::RestartPolicy;
use crate::value::capability::Capability;
use crate::value::cpu::CpuLimit;
use crate::value::dependency::Dependency;
use crate::value::device::DevicePath;
use crate::value::duration::HumanDuration;
use crate::value::env::EnvName;
use crate::value::health::HealthCheck;
use crate::value::id::PluginId;
use crate::value::image::ImageRef;
use crate::value::memory::MemoryLimit;
use crate::value::number::{ApiPort, PidsLimit};
use crate::value::path::{EndpointPath, VolumePath};
use crate::value::user::ContainerUser;

impl Manifest {
    /// Unique name of the plugin.
    #[must_use]
    pub const fn id(&self) -> &PluginId {
        &self.id
    }

    /// Name for people, one line.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Version of the plugin.
    #[must_use]
    pub const fn version(&self) -> &Version {
        &self.version
    }

    /// What the plugin does, for people.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Who wrote it.
    #[must_use]
    pub fn author(&self) -> &str {
        &self.author
    }

    /// The container image.
    #[must_use]
    pub const fn image(&self) -> &ImageRef {
        &self.image
    }

    /// TCP port of its API inside the container; 8000 by default.
    #[must_use]
    pub const fn api_port(&self) -> ApiPort {
        self.api_port
    }

    /// Processor time it may use.
    #[must_use]
    pub const fn cpu_limit(&self) -> Option<CpuLimit> {
        self.cpu_limit
    }

    /// Memory it may use.
    #[must_use]
    pub const fn memory_limit(&self) -> Option<MemoryLimit> {
        self.memory_limit
    }

    /// Whether it may reach beyond the platform; true by default.
    #[must_use]
    pub const fn network_access(&self) -> bool {
        self.network_access
    }

    /// Whether it gets devices of the host; false by default.
    #[must_use]
    pub const fn device_access(&self) -> bool {
        self.device_access
    }

    /// File the image is built from, by its path in the plugin's folder or package; `Dockerfile` by default.
    #[must_use]
    pub fn dockerfile(&self) -> &str {
        self.dockerfile.as_str()
    }

    /// Path of the health endpoint; `/health` by default.
    #[must_use]
    pub const fn health_check_path(&self) -> &EndpointPath {
        &self.health_check_path
    }

    /// Path of the command endpoint; `/command` by default.
    #[must_use]
    pub const fn command_endpoint(&self) -> &EndpointPath {
        &self.command_endpoint
    }

    /// Path of the status endpoint; `/status` by default.
    #[must_use]
    pub const fn status_endpoint(&self) -> &EndpointPath {
        &self.status_endpoint
    }

    /// Path of the configuration endpoint; `/config` by default.
    #[must_use]
    pub const fn config_endpoint(&self) -> &EndpointPath {
        &self.config_endpoint
    }

    /// Environment variables of the container, none of them reserved.
    #[must_use]
    pub const fn env_vars(&self) -> &BTreeMap<EnvName, String> {
        &self.env_vars
    }

    /// Container paths whose content outlives restart and update; no two overlap.
    #[must_use]
    pub fn volumes(&self) -> &[VolumePath] {
        &self.volumes
    }

    /// Plugins that must be healthy before this one starts; never itself.
    #[must_use]
    pub fn depends_on(&self) -> &[Dependency] {
        &self.depends_on
    }

    /// What a marketplace shows.
    #[must_use]
    pub const fn listing(&self) -> &Listing {
        &self.listing
    }

    /// JSON Schema that a configuration must satisfy: an object or a boolean. It is not itself checked here.
    #[must_use]
    pub const fn config_schema(&self) -> Option<&Value> {
        self.config_schema.as_ref()
    }

    /// What of the configuration is to be redacted: top-level keys, or JSON pointers that begin with a slash. A key that
    /// begins with one itself is taken for both.
    #[must_use]
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Devices of the host it asks for; only with [`device_access`](Self::device_access).
    #[must_use]
    pub fn devices(&self) -> &[DevicePath] {
        &self.devices
    }

    /// Linux capabilities it asks for.
    #[must_use]
    pub fn capabilities(&self) -> &[Capability] {
        &self.capabilities
    }

    /// User and group to run as, `user[:group]`; the image's own if `None`.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_ref().map(ContainerUser::as_str)
    }

    /// The user as a value that can be asked.
    pub(crate) const fn container_user(&self) -> Option<&ContainerUser> {
        self.user.as_ref()
    }

    /// Whether it may write to its root file system; false by default.
    #[must_use]
    pub const fn writable_rootfs(&self) -> bool {
        self.writable_rootfs
    }

    /// Container paths to keep in memory, besides `/tmp`.
    #[must_use]
    pub fn tmpfs(&self) -> &[VolumePath] {
        &self.tmpfs
    }

    /// Processes and threads it may have.
    #[must_use]
    pub const fn pids_limit(&self) -> Option<PidsLimit> {
        self.pids_limit
    }

    /// How the host watches it.
    #[must_use]
    pub const fn health_check(&self) -> &HealthCheck {
        &self.health_check
    }

    /// Time between being asked to stop and being killed.
    #[must_use]
    pub fn stop_timeout(&self) -> Option<Duration> {
        self.stop_timeout.map(HumanDuration::get)
    }

    /// What happens after a failure.
    #[must_use]
    pub const fn restart(&self) -> Option<&RestartPolicy> {
        self.restart.as_ref()
    }

    /// Versions of the platform it works with; any if `None`.
    #[must_use]
    pub const fn platform(&self) -> Option<&VersionReq> {
        self.platform.as_ref()
    }
}
