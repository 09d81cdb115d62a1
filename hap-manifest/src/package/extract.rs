//! Writing the files of a package into a folder.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, Write as _};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Dir, Mode, OFlags};

use super::error::PackageError;
use super::reader::Package;
use crate::value::error::quoted;

/// Says why the files of a package were not written. What was written before is left; remove the
/// folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The target is no folder, or cannot be looked into.
    #[error("cannot look into the folder to extract into")]
    Folder {
        /// Why.
        source: io::Error,
    },
    /// The target holds something.
    #[error("the folder to extract into is not empty: it holds {}; give a new one", quoted(.found))]
    NotEmpty {
        /// The first thing found in it.
        found: String,
    },
    /// A file or folder could not be created or written.
    #[error("cannot write {}", quoted(.name))]
    Write {
        /// Its name in the package.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The package is damaged, or has changed since it was opened.
    #[error(transparent)]
    Package(#[from] PackageError),
}

impl<R: Read + Seek> Package<R> {
    /// Writes all files into a folder that the caller opened and that is empty.
    ///
    /// Every file and folder is created, never opened, and only through folders that are open
    /// already. So no link is followed and nothing is overwritten, even if another process writes
    /// into the folder at the same time. Files get mode 644, programs and folders 755, less the
    /// process's mask.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use hap_manifest::package::{PackOptions, pack};
    /// # let source = tempfile::tempdir()?;
    /// # for (name, text) in [("Dockerfile", "FROM scratch\n"), ("README.md", "# Light\n"), ("manifest.json",
    /// #     r#"{"id":"a","name":"a","version":"1.0.0","description":"","author":"","image":"a"}"#)] {
    /// #     std::fs::write(source.path().join(name), text)?;
    /// # }
    /// # let mut package = pack(source.path(), &PackOptions::new())?;
    /// let folder = tempfile::tempdir()?;
    /// package.extract_into(std::fs::File::open(folder.path())?)?;
    /// assert!(folder.path().join("manifest.json").exists());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Refuses a folder that is not empty. Names the file that could not be written or has changed.
    pub fn extract_into(&mut self, folder: impl AsFd) -> Result<(), ExtractError> {
        let root = folder.as_fd();
        check_empty(root)?;
        let mut target = Target {
            root: rustix::io::fcntl_dupfd_cloexec(root, 0).map_err(folder_error)?,
            created: BTreeSet::new(),
        };
        let folders: Vec<String> = self.folders().map(str::to_owned).collect();
        for name in folders {
            target.folder(&name).map_err(write_error(&name))?;
        }
        let files: Vec<(String, bool)> = self
            .entries()
            .iter()
            .map(|entry| (entry.name().to_owned(), entry.is_executable()))
            .collect();
        for (name, executable) in files {
            let mut file = target.file(&name, executable).map_err(write_error(&name))?;
            self.copy(&name, &mut |bytes| {
                file.write_all(bytes).map_err(write_error(&name))
            })?;
        }
        Ok(())
    }
}

fn folder_error(source: rustix::io::Errno) -> ExtractError {
    ExtractError::Folder {
        source: source.into(),
    }
}

fn write_error(name: &str) -> impl Fn(io::Error) -> ExtractError {
    move |source| ExtractError::Write {
        name: name.to_owned(),
        source,
    }
}

fn check_empty(folder: impl AsFd) -> Result<(), ExtractError> {
    for entry in Dir::read_from(folder).map_err(folder_error)? {
        let entry = entry.map_err(folder_error)?;
        let name = entry.file_name().to_string_lossy();
        if name != "." && name != ".." {
            return Err(ExtractError::NotEmpty {
                found: name.into_owned(),
            });
        }
    }
    Ok(())
}

/// The folder that is written to, and what was created in it.
struct Target {
    root: OwnedFd,
    created: BTreeSet<String>,
}

impl Target {
    /// Opens a folder below the root, one part of its name after the other, creating those that are
    /// missing.
    fn folder(&mut self, name: &str) -> io::Result<OwnedFd> {
        let mut open = self.root.try_clone()?;
        let ends = name.match_indices('/').map(|(end, _)| end).chain([name.len()]);
        let mut start = 0;
        for end in ends {
            let path = name.get(..end).unwrap_or_default();
            let part = name.get(start..end).unwrap_or_default();
            start = end + 1;
            // A folder that exists and was not created here belongs to another process: creating it
            // fails.
            if self.created.insert(path.to_owned()) {
                rustix::fs::mkdirat(&open, part, Mode::from_raw_mode(0o755))?;
            }
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            open = rustix::fs::openat(&open, part, flags, Mode::empty())?;
        }
        Ok(open)
    }

    fn file(&mut self, name: &str, executable: bool) -> io::Result<File> {
        let (folder, part) = match name.rsplit_once('/') {
            Some((folder, part)) => (self.folder(folder)?, part),
            None => (self.root.try_clone()?, name),
        };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(if executable { 0o755 } else { 0o644 });
        Ok(rustix::fs::openat(&folder, part, flags, mode)?.into())
    }
}
