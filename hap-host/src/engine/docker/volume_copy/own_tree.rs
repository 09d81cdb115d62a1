//! Gives a folder and all that is in it to one user.

use std::{
    ffi::OsStr,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, ResolveFlags, Uid, chownat, fchown, fstat, openat2, statat,
};

/// Gives it, the folder itself last: what is half done is done again by whoever looks at that alone.
///
/// Whoever had it may have put anything into it. No link is followed and no other file system is
/// entered.
pub(super) fn own(root: &OwnedFd, user: u32, group: u32, cancelled: &AtomicBool) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(group));
    let device = fstat(root)?.st_dev;
    let mut folders = vec![PathBuf::from(".")];
    while let Some(folder) = folders.pop() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        let opened = openat2(root, &folder, flags, Mode::empty(), resolve)?;
        for entry in Dir::read_from(&opened)? {
            if cancelled.load(Ordering::Relaxed) {
                return Err(io::Error::other("nobody waits for it any more"));
            }
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW)?;
            if stat.st_dev != device {
                continue;
            }
            if (stat.st_uid, stat.st_gid) != (user, group) {
                chownat(&opened, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
            }
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                folders.push(folder.join(OsStr::from_bytes(name.to_bytes())));
            }
        }
    }
    Ok(fchown(root, Some(uid), Some(gid))?)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{MetadataExt as _, symlink},
    };

    use super::*;

    #[test]
    #[ignore = "needs root"]
    fn all_in_a_folder_becomes_the_users_and_nothing_that_a_link_leads_to() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("file"), "").unwrap();
        let inside = folder.path().join("a/b");
        fs::create_dir_all(&inside).unwrap();
        fs::write(inside.join("file"), "").unwrap();
        symlink(outside.path(), inside.join("folder")).unwrap();
        symlink(outside.path().join("file"), folder.path().join("link")).unwrap();
        let root = OwnedFd::from(fs::File::open(folder.path()).unwrap());
        own(&root, 2_010_000_001, 7, &AtomicBool::new(false)).unwrap();
        for mine in ["", "a", "a/b", "a/b/file", "a/b/folder", "link"] {
            let seen = fs::symlink_metadata(folder.path().join(mine)).unwrap();
            assert_eq!((seen.uid(), seen.gid()), (2_010_000_001, 7), "{mine:?}");
        }
        for other in ["", "file"] {
            let seen = fs::symlink_metadata(outside.path().join(other)).unwrap();
            assert_eq!(seen.uid(), 0, "{other:?}");
        }
    }
}
