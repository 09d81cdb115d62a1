//! Copies a tree of files on this machine so that nobody can tell the copy from what was copied.

pub(super) mod allocated;

use std::{
    collections::HashMap,
    ffi::{CStr, CString},
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::{
    fs::{
        AtFlags, Dir, FileType, Gid, Mode, OFlags, SeekFrom, Stat, Timespec, Timestamps, Uid, XattrFlags,
        chmodat, chownat, fchmod, fchown, fstat, ftruncate, futimens, linkat, mkdirat, mknodat, openat,
        readlinkat, seek, statat, symlinkat, unlinkat, utimensat,
    },
    io::Errno,
};
use uuid::Uuid;

/// How much of a file is copied between two looks at whether the copy is still wanted.
const PIECE: u64 = 8 << 20;

/// Reading leaves no trace, follows nothing, and waits for nobody.
const READING: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NOATIME)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// What went wrong, and at which entry of the tree.
#[derive(Debug)]
pub(super) struct TreeError {
    pub entry: PathBuf,
    pub source: io::Error,
}

/// Copies what is in the folder `from` into the empty folder `to`, and gives `to` the owner, mode,
/// times and attributes of `from`. Contents (holes stay holes), owners, modes, times, extended
/// attributes with access lists, symbolic and hard links, pipes, sockets and devices come along;
/// flags of a file system's own, such as *immutable*, do not. Symbolic links are never followed.
///
/// Nothing else may write to either tree; where something does, the copy may fail, and never leaves
/// the two. It takes as many descriptors for a deep tree as for a flat one, and ends soon after
/// `cancelled` is set, or `take` fails, which is told of content before it is copied.
pub(super) fn copy(
    from: OwnedFd,
    to: OwnedFd,
    cancelled: &AtomicBool,
    take: &dyn Fn(u64) -> io::Result<()>,
) -> Result<(), TreeError> {
    let mut walk = Walk {
        cancelled,
        take,
        links: Links::default(),
        root: to.try_clone().map_err(|source| TreeError {
            entry: PathBuf::new(),
            source,
        })?,
        path: PathBuf::new(),
    };
    walk.tree(from, to).map_err(|source| TreeError {
        entry: walk.path,
        source,
    })
}

/// A folder whose entries are being copied.
struct Level {
    stat: Stat,
    /// The folder that it is copied to.
    target: (u64, u64),
    /// Folders in it that are still to be copied.
    folders: Vec<CString>,
}

struct Walk<'a> {
    cancelled: &'a AtomicBool,
    /// Told of content before it is copied.
    take: &'a dyn Fn(u64) -> io::Result<()>,
    links: Links,
    root: OwnedFd,
    /// The entry at hand.
    path: PathBuf,
}

/// Files with several names. The first name that is found is copied; it gets a short one beside it
/// for as long as others may follow, because the way to it may be longer than a path can be.
#[derive(Default)]
struct Links {
    shelf: Option<Shelf>,
    /// How many names are still to come, by the number of the file. All of one volume are on
    /// one file system.
    left: HashMap<u64, usize>,
}

/// A folder in the root of the copy.
struct Shelf {
    name: String,
    folder: OwnedFd,
}

impl Links {
    /// Makes a name for a file that was copied under another already; `false` where it was not.
    fn link(&mut self, stat: &Stat, to: &OwnedFd, name: &CStr) -> io::Result<bool> {
        let (Some(left), Some(shelf)) = (self.left.get_mut(&stat.st_ino), &self.shelf) else {
            return Ok(false);
        };
        let short = stat.st_ino.to_string();
        linkat(&shelf.folder, &short, to, name, AtFlags::empty())?;
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.left.remove(&stat.st_ino);
            unlinkat(&shelf.folder, &short, AtFlags::empty())?;
        }
        Ok(true)
    }

    /// Remembers a file that was copied, for its other names.
    fn remember(&mut self, stat: &Stat, root: &OwnedFd, to: &OwnedFd, name: &CStr) -> io::Result<()> {
        let shelf = match &mut self.shelf {
            Some(shelf) => shelf,
            none => {
                let name = format!(".hap-links-{}", Uuid::new_v4().simple());
                mkdirat(root, &name, Mode::RWXU)?;
                let folder = openat(root, &name, OFlags::DIRECTORY | READING, Mode::empty())?;
                none.insert(Shelf { name, folder })
            }
        };
        linkat(to, name, &shelf.folder, stat.st_ino.to_string(), AtFlags::empty())?;
        // Its type is another one on each processor.
        let names = usize::try_from(stat.st_nlink).unwrap_or(usize::MAX);
        self.left.insert(stat.st_ino, names.saturating_sub(1));
        Ok(())
    }

    /// Takes the short names away again.
    fn clear(&mut self, root: &OwnedFd) -> io::Result<()> {
        let Some(shelf) = self.shelf.take() else {
            return Ok(());
        };
        for (number, _) in self.left.drain() {
            unlinkat(&shelf.folder, number.to_string(), AtFlags::empty())?;
        }
        Ok(unlinkat(root, &shelf.name, AtFlags::REMOVEDIR)?)
    }
}

impl Walk<'_> {
    fn tree(&mut self, mut from: OwnedFd, mut to: OwnedFd) -> io::Result<()> {
        let mut levels = vec![self.enter(&from, &to)?];
        while let Some(level) = levels.last_mut() {
            self.check()?;
            if let Some(name) = level.folders.pop() {
                self.path.push(as_path(&name));
                let inner = open_folder(&from, &name)?;
                mkdirat(&to, &name, Mode::RWXU)?;
                to = open_folder(&to, &name)?;
                from = inner;
                levels.push(self.enter(&from, &to)?);
                continue;
            }
            let done = level.stat;
            if levels.len() == 1 {
                self.links.clear(&self.root)?;
            }
            // Only now: what is made in a folder changes its times.
            copy_attributes(&from, &to)?;
            fchown(&to, owner(&done), group(&done))?;
            fchmod(&to, mode(&done))?;
            futimens(&to, &times(&done))?;
            levels.pop();
            self.path.pop();
            if let Some(outer) = levels.last() {
                // Where somebody moves folders meanwhile this may be another one, and not
                // even of the volume.
                from = same_folder(open_folder(&from, c"..")?, identity(&outer.stat))?;
                to = same_folder(open_folder(&to, c"..")?, outer.target)?;
            }
        }
        Ok(())
    }

    /// Copies everything in a folder but its folders.
    fn enter(&mut self, from: &OwnedFd, to: &OwnedFd) -> io::Result<Level> {
        let stat = fstat(from)?;
        let mut folders = Vec::new();
        let mut entries = Dir::new(open_folder(from, c".")?)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            self.check()?;
            let stat = statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                folders.push(name.to_owned());
                continue;
            }
            self.path.push(as_path(name));
            let has_more_names = stat.st_nlink > 1;
            if !(has_more_names && self.links.link(&stat, to, name)?) {
                self.entry(&stat, from, to, name)?;
                if has_more_names {
                    self.links.remember(&stat, &self.root, to, name)?;
                }
            }
            self.path.pop();
        }
        let target = identity(&fstat(to)?);
        Ok(Level {
            stat,
            target,
            folders,
        })
    }

    fn check(&self) -> io::Result<()> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(io::Error::new(
                io::ErrorKind::Interrupted,
                "the copy was given up",
            ));
        }
        Ok(())
    }

    fn entry(&self, stat: &Stat, from: &OwnedFd, to: &OwnedFd, name: &CStr) -> io::Result<()> {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => return self.file(stat, from, to, name),
            FileType::Symlink => {
                let target = readlinkat(from, name, Vec::new())?;
                symlinkat(target, to, name)?;
            }
            kind => mknodat(to, name, kind, mode(stat), stat.st_rdev)?,
        }
        chownat(to, name, owner(stat), group(stat), AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            // It was made a moment ago and is no link, so there is nothing to follow.
            chmodat(to, name, mode(stat), AtFlags::empty())?;
        }
        copy_attributes_of_entry(from, to, name)?;
        utimensat(to, name, &times(stat), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(())
    }

    fn file(&self, stat: &Stat, from: &OwnedFd, to: &OwnedFd, name: &CStr) -> io::Result<()> {
        let source = openat(from, name, READING, Mode::empty())?;
        let writing = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let target = openat(to, name, writing, Mode::RUSR | Mode::WUSR)?;
        let (source, target) = (File::from(source), File::from(target));
        self.content(&source, &target, size(stat))?;
        fchown(&target, owner(stat), group(stat))?;
        // A change of the owner takes these away.
        fchmod(&target, mode(stat))?;
        copy_attributes(&source, &target)?;
        futimens(&target, &times(stat))?;
        Ok(())
    }

    fn content(&self, source: &File, target: &File, size: u64) -> io::Result<()> {
        // Where the file system can, both share their blocks.
        if size == 0 || rustix::fs::ioctl_ficlone(target, source).is_ok() {
            return Ok(());
        }
        // First, so that a hole at the end is one.
        ftruncate(target, size)?;
        let mut at = 0;
        while at < size {
            let begin = match seek(source, SeekFrom::Data(at)) {
                Ok(begin) => begin,
                // From here on there are only holes.
                Err(Errno::NXIO) => break,
                Err(error) => return Err(error.into()),
            };
            let end = seek(source, SeekFrom::Hole(begin))?.min(size);
            self.piece_by_piece(source, target, begin, end)?;
            at = end.max(begin.saturating_add(1));
        }
        Ok(())
    }

    fn piece_by_piece(&self, source: &File, target: &File, begin: u64, end: u64) -> io::Result<()> {
        seek(source, SeekFrom::Start(begin))?;
        seek(target, SeekFrom::Start(begin))?;
        let mut left = end.saturating_sub(begin);
        while left > 0 {
            self.check()?;
            let piece = left.min(PIECE);
            (self.take)(piece)?;
            // The standard library lets the kernel copy from file to file.
            let copied = io::copy(&mut io::Read::take(source, piece), &mut &*target)?;
            if copied == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "it became shorter while it was copied: does something write to it?",
                ));
            }
            left = left.saturating_sub(copied);
        }
        Ok(())
    }
}

fn open_folder(within: &OwnedFd, name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | READING;
    Ok(openat(within, name, flags, Mode::empty())?)
}

const fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

fn same_folder(found: OwnedFd, wanted: (u64, u64)) -> io::Result<OwnedFd> {
    if identity(&fstat(&found)?) == wanted {
        return Ok(found);
    }
    Err(io::Error::other(
        "it was moved while it was copied: does something write to it?",
    ))
}

fn as_path(name: &CStr) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()))
}

fn owner(stat: &Stat) -> Option<Uid> {
    Some(Uid::from_raw(stat.st_uid))
}

fn group(stat: &Stat) -> Option<Gid> {
    Some(Gid::from_raw(stat.st_gid))
}

const fn mode(stat: &Stat) -> Mode {
    Mode::from_raw_mode(stat.st_mode & 0o7777)
}

fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or_default()
}

fn times(stat: &Stat) -> Timestamps {
    let time = |seconds, nanoseconds| Timespec {
        tv_sec: seconds,
        // Below a billion, whatever the type.
        tv_nsec: i64::try_from(nanoseconds).unwrap_or_default(),
    };
    Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    }
}

/// Extended attributes, access lists and capabilities of programs among them, of an open
/// file or folder.
fn copy_attributes(from: impl AsFd, to: impl AsFd) -> io::Result<()> {
    let (from, to) = (from.as_fd(), to.as_fd());
    copy_each_attribute(
        |buffer| rustix::fs::flistxattr(from, buffer),
        |name, buffer| rustix::fs::fgetxattr(from, name, buffer),
        |name, value| rustix::fs::fsetxattr(to, name, value, XattrFlags::empty()),
    )
}

/// The same of an entry that cannot be opened, such as a symbolic link.
fn copy_attributes_of_entry(from: &OwnedFd, to: &OwnedFd, name: &CStr) -> io::Result<()> {
    let path =
        |folder: &OwnedFd| Path::new(&format!("/proc/self/fd/{}", folder.as_raw_fd())).join(as_path(name));
    let (from, to) = (path(from), path(to));
    copy_each_attribute(
        |buffer| rustix::fs::llistxattr(&from, buffer),
        |name, buffer| rustix::fs::lgetxattr(&from, name, buffer),
        |name, value| rustix::fs::lsetxattr(&to, name, value, XattrFlags::empty()),
    )
}

fn copy_each_attribute(
    list: impl Fn(&mut [u8]) -> Result<usize, Errno>,
    get: impl Fn(&CStr, &mut [u8]) -> Result<usize, Errno>,
    set: impl Fn(&CStr, &[u8]) -> Result<(), Errno>,
) -> io::Result<()> {
    let names = match grow(list) {
        Ok(names) => names,
        // This file system knows of none.
        Err(Errno::NOTSUP) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for name in names.split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else {
            continue;
        };
        let value = grow(|buffer| get(name, buffer))?;
        match set(name, &value) {
            // A security module of the machine's decides about its own by itself.
            Err(Errno::NOTSUP | Errno::PERM | Errno::ACCESS) if is_of_a_security_module(name) => {}
            done => done?,
        }
    }
    Ok(())
}

fn is_of_a_security_module(name: &CStr) -> bool {
    name.to_bytes().starts_with(b"security.") && name != c"security.capability"
}

/// Reads what has any length, up to the 64 KiB that the kernel allows.
fn grow(read: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; 256];
    loop {
        match read(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(Errno::RANGE) if buffer.len() < 64 << 10 => buffer.resize(64 << 10, 0),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
