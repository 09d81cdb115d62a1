//! What every package holds.

use super::entry::PackageEntry;
use super::error::PackageError;
use super::files::{MANIFEST, README};
use crate::manifest::model::{Manifest, Parsed};

pub(super) fn check_manifest_size(found: u64) -> Result<(), PackageError> {
    let limit = u64::try_from(Manifest::MAX_BYTES).unwrap_or(u64::MAX);
    if found > limit {
        return Err(PackageError::ManifestTooLarge { found, limit });
    }
    Ok(())
}

/// Reads the manifest, and looks for the files that every package has.
pub(super) fn check_content(entries: &[PackageEntry], manifest: &[u8]) -> Result<Parsed, PackageError> {
    let mut missing = Missing::default();
    if !has(entries, MANIFEST) {
        let inside = entries
            .iter()
            .find_map(|entry| entry.name.strip_suffix("/manifest.json"));
        if let Some(folder) = inside {
            missing.add(
                MANIFEST,
                &format!("pack the content of \"{folder}\", not the folder itself"),
            );
            // Everything else is in that folder too.
            return Err(missing.into_error());
        }
        missing.add(MANIFEST, "add the plugin's manifest");
        missing.look_for_readme(entries);
        return Err(missing.into_error());
    }
    let parsed = Manifest::from_slice(manifest).map_err(|source| PackageError::Manifest {
        source,
        text: String::from_utf8_lossy(manifest).into_owned(),
    })?;
    let dockerfile = parsed.manifest.dockerfile();
    if !has(entries, dockerfile) {
        missing.add(dockerfile, "add the file that the manifest names as `dockerfile`");
    }
    missing.look_for_readme(entries);
    if missing.names.is_empty() {
        Ok(parsed)
    } else {
        Err(missing.into_error())
    }
}

fn has(entries: &[PackageEntry], name: &str) -> bool {
    entries.iter().any(|entry| entry.name == name)
}

/// The files that a package lacks, reported at once.
#[derive(Default)]
struct Missing {
    names: Vec<String>,
    help: Vec<String>,
}

impl Missing {
    fn add(&mut self, name: &str, help: &str) {
        self.names.push(name.to_owned());
        self.help.push(help.to_owned());
    }

    fn look_for_readme(&mut self, entries: &[PackageEntry]) {
        if !has(entries, README) {
            self.add(README, "describe the plugin in the README");
        }
    }

    fn into_error(self) -> PackageError {
        PackageError::Missing {
            names: self.names,
            help: self.help.join(", and "),
        }
    }
}
