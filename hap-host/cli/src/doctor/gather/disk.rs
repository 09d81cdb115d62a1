//! File systems.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::super::facts::Disk;

/// Looks at the file system of a path, or of the nearest folder above it that is there.
pub(super) fn of(path: &Path) -> Result<Disk, String> {
    let found = nearest(path).ok_or_else(|| format!("nothing of {} is there", path.display()))?;
    let found = found
        .canonicalize()
        .map_err(|error| format!("{} is not found: {error}", found.display()))?;
    let told = rustix::fs::statvfs(&found)
        .map_err(|error| format!("{} is not measured: {error}", found.display()))?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let (mount, kind) = mount(&mounts, &found).unwrap_or_else(|| (PathBuf::from("/"), "unknown".to_owned()));
    Ok(Disk {
        mount,
        kind,
        is_read_only: told.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
        free: told.f_bavail.saturating_mul(told.f_frsize),
        free_files: told.f_favail,
        files: told.f_files,
    })
}

/// The nearest part of a path that is there.
pub(super) fn nearest(path: &Path) -> Option<&Path> {
    path.ancestors().find(|path| path.exists())
}

/// Where the file system of a path is mounted, and its kind.
fn mount(table: &str, path: &Path) -> Option<(PathBuf, String)> {
    let mounts = table.lines().filter_map(|line| {
        let (here, there) = line.split_once(" - ")?;
        let point = PathBuf::from(unescaped(here.split(' ').nth(4)?));
        Some((point, there.split(' ').next()?.to_owned()))
    });
    // Of those at one place the last is seen.
    mounts
        .filter(|(point, _)| path.starts_with(point))
        .max_by_key(|(point, _)| point.iter().count())
}

/// The kernel writes a space as `\040`.
fn unescaped(text: &str) -> String {
    let known = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    known
        .iter()
        .fold(text.to_owned(), |text, (code, meant)| text.replace(code, meant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_of_a_path_is_found() {
        let table = "21 1 254:0 / / rw - ext4 /dev/vda rw\n\
                     22 21 0:20 / /var/lib/my\\040home rw shared:3 - tmpfs tmpfs rw\n\
                     23 21 0:21 / /var rw - xfs /dev/vdb rw\n\
                     24 23 0:22 / /var ro - tmpfs over rw\n";
        let kind = |path: &str| mount(table, Path::new(path)).map(|(_, kind)| kind);
        assert_eq!(kind("/home/x").as_deref(), Some("ext4"));
        assert_eq!(kind("/var/lib/my home/hap").as_deref(), Some("tmpfs"));
        assert_eq!(kind("/var/lib").as_deref(), Some("tmpfs"));
        assert_eq!(kind("/variable").as_deref(), Some("ext4"));
    }
}
