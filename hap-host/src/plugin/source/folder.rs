//! Reads a plugin's folder.

use std::path::Path;

use hap_manifest::Manifest;

use crate::error::{Error, ErrorKind};

/// A manifest larger than this is none.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// Reads `manifest.json`. Keys that this version does not know are logged and otherwise ignored.
pub(crate) async fn read_manifest(folder: &Path) -> Result<Manifest, Error> {
    let path = folder.join("manifest.json");
    let refuse =
        |message: String| Error::new(ErrorKind::InvalidInput, format!("{}: {message}", path.display()));
    let meta = tokio::fs::metadata(&path)
        .await
        .map_err(|error| refuse(format!("{error}: a plugin's folder holds its manifest.json")))?;
    if meta.len() > MAX_MANIFEST_BYTES {
        return Err(refuse(format!(
            "it has {} bytes, at most {MAX_MANIFEST_BYTES} are read",
            meta.len()
        )));
    }
    let text = tokio::fs::read_to_string(&path)
        .await
        .map_err(|error| refuse(error.to_string()))?;
    let parsed =
        Manifest::from_json(&text).map_err(|error| refuse(format!("\n{error}")).with_source(error))?;
    for warning in &parsed.warnings {
        tracing::warn!(manifest = %path.display(), pointer = warning.pointer(), "{}", warning.message());
    }
    Ok(parsed.manifest)
}
