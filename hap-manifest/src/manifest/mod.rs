//! [`Manifest`] and [`Parsed`].

mod encoding;
mod getters;
mod parts;
mod read;

pub(crate) use self::read::Reader;

use std::collections::BTreeMap;

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
#[schemars(title = "Plugin manifest", description = "What a plugin is, needs and may do.", extend("$id" = "urn:hap:manifest:1"))]
pub struct Manifest {
    id: PluginId,
    /// Name for people, one line.
    #[schemars(length(min = 1, max = 255))]
    name: String,
    /// Version of the plugin, by Semantic Versioning.
    version: Version,
    /// What the plugin does, for people.
    description: String,
    /// Who wrote it.
    author: String,
    image: ImageRef,
    #[serde(default)]
    api_port: ApiPort,
    /// The host's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_limit: Option<CpuLimit>,
    /// The host's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_limit: Option<MemoryLimit>,
    /// Whether it may reach beyond the platform.
    #[serde(default = "yes")]
    network_access: bool,
    /// Whether it gets the host's configured devices, or those in `devices`.
    #[serde(default)]
    device_access: bool,
    /// File the image is built from.
    #[serde(default = "dockerfile")]
    dockerfile: String,
    #[serde(default = "health_check_path")]
    health_check_path: EndpointPath,
    #[serde(default = "command_endpoint")]
    command_endpoint: EndpointPath,
    #[serde(default = "status_endpoint")]
    status_endpoint: EndpointPath,
    #[serde(default = "config_endpoint")]
    config_endpoint: EndpointPath,
    /// Environment variables of the container; the host's own names are reserved.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    env_vars: BTreeMap<EnvName, String>,
    /// Container paths whose content outlives restart and update.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    volumes: Vec<VolumePath>,
    /// Plugins that must be healthy before this one starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<Dependency>,
    #[serde(flatten)]
    listing: Listing,
    /// JSON Schema that a configuration must satisfy.
    #[serde(skip_serializing_if = "Option::is_none")]
    config_schema: Option<Value>,
    /// Keys of the configuration whose values are redacted everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<String>,
    /// Devices of the host that the plugin asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    devices: Vec<DevicePath>,
    /// Linux capabilities that the plugin asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    capabilities: Vec<Capability>,
    /// User the plugin runs as; the image's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<ContainerUser>,
    /// Whether the plugin may write to its root file system.
    #[serde(default)]
    writable_rootfs: bool,
    /// Container paths to keep in memory, besides `/tmp`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tmpfs: Vec<VolumePath>,
    /// The host's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pids_limit: Option<PidsLimit>,
    #[serde(default)]
    health_check: HealthCheck,
    /// Time between being asked to stop and being killed; the host's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_timeout: Option<HumanDuration>,
    /// What happens after a failure; the host's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    restart: Option<RestartPolicy>,
    /// Versions of the platform it works with, as a semver range.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    platform: Option<VersionReq>,
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
    /// Largest text that is read, in bytes: 256 KiB. Nesting is bounded at 127 levels.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// Reads a manifest, letting unknown fields pass with a warning.
    ///
    /// # Errors
    /// Lists everything that is wrong with the text, each problem with its place.
    pub fn from_json(text: &str) -> Result<Parsed, ManifestError> {
        read::from_text(text, Reader::Host)
    }

    /// Reads the bytes of a file as [`from_json`](Self::from_json) reads a text.
    ///
    /// ```
    /// use hap_manifest::{IssueCode, Manifest};
    ///
    /// let utf16: Vec<u8> = "{\"id\": \"lamp\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    /// let error = Manifest::from_slice(&utf16).unwrap_err();
    /// assert_eq!(error.issues()[0].code(), IssueCode::InvalidUtf8);
    /// assert_eq!(error.issues()[0].help(), Some("save the file as UTF-8"));
    /// ```
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json), and for bytes that are not UTF-8. To draw such an error, use
    /// [`String::from_utf8_lossy`] on the bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Parsed, ManifestError> {
        read::from_bytes(bytes)
    }

    /// Reads a manifest and refuses it for warnings too, as its author wants it. With the feature `config-schema` it
    /// also compiles `config_schema` and checks the defaults in it, which takes longer than all the rest.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json), and for unknown fields, a schema that cannot be used and a default that
    /// its schema refuses.
    pub fn from_json_strict(text: &str) -> Result<Self, ManifestError> {
        let parsed = read::from_text(text, Reader::Author)?;
        if parsed.warnings.is_empty() {
            Ok(parsed.manifest)
        } else {
            Err(ManifestError::new(parsed.warnings))
        }
    }

    /// The manifest as indented JSON, or in one line where that would exceed [`MAX_BYTES`](Self::MAX_BYTES). Reading
    /// it again gives an equal manifest.
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

    /// The manifest as JSON in one line.
    fn to_compact_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
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
}

/// Reads a manifest that is already parsed, as the builder and serde do: without places in a text.
pub(crate) fn from_value(value: &Value, reader: Reader) -> Result<Parsed, ManifestError> {
    read::from_value(value, reader)
}

impl<'de> Deserialize<'de> for Manifest {
    /// Reads leniently, as [`Manifest::from_json`] does; warnings are lost.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        read::from_value(&value, Reader::Host)
            .map(|parsed| parsed.manifest)
            .map_err(serde::de::Error::custom)
    }
}

const fn yes() -> bool {
    true
}

fn dockerfile() -> String {
    "Dockerfile".to_owned()
}

fn health_check_path() -> EndpointPath {
    EndpointPath::constant("/health")
}

fn command_endpoint() -> EndpointPath {
    EndpointPath::constant("/command")
}

fn status_endpoint() -> EndpointPath {
    EndpointPath::constant("/status")
}

fn config_endpoint() -> EndpointPath {
    EndpointPath::constant("/config")
}
