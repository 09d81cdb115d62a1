//! How much of the disk a tree of files takes.

use std::{
    collections::HashSet,
    ffi::CString,
    io,
    os::fd::OwnedFd,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat},
    io::Errno,
};

/// Size of the units that the kernel counts blocks in, whatever the file system's.
const BLOCK: u64 = 512;

/// Bytes that everything in a folder takes, each file once and without its holes. Something may
/// write to it meanwhile: what goes is left out, and folders that are moved are an error. Symbolic
/// links are never followed.
pub(in super::super) fn allocated(root: OwnedFd, cancelled: &AtomicBool) -> io::Result<u64> {
    let mut sum = Sum::default();
    let mut here = root;
    let mut levels = vec![sum.enter(&here)?];
    while let Some(level) = levels.last_mut() {
        if cancelled.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if let Some(name) = level.folders.pop() {
            match open_folder(&here, &name) {
                Ok(inner) => {
                    levels.push(sum.enter(&inner)?);
                    here = inner;
                }
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Err(error) => return Err(error.into()),
            }
            continue;
        }
        levels.pop();
        if let Some(outer) = levels.last() {
            here = open_folder(&here, c"..")?;
            if identity(&fstat(&here)?) != outer.identity {
                return Err(io::Error::other("it was moved while it was measured"));
            }
        }
    }
    Ok(sum.bytes)
}

struct Level {
    identity: (u64, u64),
    /// Folders in it that are still to be measured.
    folders: Vec<CString>,
}

#[derive(Default)]
struct Sum {
    bytes: u64,
    /// Files with several names that were counted.
    seen: HashSet<u64>,
}

impl Sum {
    fn enter(&mut self, folder: &OwnedFd) -> io::Result<Level> {
        let stat = fstat(folder)?;
        self.add(&stat);
        let mut folders = Vec::new();
        let mut entries = Dir::new(open_folder(folder, c".")?)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let stat = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            };
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                folders.push(name.to_owned());
            } else if stat.st_nlink < 2 || self.seen.insert(stat.st_ino) {
                self.add(&stat);
            }
        }
        Ok(Level {
            identity: identity(&stat),
            folders,
        })
    }

    fn add(&mut self, stat: &Stat) {
        let blocks = u64::try_from(stat.st_blocks).unwrap_or_default();
        self.bytes = self.bytes.saturating_add(blocks.saturating_mul(BLOCK));
    }
}

fn open_folder(within: &OwnedFd, name: &std::ffi::CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(within, name, flags, Mode::empty())
}

const fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn holes_links_and_second_names_take_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("a/b")).unwrap();
        fs::write(at("a/b/data"), vec![1; 1 << 20]).unwrap();
        fs::hard_link(at("a/b/data"), at("a/again")).unwrap();
        symlink("../../../../../../usr", at("out")).unwrap();
        let hole = fs::File::create(at("hole")).unwrap();
        hole.set_len(2 << 30).unwrap();
        let root = OwnedFd::from(fs::File::open(folder.path()).unwrap());
        let bytes = allocated(root, &AtomicBool::new(false)).unwrap();
        assert!((1 << 20..2 << 20).contains(&bytes), "{bytes}");
    }
}
