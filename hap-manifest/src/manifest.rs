//! [`Manifest`] and [`Parsed`].

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use semver::{Version, VersionReq};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::permission::{Capability, ContainerUser, DevicePath};
use crate::report::{Issue, ManifestError};
use crate::{
    ApiPort, CpuLimit, Dependency, EndpointPath, EnvName, HealthCheck, HumanDuration, ImageRef, Listing,
    ManifestBuilder, MemoryLimit, PidsLimit, PluginId, RestartPolicy, VolumePath,
};

/// What a plugin is: its identity, its image, what it needs and what it may do.
///
/// A value in hand is valid: it comes from [`from_json`](Self::from_json), [`from_json_strict`](Self::from_json_strict),
/// [`builder`](Self::builder) or serde, which all apply the same rules. Where the manifest leaves a limit out the
/// getter says `None`, and the host puts its own default there.
///
/// ```
/// use hap_manifest::Manifest;
///
/// let parsed = Manifest::from_json(r#"{
///     "id": "porch-light",
///     "name": "Porch light",
///     "version": "1.0.0",
///     "description": "Switches the lamp at the door",
///     "author": "Example Home",
///     "image": "example/porch-light:1.0.0",
///     "memory_limit": "64m"
/// }"#)?;
/// assert!(parsed.warnings.is_empty());
/// assert_eq!(parsed.manifest.api_port().get(), 8000);
/// # Ok::<(), hap_manifest::ManifestError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "Plugin manifest", extend("$id" = "urn:hap:manifest:1"))]
pub struct Manifest {
    pub(crate) id: PluginId,
    /// Name for people, one line.
    #[schemars(length(min = 1, max = 255))]
    pub(crate) name: String,
    /// Version of the plugin, by Semantic Versioning.
    pub(crate) version: Version,
    /// What the plugin does, for people.
    pub(crate) description: String,
    /// Who wrote it.
    pub(crate) author: String,
    pub(crate) image: ImageRef,
    #[serde(default)]
    pub(crate) api_port: ApiPort,
    /// The host's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_limit: Option<CpuLimit>,
    /// The host's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory_limit: Option<MemoryLimit>,
    /// Whether it may reach beyond the platform.
    #[serde(default = "yes")]
    pub(crate) network_access: bool,
    /// Whether it gets the host's configured devices, or those in `devices`.
    #[serde(default)]
    pub(crate) device_access: bool,
    /// File the image is built from.
    #[serde(default = "dockerfile")]
    pub(crate) dockerfile: String,
    #[serde(default = "health_check_path")]
    pub(crate) health_check_path: EndpointPath,
    #[serde(default = "command_endpoint")]
    pub(crate) command_endpoint: EndpointPath,
    #[serde(default = "status_endpoint")]
    pub(crate) status_endpoint: EndpointPath,
    #[serde(default = "config_endpoint")]
    pub(crate) config_endpoint: EndpointPath,
    /// Environment variables of the container; the host's own names are reserved.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) env_vars: BTreeMap<EnvName, String>,
    /// Container paths whose content outlives restart and update.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) volumes: Vec<VolumePath>,
    /// Plugins that must be healthy before this one starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) depends_on: Vec<Dependency>,
    #[serde(flatten)]
    pub(crate) listing: Listing,
    /// JSON Schema that a configuration must satisfy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) config_schema: Option<Value>,
    /// Keys of the configuration whose values are redacted everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) secrets: Vec<String>,
    /// Devices of the host that the plugin asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) devices: Vec<DevicePath>,
    /// Linux capabilities that the plugin asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) capabilities: Vec<Capability>,
    /// User the plugin runs as; the image's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<ContainerUser>,
    /// Whether the plugin may write to its root file system.
    #[serde(default)]
    pub(crate) writable_rootfs: bool,
    /// Container paths to keep in memory, besides `/tmp`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tmpfs: Vec<VolumePath>,
    /// The host's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pids_limit: Option<PidsLimit>,
    #[serde(default)]
    pub(crate) health_check: HealthCheck,
    /// Time between being asked to stop and being killed; the host's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stop_timeout: Option<HumanDuration>,
    /// What happens after a failure; the host's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) restart: Option<RestartPolicy>,
    /// Versions of the platform it works with, as a semver range.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(crate) platform: Option<VersionReq>,
}

/// A manifest that was read, and what its author should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The manifest, valid.
    pub manifest: Manifest,
    /// Problems that do not matter to this version, such as unknown fields.
    pub warnings: Vec<Issue>,
}

impl Manifest {
    /// Largest text that is read, in bytes: 1 MiB. Nesting is bounded at 127 levels.
    pub const MAX_BYTES: usize = 1024 * 1024;

    /// Reads a manifest, letting unknown fields pass with a warning.
    ///
    /// # Errors
    /// Lists everything that is wrong with the text, each problem with its place.
    pub fn from_json(text: &str) -> Result<Parsed, ManifestError> {
        crate::read::from_text(text)
    }

    /// Reads a manifest and refuses it for warnings too, as its author wants it.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json), and for unknown fields.
    pub fn from_json_strict(text: &str) -> Result<Self, ManifestError> {
        let parsed = Self::from_json(text)?;
        if parsed.warnings.is_empty() {
            Ok(parsed.manifest)
        } else {
            Err(ManifestError::new(parsed.warnings))
        }
    }

    /// The manifest as indented JSON. Reading it again gives an equal manifest.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Keys are strings and no part fails to serialize, so there is nothing to report.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Begins a manifest in code. Each argument is the typed value or its text; `build` checks them.
    pub fn builder(
        id: impl std::fmt::Display,
        name: impl std::fmt::Display,
        version: impl std::fmt::Display,
        image: impl std::fmt::Display,
    ) -> ManifestBuilder {
        ManifestBuilder::new(&id, &name, &version, &image)
    }

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

    /// File the image is built from; `Dockerfile` by default.
    #[must_use]
    pub fn dockerfile(&self) -> &str {
        &self.dockerfile
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

    /// Keys of the configuration whose values are to be redacted.
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

impl<'de> Deserialize<'de> for Manifest {
    /// Reads leniently, as [`Manifest::from_json`] does; warnings are lost.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        crate::read::from_value(&value)
            .map(|parsed| parsed.manifest)
            .map_err(serde::de::Error::custom)
    }
}

const fn yes() -> bool {
    true
}

pub(crate) fn dockerfile() -> String {
    "Dockerfile".to_owned()
}

pub(crate) fn health_check_path() -> EndpointPath {
    EndpointPath::constant("/health")
}

pub(crate) fn command_endpoint() -> EndpointPath {
    EndpointPath::constant("/command")
}

pub(crate) fn status_endpoint() -> EndpointPath {
    EndpointPath::constant("/status")
}

pub(crate) fn config_endpoint() -> EndpointPath {
    EndpointPath::constant("/config")
}
