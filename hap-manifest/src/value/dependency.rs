//! [`Dependency`].

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use semver::VersionReq;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::id::PluginId;
use super::schema::{VersionRange, describe, optional};

/// Another plugin that must be healthy before this one starts.
///
/// In JSON the id alone, or `{"id": "broker", "version": "^1.2"}`.
///
/// ```
/// use hap_manifest::{Dependency, PluginId};
///
/// let broker = Dependency::new(PluginId::new("broker")?);
/// assert_eq!(broker.to_string(), "broker");
/// assert_eq!(broker.with_version("^1.2".parse()?).to_string(), "broker ^1.2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dependency {
    id: PluginId,
    version: Option<VersionReq>,
}

impl Dependency {
    /// Creates a dependency on any version of a plugin.
    #[must_use]
    pub const fn new(id: PluginId) -> Self {
        Self { id, version: None }
    }

    /// Returns the same dependency, on these versions only.
    #[must_use]
    pub fn with_version(self, version: VersionReq) -> Self {
        Self {
            version: Some(version),
            ..self
        }
    }

    /// Returns the id of the plugin depended on.
    #[must_use]
    pub const fn id(&self) -> &PluginId {
        &self.id
    }

    /// Returns the versions that will do; any if `None`.
    #[must_use]
    pub const fn version(&self) -> Option<&VersionReq> {
        self.version.as_ref()
    }
}

impl From<PluginId> for Dependency {
    fn from(id: PluginId) -> Self {
        Self::new(id)
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{} {version}", self.id),
            None => fmt::Display::fmt(&self.id, f),
        }
    }
}

impl Serialize for Dependency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.version {
            None => self.id.serialize(serializer),
            Some(version) => {
                let mut object = serializer.serialize_struct("Dependency", 2)?;
                object.serialize_field("id", &self.id)?;
                object.serialize_field("version", version)?;
                object.end()
            }
        }
    }
}

impl JsonSchema for Dependency {
    fn schema_name() -> Cow<'static, str> {
        "Dependency".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let id = generator.subschema_for::<PluginId>();
        let mut other = id.clone();
        describe(&mut other, "The plugin depended on.", "broker");
        let mut version = generator.subschema_for::<VersionRange>();
        describe(
            &mut version,
            "Which of its versions will do; any when absent.",
            "^1.2",
        );
        let mut object = json_schema!({
            "type": "object",
            "properties": { "id": other, "version": version },
            "required": ["id"],
        });
        optional(&mut object);
        json_schema!({
            "description": "A plugin that must be healthy first: its id, or its id and a semver range.",
            "examples": ["clock", { "id": "broker", "version": "^1.2" }],
            "anyOf": [id, object],
        })
    }
}
