//! Listing the files of a folder, without following links.

use std::io;
use std::path::{Path, PathBuf};

use super::folder::{EntryKind, OpenFolder};
use super::ignore::IgnoreRules;
use super::limits::Limits;
use super::name;
use super::pack_error::PackError;

/// Names of all files that the rules leave in, sorted.
pub(super) fn walk(
    root: &OpenFolder,
    path: &Path,
    rules: &IgnoreRules,
    limits: &Limits,
) -> Result<Vec<String>, PackError> {
    let mut files = Vec::new();
    // Names of folders still to be looked into; the root has none.
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let failed = read_error(path.join(&folder));
        let open = root.folder_below(Path::new(&folder)).map_err(&failed)?;
        for own in open.names().map_err(&failed)? {
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
            let kind = open.kind(&own).map_err(read_error(path.join(&name)))?;
            if rules.leaves_out(&name, kind == EntryKind::Folder) {
                continue;
            }
            if let Err(rule) = name::check(name.as_bytes(), true) {
                return Err(PackError::Name { name, rule });
            }
            match kind {
                EntryKind::Folder => folders.push(name),
                EntryKind::Link => return Err(PackError::Link { name }),
                EntryKind::File if files.len() >= limits.entries() => {
                    let limit = limits.entries();
                    return Err(PackError::TooManyEntries { limit });
                }
                EntryKind::File => files.push(name),
                EntryKind::Special => return Err(PackError::Special { name }),
            }
        }
    }
    files.sort();
    Ok(files)
}

pub(super) fn read_error(path: PathBuf) -> impl Fn(io::Error) -> PackError {
    move |source| PackError::Read {
        path: path.clone(),
        source,
    }
}
