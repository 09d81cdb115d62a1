//! What every package holds.

use super::{MANIFEST, PackageEntry, PackageError, README};
use crate::{Manifest, Parsed};

pub(super) fn check_manifest_size(found: u64) -> Result<(), PackageError> {
    let limit = u64::try_from(Manifest::MAX_BYTES).unwrap_or(u64::MAX);
    if found > limit {
        return Err(PackageError::ManifestTooLarge { found, limit });
    }
    Ok(())
}

/// Reads the manifest, and looks for the files that every package has.
pub(super) fn check_content(entries: &[PackageEntry], manifest: &[u8]) -> Result<Parsed, PackageError> {
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    let missing = |name: &str, help: String| PackageError::Missing {
        name: name.to_owned(),
        help,
    };
    if !has(MANIFEST) {
        let inside = entries
            .iter()
            .find_map(|entry| entry.name.strip_suffix("/manifest.json"));
        return Err(missing(
            MANIFEST,
            match inside {
                Some(folder) => format!("pack the content of \"{folder}\", not the folder itself"),
                None => "add the plugin's manifest".to_owned(),
            },
        ));
    }
    let parsed = Manifest::from_slice(manifest).map_err(|source| PackageError::Manifest {
        source,
        text: String::from_utf8_lossy(manifest).into_owned(),
    })?;
    let dockerfile = parsed.manifest.dockerfile();
    if !has(dockerfile) {
        let help = "add the file that the manifest names as `dockerfile`";
        return Err(missing(dockerfile, help.to_owned()));
    }
    if !has(README) {
        return Err(missing(README, "describe the plugin in it".to_owned()));
    }
    Ok(parsed)
}
