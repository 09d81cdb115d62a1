//! A folder whose files are read without following links, whoever else may write to it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat};
use rustix::io::Errno;

/// Nothing is followed, and nobody is waited for: opening a pipe would wait for its writer.
const READING: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// An open folder. What is read of it lies in it, in the folder that was opened once: each step
/// down is by one name, from an open folder, and follows no link.
///
/// `openat2` would do several steps at once; kernels and sandboxes without it are common, and one
/// way that works everywhere is one way to test.
#[derive(Debug)]
pub struct OpenFolder {
    folder: OwnedFd,
    owner: u32,
}

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
    /// A pipe, a socket or a device.
    Special,
}

/// A file that was opened, and what is known of it since.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    size: u64,
    executable: bool,
}

impl OpenFolder {
    /// Opens a folder. Links on the way to it are followed: the caller names it.
    ///
    /// # Errors
    /// When it cannot be opened, or is no folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Self::of(rustix::fs::open(path, flags, Mode::empty())?)
    }

    fn of(folder: OwnedFd) -> io::Result<Self> {
        let owner = fstat(&folder)?.st_uid;
        Ok(Self { folder, owner })
    }

    /// Returns the names in it, sorted: the order of a directory is arbitrary.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.folder)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Returns what an entry is now. Opening it tells when it is something else by then.
    ///
    /// # Errors
    /// When it does not exist, or cannot be looked at.
    pub fn kind(&self, name: &OsStr) -> io::Result<EntryKind> {
        let stat = statat(&self.folder, one(name)?, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(kind(&stat))
    }

    /// Opens a folder in it.
    ///
    /// # Errors
    /// When it does not exist, cannot be opened, or is a link or anything else.
    pub fn folder(&self, name: &OsStr) -> io::Result<Self> {
        let flags = READING | OFlags::DIRECTORY;
        let opened = openat(&self.folder, one(name)?, flags, Mode::empty());
        Self::of(opened.map_err(|error| other_kind(error, "folder"))?)
    }

    /// Opens a file in it.
    ///
    /// A file that others may not read, has several names and belongs to another user than the
    /// folder is refused: whoever may write to the folder gave it a name here to have it read.
    ///
    /// # Errors
    /// When it does not exist, cannot be opened, or is a link or anything else.
    pub fn file(&self, name: &OsStr) -> io::Result<OpenFile> {
        let opened = openat(&self.folder, one(name)?, READING, Mode::empty());
        let file = opened.map_err(|error| other_kind(error, "file"))?;
        let stat = fstat(&file)?;
        if kind(&stat) != EntryKind::File {
            return Err(other_kind(Errno::LOOP, "file"));
        }
        let private = !Mode::from_raw_mode(stat.st_mode).contains(Mode::ROTH);
        if private && stat.st_nlink > 1 && stat.st_uid != self.owner {
            let message = "it is also the file of another user elsewhere, who lets nobody read it: copy it";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        Ok(OpenFile {
            file: file.into(),
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            executable: Mode::from_raw_mode(stat.st_mode).contains(Mode::XUSR),
        })
    }

    /// Opens a file at a relative path below it.
    ///
    /// # Errors
    /// As [`OpenFolder::file`]; also for a path that is empty or has `..` in it.
    pub fn file_below(&self, path: &Path) -> io::Result<OpenFile> {
        let name = path.file_name().unwrap_or_default();
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => self.folder_below(parent)?.file(name),
            _ => self.file(name),
        }
    }

    /// Opens a folder at a relative path below it; itself for an empty one.
    ///
    /// # Errors
    /// As [`OpenFolder::folder`]; also for a path that has `..` in it.
    pub fn folder_below(&self, path: &Path) -> io::Result<Self> {
        let mut open = Self {
            folder: self.folder.try_clone()?,
            owner: self.owner,
        };
        for part in path.components().filter(|part| *part != Component::CurDir) {
            open = open.folder(part.as_os_str())?;
        }
        Ok(open)
    }

    /// Returns where a link in it leads.
    ///
    /// # Errors
    /// When it does not exist, or is no link.
    pub fn link(&self, name: &OsStr) -> io::Result<PathBuf> {
        let target =
            readlinkat(&self.folder, one(name)?, Vec::new()).map_err(|error| other_kind(error, "link"))?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }
}

impl OpenFile {
    /// Returns its size in bytes when it was opened.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns whether its owner may execute it.
    #[must_use]
    pub const fn is_executable(&self) -> bool {
        self.executable
    }

    /// Reads it whole. `None` when it has more bytes than `most`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(self, most: u64) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        // One more, so that a longer one, or one that grows, is told of and not cut.
        self.file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= most);
        Ok(fits.then_some(bytes))
    }
}

/// A name that stays in its folder.
fn one(name: &OsStr) -> io::Result<&OsStr> {
    let bytes = name.as_bytes();
    if matches!(bytes, b"" | b"." | b"..") || bytes.contains(&b'/') {
        let message = "it leads out of the folder";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(name)
}

fn kind(stat: &Stat) -> EntryKind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Folder,
        FileType::Symlink => EntryKind::Link,
        _ => EntryKind::Special,
    }
}

/// Names what an entry should have been: the system's words for it speak of levels of links.
fn other_kind(error: Errno, wanted: &str) -> io::Error {
    match error {
        Errno::LOOP | Errno::NOTDIR | Errno::INVAL | Errno::NXIO | Errno::MLINK => {
            let message =
                format!("it is no {wanted}, and links are not followed: put the {wanted} itself there");
            io::Error::new(io::ErrorKind::InvalidInput, message)
        }
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn read(folder: &Path, path: &str) -> io::Result<Option<Vec<u8>>> {
        OpenFolder::open(folder)?
            .file_below(Path::new(path))?
            .read(1 << 20)
    }

    #[test]
    fn files_below_are_read_and_nothing_behind_a_link() {
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("secret"), "secret").unwrap();
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        fs::create_dir_all(folder.join("a/b")).unwrap();
        fs::write(folder.join("a/b/file"), "text").unwrap();
        symlink("a", folder.join("linked")).unwrap();
        symlink(elsewhere.path(), folder.join("out")).unwrap();
        symlink(elsewhere.path().join("secret"), folder.join("a/secret")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("pipe"), Mode::RUSR).unwrap();
        assert_eq!(read(folder, "a/b/file").unwrap().unwrap(), b"text");
        assert_eq!(read(folder, "./a/./b/file").unwrap().unwrap(), b"text");
        for path in [
            "linked/b/file",
            "out/secret",
            "a/secret",
            "pipe",
            "a",
            "",
            ".",
            "..",
            "a/../a/b/file",
            "/etc/passwd",
            "a/b/file/x",
        ] {
            assert!(read(folder, path).is_err(), "{path}");
        }
        // The folder itself may be behind a link.
        let named = root.path().with_extension("named");
        symlink(folder, &named).unwrap();
        assert_eq!(read(&named, "a/b/file").unwrap().unwrap(), b"text");
        fs::remove_file(named).unwrap();
    }

    #[test]
    fn a_folder_that_is_exchanged_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("plugin/bin")).unwrap();
        fs::write(root.path().join("plugin/bin/x"), "ours").unwrap();
        let open = OpenFolder::open(&root.path().join("plugin")).unwrap();
        fs::create_dir_all(root.path().join("theirs/bin")).unwrap();
        fs::write(root.path().join("theirs/bin/x"), "secret").unwrap();
        fs::rename(root.path().join("plugin"), root.path().join("gone")).unwrap();
        symlink("theirs", root.path().join("plugin")).unwrap();
        let file = open.file_below(Path::new("bin/x")).unwrap();
        assert_eq!(file.read(10).unwrap().unwrap(), b"ours");
    }

    #[test]
    fn a_file_that_turns_into_a_link_and_back_is_never_followed() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("plugin");
        fs::create_dir(&folder).unwrap();
        fs::write(root.path().join("secret"), "secret").unwrap();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let turning = scope.spawn(|| {
                let (file, link, at) = (
                    root.path().join("file"),
                    root.path().join("link"),
                    folder.join("x"),
                );
                while !stop.load(Ordering::Relaxed) {
                    fs::write(&file, "ours").unwrap();
                    fs::rename(&file, &at).unwrap();
                    symlink("../secret", &link).unwrap();
                    fs::rename(&link, &at).unwrap();
                }
            });
            let open = OpenFolder::open(&folder).unwrap();
            let (mut ours, mut refused, mut followed) = (0, 0, 0);
            while followed == 0 && (ours < 200 || refused < 200) && !turning.is_finished() {
                match open.file(OsStr::new("x")).and_then(|file| file.read(100)) {
                    Ok(Some(bytes)) if bytes == b"ours" => ours += 1,
                    Ok(_) => followed += 1,
                    Err(_) => refused += 1,
                }
            }
            stop.store(true, Ordering::Relaxed);
            assert!(followed == 0 && ours >= 200, "{ours} {refused} {followed}");
        });
    }

    #[test]
    fn a_long_file_is_told_of_and_not_cut() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("x"), "12345").unwrap();
        let open = OpenFolder::open(root.path()).unwrap();
        let file = || open.file(OsStr::new("x")).unwrap();
        assert_eq!(file().size(), 5);
        assert_eq!(file().read(5).unwrap().unwrap(), b"12345");
        assert_eq!(file().read(4).unwrap(), None);
    }
}
