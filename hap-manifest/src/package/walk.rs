//! Listing the files of a folder, without following links.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::ignore::IgnoreRules;
use super::limits::Limits;
use super::name;
use super::pack_error::PackError;

/// A file to be packed.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) executable: bool,
}

/// All files that the rules leave in, sorted by name.
pub(super) fn walk(root: &Path, rules: &IgnoreRules, limits: &Limits) -> Result<Vec<Found>, PackError> {
    let mut files = Vec::new();
    // Names of folders still to be looked into; the root has none.
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let path = if folder.is_empty() {
            root.to_owned()
        } else {
            root.join(&folder)
        };
        for entry in fs::read_dir(&path).map_err(read_error(&path))? {
            let entry = entry.map_err(read_error(&path))?;
            let own = entry.file_name();
            let join = |part: &str| {
                if folder.is_empty() {
                    part.to_owned()
                } else {
                    format!("{folder}/{part}")
                }
            };
            let Some(part) = own.to_str() else {
                return Err(PackError::Name {
                    name: join(&own.to_string_lossy()),
                    rule: name::NameRule::Encoding,
                });
            };
            let name = join(part);
            let path = entry.path();
            let metadata = fs::symlink_metadata(&path).map_err(read_error(&path))?;
            if rules.leaves_out(&name, metadata.is_dir()) {
                continue;
            }
            if let Err(rule) = name::check(name.as_bytes(), true) {
                return Err(PackError::Name { name, rule });
            }
            if metadata.is_dir() {
                folders.push(name);
                continue;
            }
            if metadata.is_symlink() {
                return Err(PackError::Link { name });
            }
            if !metadata.is_file() {
                return Err(PackError::Special { name });
            }
            if files.len() >= limits.entries() {
                return Err(PackError::TooManyEntries {
                    limit: limits.entries(),
                });
            }
            let executable = is_executable(&metadata);
            files.push(Found {
                name,
                path,
                executable,
            });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

pub(super) fn read_error(path: &Path) -> impl Fn(std::io::Error) -> PackError {
    move |source| PackError::Read {
        path: path.to_owned(),
        source,
    }
}

#[cfg(unix)]
fn is_executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &Metadata) -> bool {
    false
}
