//! What every package holds.

use super::entry::PackageEntry;
use super::error::PackageError;
use super::files::{MANIFEST, README};
use crate::diagnostics::issue_code::IssueCode;
use crate::diagnostics::report::{Issue, Severity};
use crate::manifest::model::{Manifest, Parsed};

pub(super) fn check_manifest_size(found: u64) -> Result<(), PackageError> {
    let limit = u64::try_from(Manifest::MAX_BYTES).unwrap_or(u64::MAX);
    if found > limit {
        return Err(PackageError::ManifestTooLarge { found, limit });
    }
    Ok(())
}

/// Reads the manifest, and warns of files that a package should have.
pub(super) fn check_content(entries: &[PackageEntry], manifest: &[u8]) -> Result<Parsed, PackageError> {
    if !has(entries, MANIFEST) {
        let inside = entries
            .iter()
            .find_map(|entry| entry.name.strip_suffix("/manifest.json"));
        let help = match inside {
            Some(folder) => format!("pack the content of \"{folder}\", not the folder itself"),
            None => "add the plugin's manifest".to_owned(),
        };
        return Err(PackageError::Missing {
            names: vec![MANIFEST.to_owned()],
            help,
        });
    }
    let mut parsed = Manifest::from_slice(manifest).map_err(|source| PackageError::Manifest {
        source,
        text: String::from_utf8_lossy(manifest).into_owned(),
    })?;
    let missing = missing(entries, &parsed.manifest);
    parsed.warnings.extend(missing.into_iter().map(|missing| {
        let message = format!("the package has no {}: {}", missing.name, missing.consequence);
        let issue = Issue::new("", IssueCode::MissingFile, message).with_severity(Severity::Warning);
        issue.with_help(missing.help)
    }));
    Ok(parsed)
}

/// Refuses to make a package that lacks a file which those that read it warn of.
pub(super) fn check_complete(entries: &[PackageEntry], manifest: &Manifest) -> Result<(), PackageError> {
    let missing = missing(entries, manifest);
    if missing.is_empty() {
        return Ok(());
    }
    let help: Vec<_> = missing.iter().map(|missing| missing.help).collect();
    Err(PackageError::Missing {
        names: missing.iter().map(|missing| missing.name.to_owned()).collect(),
        help: help.join(", and "),
    })
}

/// A file that a package should have.
struct Missing<'a> {
    name: &'a str,
    consequence: &'static str,
    help: &'static str,
}

fn missing<'a>(entries: &[PackageEntry], manifest: &'a Manifest) -> Vec<Missing<'a>> {
    let wanted = [
        Missing {
            name: manifest.dockerfile(),
            consequence: "its image is not built but has to be there already",
            help: "add the file that the manifest names as `dockerfile`",
        },
        Missing {
            name: README,
            consequence: "nobody learns what it is for",
            help: "describe the plugin in the README",
        },
    ];
    let lacking = wanted.into_iter().filter(|wanted| !has(entries, wanted.name));
    lacking.collect()
}

fn has(entries: &[PackageEntry], name: &str) -> bool {
    entries.iter().any(|entry| entry.name == name)
}
