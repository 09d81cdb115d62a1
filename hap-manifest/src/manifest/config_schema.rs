//! The `config_schema` of a manifest, compiled.

use super::model::Manifest;
use crate::config_schema::schema::ConfigSchema;
use crate::value::error::ParseError;

impl ConfigSchema {
    /// Compiles the schema of a manifest; `None` when it has none.
    ///
    /// # Errors
    /// As [`new`](Self::new). Reading a manifest leniently does not compile its schema, so this may
    /// fail for a manifest that was read; [`Manifest::from_json_strict`] has compiled it.
    pub fn of(manifest: &Manifest) -> Result<Option<Self>, ParseError> {
        let secrets = manifest.secrets().iter().map(String::as_str);
        manifest
            .config_schema()
            .map(|schema| Self::new(schema, secrets))
            .transpose()
    }
}
