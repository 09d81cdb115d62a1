//! Names that could not lie beside each other in one folder.

use std::collections::HashMap;

use super::error::PackageError;
use super::member::Member;
use super::name::folded;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    /// Has an entry of its own.
    Folder,
    /// Is only known from what lies in it.
    Parent,
}

/// Refuses names that are given twice, that differ in case only, and files that are also folders.
pub(super) fn check(members: &[Member]) -> Result<(), PackageError> {
    let mut seen: HashMap<String, (&str, Kind)> = HashMap::with_capacity(members.len());
    for member in members {
        let kind = if member.folder { Kind::Folder } else { Kind::File };
        let parents = member
            .name
            .match_indices('/')
            .map(|(end, _)| (member.name.get(..end).unwrap_or_default(), Kind::Parent));
        for (path, kind) in parents.chain([(member.name.as_str(), kind)]) {
            let Some((other, before)) = seen.get_mut(&folded(path)) else {
                seen.insert(folded(path), (path, kind));
                continue;
            };
            if path != *other {
                return Err(PackageError::CaseClash {
                    name: path.to_owned(),
                    other: (*other).to_owned(),
                });
            }
            match (*before, kind) {
                (Kind::File, Kind::File) | (Kind::Folder, Kind::Folder) => {
                    return Err(PackageError::Duplicate {
                        name: path.to_owned(),
                    });
                }
                (Kind::File, _) | (_, Kind::File) => {
                    return Err(PackageError::FileAndFolder {
                        name: path.to_owned(),
                    });
                }
                (Kind::Parent, Kind::Folder) => *before = Kind::Folder,
                (_, Kind::Parent) => {}
            }
        }
    }
    Ok(())
}
