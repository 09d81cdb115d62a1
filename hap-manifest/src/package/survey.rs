//! [`survey`]: everything that keeps a folder from being packed, at once.

use std::collections::HashMap;
use std::path::Path;

use super::error::PackageError;
use super::folder::{EntryKind, OpenFolder};
use super::ignore::IgnoreRules;
use super::name::{self, NameRule, folded};
use super::options::PackOptions;
use super::pack::ignore_rules;
use super::pack_error::PackError;
use super::secrets;
use super::walk::read_error;

/// Most refusals that are told of, and most names that are left out.
const MOST_TOLD: usize = 100;
const MOST_LEFT_OUT: usize = 1000;

/// What [`pack`](super::pack) would say of a folder, if it did not stop at the first.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Survey {
    /// Why it would refuse.
    pub refusals: Vec<PackError>,
    /// Files and folders that it would leave out, by their names.
    pub left_out: Vec<String>,
}

/// A file that would be packed.
#[derive(Debug)]
#[non_exhaustive]
pub struct SurveyedFile<'a> {
    /// Its name in the package.
    pub name: &'a str,
    /// Its content.
    pub content: &'a [u8],
    /// Whether it is a program.
    pub executable: bool,
}

/// Looks at a folder as [`pack`](super::pack) does and goes on behind what it refuses. Each file that would be packed is
/// handed to `sink`, in an order of its own, until they are more bytes than a package may have.
///
/// Whether files are missing, and what the manifest says, is not looked at.
///
/// # Errors
/// When the folder itself cannot be opened.
pub fn survey(
    folder: &Path,
    options: &PackOptions,
    sink: &mut dyn FnMut(&SurveyedFile<'_>),
) -> Result<Survey, PackError> {
    let root = OpenFolder::open(folder).map_err(read_error(folder.to_owned()))?;
    let mut survey = Survey::default();
    let rules = match ignore_rules(&root, folder) {
        Ok(rules) => rules,
        Err(refusal) => {
            survey.refuse(refusal);
            // What is left out of every package is left out of this one too.
            IgnoreRules::parse("")?
        }
    };
    let mut look = Look {
        root: &root,
        path: folder,
        options,
        room: Some(options.limits.unpacked_bytes()),
        files: 0,
        seen: HashMap::new(),
        survey,
    };
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        if let Err(refusal) = look.at_folder(&folder, &rules, &mut folders, sink) {
            look.survey.refuse(refusal);
        }
        if look.is_over() {
            break;
        }
    }
    Ok(look.survey)
}

/// Returns why a file looks like a secret; `None` if it does not.
#[must_use]
pub fn look_of(name: &str, content: &[u8]) -> Option<&'static str> {
    secrets::look_of(name, content)
}

impl Survey {
    fn refuse(&mut self, refusal: PackError) {
        if self.refusals.len() < MOST_TOLD {
            self.refusals.push(refusal);
        }
    }
}

struct Look<'a> {
    root: &'a OpenFolder,
    path: &'a Path,
    options: &'a PackOptions,
    /// Bytes that may still be packed; none once something did not fit.
    room: Option<u64>,
    files: usize,
    /// Names as they are where case does not count.
    seen: HashMap<String, String>,
    survey: Survey,
}

impl Look<'_> {
    fn is_over(&self) -> bool {
        self.files > self.options.limits.entries() || self.survey.refusals.len() >= MOST_TOLD
    }

    fn at_folder(
        &mut self,
        folder: &str,
        rules: &IgnoreRules,
        folders: &mut Vec<String>,
        sink: &mut dyn FnMut(&SurveyedFile<'_>),
    ) -> Result<(), PackError> {
        let failed = read_error(self.path.join(folder));
        let open = self.root.folder_below(Path::new(folder)).map_err(&failed)?;
        for own in open.names().map_err(&failed)? {
            if self.is_over() {
                return Ok(());
            }
            let part = own.to_string_lossy();
            let name = match folder.is_empty() {
                true => part.clone().into_owned(),
                false => format!("{folder}/{part}"),
            };
            if own.to_str().is_none() {
                let rule = NameRule::Encoding;
                self.survey.refuse(PackError::Name { name, rule });
                continue;
            }
            let kind = match open.kind(&own).map_err(read_error(self.path.join(&name))) {
                Ok(kind) => kind,
                Err(refusal) => {
                    self.survey.refuse(refusal);
                    continue;
                }
            };
            if rules.leaves_out(&name, kind == EntryKind::Folder) {
                if self.survey.left_out.len() < MOST_LEFT_OUT {
                    self.survey.left_out.push(name);
                }
                continue;
            }
            if let Err(rule) = name::check(name.as_bytes(), true) {
                self.survey.refuse(PackError::Name {
                    name: name.clone(),
                    rule,
                });
            }
            if let Some(other) = self.seen.insert(folded(&name), name.clone()) {
                let name = name.clone();
                self.survey.refuse(PackageError::CaseClash { name, other }.into());
            }
            match kind {
                // Deeper than a package may be, the names are refused one by one.
                EntryKind::Folder if name.split('/').count() <= name::MAX_DEPTH => folders.push(name),
                EntryKind::Folder => {}
                EntryKind::Link => self.survey.refuse(PackError::Link { name }),
                EntryKind::Special => self.survey.refuse(PackError::Special { name }),
                EntryKind::File => self.at_file(&name, sink),
            }
        }
        Ok(())
    }

    fn at_file(&mut self, name: &str, sink: &mut dyn FnMut(&SurveyedFile<'_>)) {
        self.files += 1;
        let limit = self.options.limits.entries();
        if self.files > limit {
            self.survey.refuse(PackError::TooManyEntries { limit });
            return;
        }
        let Some(room) = self.room else { return };
        let failed = read_error(self.path.join(name));
        let read = self.root.file_below(Path::new(name)).and_then(|file| {
            let executable = file.is_executable();
            let fits = file.size() <= room;
            let content = if fits { file.read(room)? } else { None };
            Ok((content, executable))
        });
        match read.map_err(failed) {
            Ok((Some(content), executable)) => {
                self.room = room.checked_sub(u64::try_from(content.len()).unwrap_or(u64::MAX));
                sink(&SurveyedFile {
                    name,
                    content: &content,
                    executable,
                });
            }
            Ok((None, _)) => {
                self.room = None;
                self.survey.refuse(PackError::TooLarge {
                    name: name.to_owned(),
                    limit: self.options.limits.unpacked_bytes(),
                });
            }
            Err(refusal) => self.survey.refuse(refusal),
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::package::Limits;

    fn look(folder: &Path, limits: Limits) -> (Vec<String>, Survey) {
        let mut names = Vec::new();
        let options = PackOptions::new().limits(limits);
        let survey = survey(folder, &options, &mut |file| names.push(file.name.to_owned())).unwrap();
        names.sort();
        (names, survey)
    }

    #[test]
    fn everything_is_told_at_once() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        fs::create_dir(folder.join("target")).unwrap();
        fs::create_dir(folder.join("a")).unwrap();
        for name in ["a/nul.txt", "Readme", "README", "ok", "target/x", "a/b?c"] {
            fs::write(folder.join(name), name).unwrap();
        }
        symlink("ok", folder.join("link")).unwrap();
        fs::write(folder.join(".hapignore"), "a//b\n").unwrap();
        let (names, survey) = look(folder, Limits::default());
        assert_eq!(names, ["README", "Readme", "a/b?c", "a/nul.txt", "ok"]);
        assert_eq!(survey.left_out, [".hapignore", "target"]);
        let told = survey
            .refusals
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        for part in [
            "line 1 of .hapignore",
            "\"link\" is a symbolic",
            "\"a/nul.txt\"",
            "\"a/b?c\"",
        ] {
            assert!(told.iter().any(|told| told.contains(part)), "{part} {told:#?}");
        }
        let clash = |refusal: &PackError| {
            matches!(
                refusal,
                PackError::Refused {
                    source: PackageError::CaseClash { .. }
                }
            )
        };
        assert!(survey.refusals.iter().any(clash), "{told:#?}");
    }

    #[test]
    fn what_is_too_much_is_told_once() {
        let root = tempfile::tempdir().unwrap();
        for name in 0..10 {
            fs::write(root.path().join(name.to_string()), "12345").unwrap();
        }
        let (names, survey) = look(root.path(), Limits::default().with_entries(3));
        assert_eq!(names.len(), 3);
        assert!(matches!(
            survey.refusals[..],
            [PackError::TooManyEntries { limit: 3 }]
        ));
        let (names, survey) = look(root.path(), Limits::default().with_unpacked_bytes(12));
        assert_eq!(names.len(), 2);
        assert!(matches!(
            survey.refusals[..],
            [PackError::TooLarge { limit: 12, .. }]
        ));
    }

    #[test]
    fn a_folder_that_is_not_there_is_refused() {
        let refused = survey(Path::new("/no/such"), &PackOptions::new(), &mut |_| {});
        assert!(matches!(refused, Err(PackError::Read { .. })));
    }
}
