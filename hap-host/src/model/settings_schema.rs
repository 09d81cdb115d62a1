//! Settings are checked against the manifest's `config_schema` before anything is kept or sent.

#[cfg(feature = "config-schema")]
use hap_manifest::ConfigSchema;
use hap_manifest::Manifest;
use serde_json::Value;

/// Checks settings; without a schema, and without the feature `config-schema`, it lets all pass.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingsCheck {
    #[cfg(feature = "config-schema")]
    schema: Option<ConfigSchema>,
}

impl SettingsCheck {
    #[cfg(feature = "config-schema")]
    pub(crate) fn of(manifest: &Manifest) -> Self {
        // An installation refuses such a schema. A plugin that was installed by another version
        // goes on without.
        let schema = ConfigSchema::of(manifest).unwrap_or_else(|error| {
            tracing::warn!(plugin = %manifest.id(), %error, "its config_schema cannot be used; its settings are not checked");
            None
        });
        Self { schema }
    }

    #[cfg(not(feature = "config-schema"))]
    pub(crate) fn of(_: &Manifest) -> Self {
        Self {}
    }

    /// Whether the settings fit, or all that is wrong with them, without the value of a secret.
    #[cfg(feature = "config-schema")]
    pub(crate) fn check(&self, settings: &Value) -> Result<(), String> {
        match &self.schema {
            Some(schema) => schema.check(settings).map_err(|problems| problems.to_string()),
            None => Ok(()),
        }
    }

    #[cfg(not(feature = "config-schema"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the same call with and without the feature"
    )]
    pub(crate) fn check(&self, _: &Value) -> Result<(), String> {
        Ok(())
    }

    /// Whether the schema itself marks the value at this JSON pointer as secret.
    #[cfg(feature = "config-schema")]
    pub(crate) fn is_secret(&self, pointer: &str) -> bool {
        self.schema
            .as_ref()
            .is_some_and(|schema| schema.is_secret(pointer))
    }

    #[cfg(not(feature = "config-schema"))]
    #[expect(clippy::unused_self, reason = "the same call with and without the feature")]
    pub(crate) fn is_secret(&self, _: &str) -> bool {
        false
    }
}
