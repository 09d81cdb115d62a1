//! Files that survive a loss of power: private to their owner, synced, replaced as a whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Names the file or directory that a failure is about: the system tells only what went wrong.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Opens for reading and writing, creating the file for its owner only.
pub(crate) fn open_private(path: &Path, create_new: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    if create_new {
        options.create_new(true);
    } else {
        options.create(true);
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(at(path))
}

/// Creates a directory for its owner only, durably; one that exists is left as it is.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(at(path))?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Makes the names in a directory durable: creation, renaming, removal.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    // Elsewhere a directory cannot be opened as a file, and the file system keeps its names by
    // itself.
    if cfg!(unix) {
        File::open(path).and_then(|dir| dir.sync_all()).map_err(at(path))
    } else {
        Ok(())
    }
}

/// Tries to write into a directory.
pub(crate) fn probe(dir: &Path) -> io::Result<()> {
    Replacement::stage(&dir.join(".probe"), b"")?.discard()
}

/// New content of a file, on disk under a temporary name beside it.
#[derive(Debug)]
#[must_use = "it takes effect by `commit`"]
pub(crate) struct Replacement {
    target: PathBuf,
    staged: PathBuf,
}

impl Replacement {
    /// Writes and syncs the new content in the same directory.
    pub(crate) fn stage(target: &Path, content: &[u8]) -> io::Result<Self> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let replacement = Self {
            target: target.to_owned(),
            staged: target.with_file_name(name),
        };
        // What an interrupted process left behind has unknown rights.
        replacement.remove_staged()?;
        let mut file = open_private(&replacement.staged, true)?;
        let written = file.write_all(content).and_then(|()| file.sync_all());
        written.map_err(at(&replacement.staged))?;
        Ok(replacement)
    }

    /// Puts the new content in place; a reader sees the old or the new one, never a mixture.
    pub(crate) fn commit(self) -> io::Result<()> {
        fs::rename(&self.staged, &self.target).map_err(at(&self.target))?;
        sync_dir(self.target.parent().unwrap_or(Path::new(".")))
    }

    /// Leaves the old content in place.
    pub(crate) fn discard(self) -> io::Result<()> {
        self.remove_staged()
    }

    fn remove_staged(&self) -> io::Result<()> {
        match fs::remove_file(&self.staged) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&self.staged)(error)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_replaced_only_by_a_commit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        Replacement::stage(&path, b"one").unwrap().commit().unwrap();
        Replacement::stage(&path, b"two").unwrap().discard().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        let interrupted = Replacement::stage(&path, b"three").unwrap();
        drop(interrupted);
        Replacement::stage(&path, b"four").unwrap().commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"four");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        Replacement::stage(&path, b"secret").unwrap().commit().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let sub = dir.path().join("events");
        create_private_dir(&sub).unwrap();
        assert_eq!(fs::metadata(&sub).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
