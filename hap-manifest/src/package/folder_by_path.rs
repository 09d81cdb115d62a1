//! A folder whose files are read by their paths, where the system has no other way.
//!
//! Links are refused as they are found. Whoever writes to the folder meanwhile can exchange a file
//! between the look and the reading.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// A folder, by its path.
#[derive(Debug)]
pub struct OpenFolder(PathBuf);

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// Anything else.
    Special,
}

/// A file that was opened.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    size: u64,
}

impl OpenFolder {
    /// Opens a folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::read_dir(path)?;
        Ok(Self(path.to_owned()))
    }

    /// Returns the names in it, sorted.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let entries = fs::read_dir(&self.0)?;
        let mut names = entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    /// Returns what an entry is now.
    ///
    /// # Errors
    /// When it does not exist, or cannot be looked at.
    pub fn kind(&self, name: &OsStr) -> io::Result<EntryKind> {
        let metadata = fs::symlink_metadata(self.0.join(name))?;
        Ok(if metadata.is_dir() {
            EntryKind::Folder
        } else if metadata.is_symlink() {
            EntryKind::Link
        } else if metadata.is_file() {
            EntryKind::File
        } else {
            EntryKind::Special
        })
    }

    /// Opens a file in it.
    ///
    /// # Errors
    /// When it does not exist, cannot be opened, or is a link or anything else.
    pub fn file(&self, name: &OsStr) -> io::Result<OpenFile> {
        if self.kind(name)? != EntryKind::File {
            let message = "it is no file, and links are not followed: put the file itself there";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let file = File::open(self.0.join(name))?;
        let size = file.metadata()?.len();
        Ok(OpenFile { file, size })
    }

    /// Opens a file at a relative path below it.
    ///
    /// # Errors
    /// As [`OpenFolder::file`].
    pub fn file_below(&self, path: &Path) -> io::Result<OpenFile> {
        let parent = path.parent().unwrap_or(Path::new(""));
        self.folder_below(parent)?
            .file(path.file_name().unwrap_or_default())
    }

    /// Opens a folder at a relative path below it; itself for an empty one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn folder_below(&self, path: &Path) -> io::Result<Self> {
        Self::open(&self.0.join(path))
    }
}

impl OpenFile {
    /// Returns its size in bytes when it was opened.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns `false`: the system has no such permission.
    #[must_use]
    pub const fn is_executable(&self) -> bool {
        false
    }

    /// Reads it whole. `None` when it has more bytes than `most`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(self, most: u64) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        self.file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= most);
        Ok(fits.then_some(bytes))
    }
}
