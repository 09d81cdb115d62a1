use std::{
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, MetadataExt, PermissionsExt, symlink},
    },
};

use rustix::fs::{CWD, openat};

use super::*;

fn open(path: &Path) -> OwnedFd {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOATIME;
    openat(CWD, path, flags, Mode::empty()).unwrap()
}

fn copy_of(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    copy(open(from), open(to.path()), &AtomicBool::new(false), &|_| Ok(())).unwrap();
    to
}

fn attributes(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let names = grow(|buffer| rustix::fs::llistxattr(path, buffer)).unwrap_or_default();
    let names = names.split_inclusive(|byte| *byte == 0);
    let mut all: Vec<_> = names
        .map(|name| {
            let name = CStr::from_bytes_with_nul(name).unwrap();
            let value = grow(|buffer| rustix::fs::lgetxattr(path, name, buffer)).unwrap();
            (name.to_bytes().to_owned(), value)
        })
        .collect();
    all.sort();
    all
}

/// Everything below a folder, and the folder.
fn entries(root: &Path) -> Vec<PathBuf> {
    let mut all = vec![root.to_owned()];
    let mut next = 0;
    while let Some(path) = all.get(next).cloned() {
        next += 1;
        if !path.is_symlink() && path.is_dir() {
            all.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    all.sort();
    all
}

/// What can be told of each entry without reading it.
fn described(root: &Path) -> Vec<String> {
    let describe = |path: PathBuf| {
        let stat = fs::symlink_metadata(&path).unwrap();
        // Looking into a folder and following a link are noted down, here too.
        let read = stat.is_file().then(|| (stat.atime(), stat.atime_nsec()));
        let (size, links) = if stat.is_dir() {
            (0, 0)
        } else {
            (stat.size(), stat.nlink())
        };
        format!(
            "{:?} {:o} {}:{} {read:?} {}.{} {size} {links} {:?}",
            path.strip_prefix(root).unwrap().as_os_str(),
            stat.mode(),
            stat.uid(),
            stat.gid(),
            stat.mtime(),
            stat.mtime_nsec(),
            attributes(&path),
        )
    };
    entries(root).into_iter().map(describe).collect()
}

fn contents(root: &Path) -> Vec<Vec<u8>> {
    let read = |path: PathBuf| {
        if path.is_symlink() {
            fs::read_link(path).unwrap().into_os_string().into_encoded_bytes()
        } else if path.is_file() {
            fs::read(path).unwrap()
        } else {
            Vec::new()
        }
    };
    entries(root).into_iter().map(read).collect()
}

fn set_times(path: &Path, seconds: i64, nanoseconds: i64) {
    let time = |tv_sec| Timespec {
        tv_sec,
        tv_nsec: nanoseconds,
    };
    let times = Timestamps {
        last_access: time(seconds),
        last_modification: time(seconds - 7),
    };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

fn set_attribute(path: &Path, name: &str, value: &[u8]) {
    rustix::fs::lsetxattr(path, name, value, XattrFlags::empty()).unwrap();
}

#[test]
#[ignore = "needs root"]
fn a_copy_cannot_be_told_from_what_was_copied() {
    let from = tempfile::tempdir().unwrap();
    let at = |name: &str| from.path().join(name);
    fs::create_dir_all(at("deep/er")).unwrap();
    fs::write(at("deep/file"), "content").unwrap();
    fs::write(at("empty"), "").unwrap();
    fs::write(
        from.path().join(std::ffi::OsStr::from_bytes(b"no\xfftext\n")),
        "x",
    )
    .unwrap();
    fs::hard_link(at("deep/file"), at("twin")).unwrap();
    fs::hard_link(at("deep/file"), at("deep/er/triplet")).unwrap();
    symlink("/etc/passwd", at("out")).unwrap();
    symlink("nowhere", at("deep/dangling")).unwrap();
    rustix::fs::mkfifoat(CWD, at("pipe"), Mode::from_raw_mode(0o640)).unwrap();
    drop(std::os::unix::net::UnixListener::bind(at("socket")).unwrap());
    for (name, mode) in [
        ("empty", 0o000),
        ("deep/file", 0o4751),
        ("deep/er", 0o2500),
        ("deep", 0o1777),
        ("", 0o750),
    ] {
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for name in ["deep/file", "deep", ""] {
        set_attribute(&at(name), "user.colour", name.as_bytes());
    }
    set_attribute(&at("twin"), "user.large", &[7; 300]);
    // Group 4242 may read: the list that `setfacl -m g:4242:r` writes.
    let entry = |tag: u16, permissions: u16, id: u32| {
        [tag.to_le_bytes(), permissions.to_le_bytes()]
            .concat()
            .into_iter()
            .chain(id.to_le_bytes())
    };
    let list = 2_u32.to_le_bytes().into_iter();
    let list: Vec<u8> = list
        .chain(entry(1, 6, u32::MAX))
        .chain(entry(4, 4, u32::MAX))
        .chain(entry(8, 4, 4242))
        .chain(entry(0x10, 4, u32::MAX))
        .chain(entry(0x20, 0, u32::MAX))
        .collect();
    fs::write(at("listed"), "x").unwrap();
    set_attribute(&at("listed"), "system.posix_acl_access", &list);
    // The innermost first: a change in a folder is a change of the folder.
    for (index, name) in [
        "deep/er/triplet",
        "deep/dangling",
        "deep/er",
        "deep",
        "out",
        "pipe",
        "",
    ]
    .iter()
    .enumerate()
    {
        set_times(
            &at(name),
            1_000_000_000 + i64::try_from(index).unwrap(),
            123_456_789,
        );
    }

    let before = described(from.path());
    assert_eq!(before.len(), 13);
    let to = copy_of(from.path());
    for (before, after) in before.iter().zip(described(to.path())) {
        assert_eq!(*before, after);
    }
    assert_eq!(contents(from.path()), contents(to.path()));
    let (twin, triplet) = (to.path().join("twin"), to.path().join("deep/er/triplet"));
    assert_eq!(
        fs::metadata(twin).unwrap().ino(),
        fs::metadata(triplet).unwrap().ino()
    );
}

#[test]
fn holes_stay_holes_and_what_is_between_them_comes_along() {
    let from = tempfile::tempdir().unwrap();
    let file = File::create(from.path().join("sparse")).unwrap();
    file.write_all_at(b"begin", 0).unwrap();
    file.write_all_at(&[7; 9 << 20], 1 << 30).unwrap();
    file.set_len(8 << 30).unwrap();
    let to = copy_of(from.path());
    let copied = File::open(to.path().join("sparse")).unwrap();
    let stat = copied.metadata().unwrap();
    assert_eq!(stat.len(), 8 << 30);
    assert!(stat.blocks() * 512 < 64 << 20, "{} blocks", stat.blocks());
    let mut read = [1; 5];
    copied.read_exact_at(&mut read, 0).unwrap();
    assert_eq!(&read, b"begin");
    copied
        .read_exact_at(&mut read, (1 << 30) + (9 << 20) - 5)
        .unwrap();
    assert_eq!(read, [7; 5]);
    copied.read_exact_at(&mut read, (8 << 30) - 5).unwrap();
    assert_eq!(read, [0; 5]);
}

#[test]
fn a_tree_deeper_than_any_path_may_be_long_is_copied() {
    let from = tempfile::tempdir().unwrap();
    let mut folder = open(from.path());
    for _ in 0..600 {
        mkdirat(&folder, "ten-letter", Mode::RWXU).unwrap();
        folder = open_folder(&folder, c"ten-letter").unwrap();
    }
    mkdirat(&folder, "bottom", Mode::RUSR | Mode::WUSR | Mode::XUSR).unwrap();
    // The way to the first name of these is no path either, and one of them has a name
    // outside of the tree.
    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["inside", "outside"] {
        openat(&folder, name, OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
    }
    linkat(&folder, "inside", &folder, "twin", AtFlags::empty()).unwrap();
    linkat(
        &folder,
        "outside",
        open(elsewhere.path()),
        "outside",
        AtFlags::empty(),
    )
    .unwrap();
    let to = copy_of(from.path());
    let mut folder = open(to.path());
    for _ in 0..600 {
        folder = open_folder(&folder, c"ten-letter").unwrap();
    }
    open_folder(&folder, c"bottom").unwrap();
    let number = |name: &str| statat(&folder, name, AtFlags::empty()).unwrap().st_ino;
    assert_eq!(number("inside"), number("twin"));
    assert_eq!(statat(&folder, "outside", AtFlags::empty()).unwrap().st_nlink, 1);
    let names: Vec<_> = fs::read_dir(to.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["ten-letter"], "what links were made by is gone");
}

#[test]
fn a_folder_that_is_moved_away_meanwhile_ends_the_copy() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let wanted = identity(&fstat(open(folder.path())).unwrap());
    assert!(same_folder(open(folder.path()), wanted).is_ok());
    let error = same_folder(open(other.path()), wanted).unwrap_err();
    assert!(error.to_string().contains("moved"), "{error}");
}

#[test]
fn a_copy_that_nobody_wants_any_more_ends_and_says_where() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(from.path().join("file"), "content").unwrap();
    let error = copy(
        open(from.path()),
        open(to.path()),
        &AtomicBool::new(true),
        &|_| Ok(()),
    )
    .unwrap_err();
    assert_eq!(error.source.kind(), io::ErrorKind::Interrupted);
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_written_is_told_by_its_place_in_the_tree() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(from.path().join("folder")).unwrap();
    fs::write(from.path().join("folder/file"), "content").unwrap();
    // The target was promised to be empty, and is not.
    fs::create_dir(to.path().join("folder")).unwrap();
    let error = copy(
        open(from.path()),
        open(to.path()),
        &AtomicBool::new(false),
        &|_| Ok(()),
    )
    .unwrap_err();
    assert_eq!(error.entry, Path::new("folder"));
    assert_eq!(error.source.kind(), io::ErrorKind::AlreadyExists);
}
