//! Everything that can be told of the files in a volume.

use std::{
    ffi::CString,
    fmt::Write as _,
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, lgetxattr, llistxattr, lsetxattr,
    mknodat, utimensat,
};
use sha2::{Digest, Sha256};

/// What a tree of files is, an entry a line: path, kind, mode, owner, time of its last change, links, attributes and
/// content. Two of them that are equal are of trees that nobody can tell apart.
#[derive(Clone, PartialEq, Eq)]
pub struct Tree(Vec<String>);

impl Tree {
    /// Looks at the folder `root` and everything in it, without following links.
    ///
    /// # Errors
    /// What kept it from being read.
    pub fn of(root: &Path) -> io::Result<Self> {
        let mut paths = vec![root.to_owned()];
        let mut next = 0;
        while let Some(path) = paths.get(next).cloned() {
            next += 1;
            if fs::symlink_metadata(&path)?.is_dir() {
                for entry in fs::read_dir(path)? {
                    paths.push(entry?.path());
                }
            }
        }
        paths.sort();
        let lines = paths.iter().map(|path| describe(root, path));
        Ok(Self(lines.collect::<io::Result<_>>()?))
    }

    /// What a tree becomes on its way through an engine: of its times the whole seconds are left, of its attributes a
    /// program's capabilities.
    #[must_use]
    pub fn through_an_engine(&self) -> Self {
        let coarse = |line: &String| {
            let kept = line
                .split(' ')
                .filter(|word| !word.starts_with("user.") && !word.starts_with("system."));
            let kept = kept.map(|word| match word.strip_prefix("at=") {
                Some(time) => format!("at={}", time.split('.').next().unwrap_or_default()),
                None => word.to_owned(),
            });
            kept.collect::<Vec<_>>().join(" ")
        };
        Self(self.0.iter().map(coarse).collect())
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing, not even a root.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Tree {
    /// Prints an entry a line, so that a failed comparison can be read.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\n")?;
        for line in &self.0 {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

fn describe(root: &Path, path: &Path) -> io::Result<String> {
    let stat = fs::symlink_metadata(path)?;
    let mut line = format!("{:?} {:?}", path.strip_prefix(root).unwrap_or(path), kind(&stat));
    let _ = write!(
        line,
        " mode={:o} owner={}:{} at={}.{:09}",
        stat.mode() & 0o7777,
        stat.uid(),
        stat.gid(),
        stat.mtime(),
        stat.mtime_nsec()
    );
    if !stat.is_dir() {
        let _ = write!(line, " links={} size={}", stat.nlink(), stat.size());
    }
    for (name, value) in attributes(path)? {
        let _ = write!(line, " {name}={}", hex(&value));
    }
    if stat.is_symlink() {
        let _ = write!(line, " to={:?}", fs::read_link(path)?);
    } else if stat.is_file() {
        let _ = write!(line, " content={}", hex(&Sha256::digest(fs::read(path)?)));
    }
    Ok(line)
}

fn kind(stat: &fs::Metadata) -> &'static str {
    let kind = stat.file_type();
    match () {
        () if kind.is_dir() => "folder",
        () if kind.is_file() => "file",
        () if kind.is_symlink() => "link",
        () if kind.is_fifo() => "pipe",
        () if kind.is_socket() => "socket",
        () => "device",
    }
}

fn attributes(path: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut buffer = vec![0; 64 << 10];
    let length = match llistxattr(path, &mut buffer[..]) {
        Err(rustix::io::Errno::NOTSUP) => 0,
        listed => listed?,
    };
    let mut all = Vec::new();
    for name in buffer.get(..length).unwrap_or_default().split(|byte| *byte == 0) {
        if name.is_empty() {
            continue;
        }
        let mut value = vec![0; 64 << 10];
        let length = lgetxattr(path, CString::new(name)?.as_c_str(), &mut value[..])?;
        value.truncate(length);
        all.push((String::from_utf8_lossy(name).into_owned(), value));
    }
    all.sort();
    Ok(all)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Puts one of everything into a folder that belongs to `owner` and is closed to others, beside what is there.
///
/// # Errors
/// What could not be made. All of it takes root.
pub fn dress(root: &Path, owner: (u32, u32)) -> io::Result<()> {
    let at = |name: &str| -> PathBuf { root.join(name) };
    let owned = |name: &str, owner: (u32, u32)| chown(at(name), Some(owner.0), Some(owner.1));
    fs::create_dir_all(at("deep/er"))?;
    fs::write(at("deep/file"), "content")?;
    fs::write(at("empty"), "")?;
    fs::write(at("of another"), "x")?;
    fs::hard_link(at("deep/file"), at("twin"))?;
    symlink("/etc/passwd", at("out"))?;
    symlink("nowhere", at("deep/dangling"))?;
    symlink("../../../../../above", at("deep/up"))?;
    mknodat(CWD, at("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0)?;
    for name in ["deep", "deep/er", "deep/file", "empty", "pipe"] {
        owned(name, owner)?;
    }
    owned("of another", (4242, 4343))?;
    std::os::unix::fs::lchown(at("out"), Some(4242), Some(owner.1))?;
    for (name, mode) in [
        ("empty", 0o4500),
        ("deep/file", 0o751),
        ("deep/er", 0o2710),
        ("deep", 0o1770),
        ("", 0o750),
    ] {
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode))?;
    }
    let set = |name: &str, attribute: &str, value: &[u8]| {
        lsetxattr(at(name), attribute, value, XattrFlags::empty())
    };
    set("deep/file", "user.colour", b"green")?;
    set("deep", "user.colour", b"blue")?;
    set("", "user.root", b"it has one too")?;
    // What `setcap cap_net_raw+ep` writes.
    let capability = [1_u32 | 2 << 24, 1 << 13, 0, 0, 0].map(u32::to_le_bytes).concat();
    set("of another", "security.capability", &capability)?;
    // The innermost first: what is made in a folder changes it.
    let names = [
        "deep/file",
        "deep/dangling",
        "deep/er",
        "deep",
        "out",
        "pipe",
        "empty",
        "",
    ];
    for (index, name) in names.iter().enumerate() {
        let time = |tv_sec| Timespec {
            tv_sec,
            tv_nsec: 123_456_789,
        };
        let seconds = 1_000_000_000 + i64::try_from(index).unwrap_or_default();
        let times = Timestamps {
            last_access: time(seconds),
            last_modification: time(seconds - 7),
        };
        utimensat(CWD, at(name), &times, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}
