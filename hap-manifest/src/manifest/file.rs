//! [`ManifestFile`].

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::model::Manifest;
use crate::diagnostics::report::{Issue, ManifestError};

/// A manifest together with the top-level fields that this version does not know, for tools that
/// write it again.
///
/// A [`Manifest`] holds what it understands. A tool that changes a version number must not drop
/// what a later version or another tool has added. This type keeps it byte for byte.
///
/// ```
/// use hap_manifest::ManifestFile;
///
/// let mut file = ManifestFile::from_json(r#"{
///     "id": "porch-light", "name": "Porch light", "version": "1.0.0",
///     "description": "", "author": "",
///     "image": "example/porch-light:1.0.0", "x-serial": 12345678901234567890123
/// }"#)?;
/// let next = file.manifest().to_builder().version("1.1.0").build()?;
/// file.set_manifest(next);
///
/// let written = file.to_json();
/// assert!(written.contains(r#""version": "1.1.0""#));
/// assert!(written.contains(r#""x-serial": 12345678901234567890123"#));
/// assert_eq!(ManifestFile::from_json(&written)?.unknown().count(), 1);
/// # Ok::<(), hap_manifest::ManifestError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ManifestFile {
    manifest: Manifest,
    unknown: BTreeMap<String, Box<RawValue>>,
    warnings: Vec<Issue>,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    manifest: &'a Manifest,
    #[serde(flatten)]
    unknown: &'a BTreeMap<String, Box<RawValue>>,
}

impl ManifestFile {
    /// Reads a manifest as [`Manifest::from_json`] does, and keeps the fields that are unknown to
    /// it. Fields within a field, such as in `health_check`, are not kept; those have a warning as
    /// well.
    ///
    /// # Errors
    /// As [`Manifest::from_json`].
    pub fn from_json(text: &str) -> Result<Self, ManifestError> {
        let parsed = Manifest::from_json(text)?;
        // It is JSON and an object, or it would not have been read.
        let mut unknown: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap_or_default();
        unknown.retain(|key, _| !Manifest::FIELDS.contains(&key.as_str()));
        Ok(Self {
            manifest: parsed.manifest,
            unknown,
            warnings: parsed.warnings,
        })
    }

    /// Returns the manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns what its author should look at, such as the unknown fields.
    #[must_use]
    pub fn warnings(&self) -> &[Issue] {
        &self.warnings
    }

    /// Returns the unknown fields, each a key and a value as it stands in the text.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.unknown
            .iter()
            .map(|(key, value)| (key.as_str(), value.get()))
    }

    /// Replaces the manifest that was read. The unknown fields stay as they are.
    pub fn set_manifest(&mut self, manifest: Manifest) {
        self.manifest = manifest;
    }

    /// Writes the manifest as indented JSON, the unknown fields after the known ones.
    #[must_use]
    pub fn to_json(&self) -> String {
        let written = Written {
            manifest: &self.manifest,
            unknown: &self.unknown,
        };
        // Keys are strings and no part fails to serialize, so there is nothing to report.
        serde_json::to_string_pretty(&written).unwrap_or_default()
    }
}
