//! [`Manifest`] and [`Parsed`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use semver::{Version, VersionReq};
use serde::Serialize;
use serde_json::Value;

use super::limits::MAX_DESCRIPTION;
use super::listing::Listing;
use super::restart::RestartPolicy;
use super::schema;
use crate::diagnostics::report::Issue;
use crate::value::{
    capability::Capability, cpu::CpuLimit, dependency::Dependency, device::DevicePath,
    duration::HumanDuration, env::EnvName, health::HealthCheck, id::PluginId, image::ImageRef,
    memory::MemoryLimit, number::ApiPort, number::PidsLimit, path::DockerfilePath, path::EndpointPath,
    path::VolumePath, schema::Line, schema::SemVer, schema::VersionRange, schema::line_or_empty,
    schema::lines, schema::optional, user::ContainerUser,
};

/// What a plugin is: its identity, its image, what it needs and what it may do.
///
/// A value in hand is valid: it comes from [`from_json`](Self::from_json),
/// [`from_json_strict`](Self::from_json_strict), [`builder`](Self::builder) or serde, which all
/// apply the same rules. Where the manifest leaves a limit out the getter says `None`, and the host
/// puts its own default there.
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
#[schemars(
    title = "Plugin manifest",
    description = "What a plugin is, needs and may do.",
    extend("$id" = "urn:hap:manifest:1"),
    example = schema::example(),
    transform = optional,
    transform = schema::devices_need_access
)]
pub struct Manifest {
    /// Unique name of the plugin: a DNS label of a-z, 0-9 and '-', at most 63 characters.
    #[schemars(example = &"porch-light")]
    pub(super) id: PluginId,
    /// Name for people, one line.
    #[schemars(with = "Line", example = &"Porch light")]
    pub(super) name: String,
    /// Version of the plugin, by Semantic Versioning.
    #[schemars(with = "SemVer", example = &"1.0.0", example = &"2.1.0-rc.1")]
    pub(super) version: Version,
    /// What the plugin does, for people; may have several lines, and may be empty.
    #[schemars(length(max = MAX_DESCRIPTION), transform = lines, example = &"Switches the lamp at the door")]
    pub(super) description: String,
    /// Who wrote it, one line; may be empty.
    #[schemars(transform = line_or_empty, example = &"Example Home")]
    pub(super) author: String,
    /// Container image, best with a tag or digest: [registry/]repository[:tag][@digest].
    #[schemars(example = &"example/porch-light:1.0.0")]
    pub(super) image: ImageRef,
    /// TCP port of the plugin's API inside its container.
    #[serde(default)]
    #[schemars(example = 8000)]
    pub(super) api_port: ApiPort,
    /// Processor time it may use, in cores: 0.5 is half of one. The host's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 0.5)]
    pub(super) cpu_limit: Option<CpuLimit>,
    /// Memory it may use: a whole number and b, k, m or g, binary multiples, at least 6m. The host's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"64m", example = &"1g")]
    pub(super) memory_limit: Option<MemoryLimit>,
    /// Whether it may reach beyond the platform: the internet and the home network.
    #[serde(default = "yes")]
    #[schemars(example = false)]
    pub(super) network_access: bool,
    /// Whether it gets the host's configured devices, or those in `devices`.
    #[serde(default)]
    #[schemars(example = true)]
    pub(super) device_access: bool,
    /// File the image is built from, by its path in the plugin's folder or package.
    #[serde(default)]
    #[schemars(example = &"docker/Dockerfile")]
    pub(super) dockerfile: DockerfilePath,
    /// Path that answers GET while the plugin is well.
    #[serde(default = "health_check_path")]
    #[schemars(example = &"/health")]
    pub(super) health_check_path: EndpointPath,
    /// Path that commands are posted to.
    #[serde(default = "command_endpoint")]
    #[schemars(example = &"/command")]
    pub(super) command_endpoint: EndpointPath,
    /// Path that answers GET with the plugin's state.
    #[serde(default = "status_endpoint")]
    #[schemars(example = &"/status")]
    pub(super) status_endpoint: EndpointPath,
    /// Path that the configuration is posted to.
    #[serde(default = "config_endpoint")]
    #[schemars(example = &"/config")]
    pub(super) config_endpoint: EndpointPath,
    /// Environment variables of the container. The names that the host sets itself are refused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::env_vars", example = schema::variables())]
    pub(super) env_vars: BTreeMap<EnvName, String>,
    /// Container paths whose content outlives restart and update. None may lie in another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = schema::bounded, example = schema::words("/data"))]
    pub(super) volumes: Vec<VolumePath>,
    /// Plugins that must be healthy before this one starts, each with the versions that will do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = schema::bounded, example = schema::dependencies())]
    pub(super) depends_on: Vec<Dependency>,
    #[serde(flatten)]
    pub(super) listing: Listing,
    /// JSON Schema that a configuration must satisfy. Defaults in it are the configuration nobody has touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_schema", example = schema::configuration())]
    pub(super) config_schema: Option<Value>,
    /// What of the configuration is redacted everywhere: top-level keys, or JSON pointers that begin with a slash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Line>", transform = schema::bounded, example = schema::words("password /mqtt/password"))]
    pub(super) secrets: Vec<String>,
    /// Devices of the host that the plugin asks for, below /dev/; needs `device_access`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = schema::bounded, example = schema::words("/dev/ttyUSB0"))]
    pub(super) devices: Vec<DevicePath>,
    /// Linux capabilities that the plugin asks for; it has none otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = schema::bounded, example = schema::words("NET_RAW"))]
    pub(super) capabilities: Vec<Capability>,
    /// User and optional group the plugin runs as, each a name or a number; when absent the image's own, or a number that the host chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"1000:1000")]
    pub(super) user: Option<ContainerUser>,
    /// Whether the plugin may write to its root file system.
    #[serde(default)]
    #[schemars(example = true)]
    pub(super) writable_rootfs: bool,
    /// Container paths to keep in memory, besides `/tmp`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = schema::bounded, example = schema::words("/run/light"))]
    pub(super) tmpfs: Vec<VolumePath>,
    /// Processes and threads it may have at once. The host's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 64)]
    pub(super) pids_limit: Option<PidsLimit>,
    /// How the host watches the plugin's health endpoint.
    #[serde(default)]
    #[schemars(example = HealthCheck::default())]
    pub(super) health_check: HealthCheck,
    /// Time between being asked to stop and being killed. The host's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"20s")]
    pub(super) stop_timeout: Option<HumanDuration>,
    /// What happens after a failure. The host's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"on-failure")]
    pub(super) restart: Option<RestartPolicy>,
    /// Versions of the platform it works with, as a semver range; any when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<VersionRange>", example = &"^1")]
    pub(super) platform: Option<VersionReq>,
}

/// A manifest that was read, and what its author should look at.
///
/// ```
/// use hap_manifest::{IssueCode, Manifest};
///
/// let parsed = Manifest::from_json(r#"{
///   "id": "porch-light", "name": "Porch light", "version": "1.0.0",
///   "description": "Switches the lamp", "author": "Example Home",
///   "image": "example/porch-light:1.0.0", "volume": ["/data"]
/// }"#)?;
/// assert_eq!(parsed.manifest.id().as_str(), "porch-light");
/// assert_eq!(parsed.warnings[0].code(), IssueCode::UnknownField);
/// # Ok::<(), hap_manifest::ManifestError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parsed {
    /// The manifest, valid.
    pub manifest: Manifest,
    /// Problems that do not matter to this version, such as unknown fields.
    pub warnings: Vec<Issue>,
}

impl Manifest {
    /// Largest text that is read, in bytes: 256 KiB. Nesting is bounded at 127 levels.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// The names of all fields that this version knows; the required ones first.
    pub const FIELDS: &[&str] = &[
        "id",
        "name",
        "version",
        "description",
        "author",
        "image",
        "api_port",
        "cpu_limit",
        "memory_limit",
        "network_access",
        "device_access",
        "dockerfile",
        "health_check_path",
        "command_endpoint",
        "status_endpoint",
        "config_endpoint",
        "env_vars",
        "volumes",
        "depends_on",
        "price",
        "category",
        "tags",
        "homepage",
        "license",
        "icon",
        "config_schema",
        "secrets",
        "devices",
        "capabilities",
        "user",
        "writable_rootfs",
        "tmpfs",
        "pids_limit",
        "health_check",
        "stop_timeout",
        "restart",
        "platform",
    ];

    /// Writes the manifest as indented JSON, or in one line where that would exceed
    /// [`MAX_BYTES`](Self::MAX_BYTES). Reading it again gives an equal manifest.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Keys are strings and no part fails to serialize, so there is nothing to report.
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        if text.len() > Self::MAX_BYTES {
            self.to_compact_json()
        } else {
            text
        }
    }

    /// Returns the manifest as JSON in one line.
    pub(super) fn to_compact_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

const fn yes() -> bool {
    true
}

pub(super) fn health_check_path() -> EndpointPath {
    EndpointPath::constant("/health")
}

pub(super) fn command_endpoint() -> EndpointPath {
    EndpointPath::constant("/command")
}

pub(super) fn status_endpoint() -> EndpointPath {
    EndpointPath::constant("/status")
}

pub(super) fn config_endpoint() -> EndpointPath {
    EndpointPath::constant("/config")
}
