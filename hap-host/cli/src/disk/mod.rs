//! Files that are written whole or not at all.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use tempfile::{Builder, NamedTempFile};

use crate::failure::{Exit, Failure};

/// What happens to a file of that name that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It stays, and nothing is written.
    Keep,
    /// The new one takes its place.
    Replace,
}

/// Writes a file that others may read, so that whoever looks sees all of it or what was there before.
pub(crate) fn write_whole(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), Failure> {
    write(path, bytes, existing, 0o666).map_err(|error| not_written(path, &error))
}

/// Writes a file that nobody else may read, and that is not there yet.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write(path, bytes, Existing::Keep, 0o600).map_err(|error| not_written(path, &error))
}

/// Writes a file that nobody else may read, in place of the one that is there.
pub(crate) fn replace_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write(path, bytes, Existing::Replace, 0o600).map_err(|error| not_written(path, &error))
}

fn write(path: &Path, bytes: &[u8], existing: Existing, mode: u32) -> io::Result<()> {
    let is_stream = |found: &fs::Metadata| !found.is_file() && !found.is_dir();
    if fs::metadata(path).is_ok_and(|found| is_stream(&found)) {
        // Such as /dev/stdout: it has no content to keep whole, and nothing may take its place.
        return File::options().write(true).open(path)?.write_all(bytes);
    }
    // A link stays, and leads to the new content.
    let resolved = fs::canonicalize(path);
    let path = resolved.as_deref().unwrap_or(path);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // In the same folder: only there is a rename one step.
    let mut file: NamedTempFile = Builder::new()
        .prefix(".hap-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match existing {
        Existing::Keep => file.persist_noclobber(path),
        Existing::Replace => file.persist(path),
    }
    .map_err(|error| error.error)?;
    // The name is as durable as the content. Some file systems cannot, and need not.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// Makes a folder that nobody else may look into, and those above it.
pub(crate) fn make_private_folder(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)
        .and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o700)))
        .map_err(|error| not_written(folder, &error))
}

/// Why a file was not written, and what to do.
pub(crate) fn not_written(path: &Path, error: &io::Error) -> Failure {
    let shown = path.display().to_string();
    let shown = shown.escape_debug();
    match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(
            Exit::Conflict,
            "already_there",
            format!("{shown} is there already"),
        )
        .help("give another name with -o, or replace it with --force"),
        io::ErrorKind::NotFound => Failure::new(
            Exit::NotFound,
            "no_such_folder",
            format!("{shown} cannot be written: its folder does not exist"),
        )
        .help("make the folder first"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let message = format!("{shown} cannot be written: the disk is full");
            Failure::new(Exit::Failed, "disk_full", message).help("make room, or name another disk with -o")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            let message = format!("{shown} cannot be written: {error}");
            Failure::new(Exit::Failed, "not_written", message).help("name a folder of your own with -o")
        }
        _ => {
            let message = format!("{shown} cannot be written: {error}");
            Failure::new(Exit::Failed, "not_written", message).help("name another place with -o")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_that_is_there_is_kept_unless_it_is_to_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_whole(&path, b"first", Existing::Keep).unwrap();
        let refused = write_whole(&path, b"second", Existing::Keep).unwrap_err();
        assert_eq!(refused.exit(), Exit::Conflict);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        write_whole(&path, b"second", Existing::Replace).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names(folder.path()), ["a"], "no half file is left");
    }

    #[test]
    fn what_a_link_leads_to_is_replaced_and_a_pipe_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a"), "first").unwrap();
        std::os::unix::fs::symlink("a", at("link")).unwrap();
        write_whole(&at("link"), b"second", Existing::Replace).unwrap();
        assert_eq!(fs::read(at("a")).unwrap(), b"second");
        assert!(at("link").is_symlink());
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        for existing in [Existing::Keep, Existing::Replace] {
            std::thread::scope(|scope| {
                let read = scope.spawn(|| fs::read(at("pipe")).unwrap());
                write_whole(&at("pipe"), b"all of it", existing).unwrap();
                assert_eq!(read.join().unwrap(), b"all of it");
            });
        }
        assert_eq!(names(folder.path()), ["a", "link", "pipe"]);
    }

    #[test]
    fn a_private_file_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_private(&path, b"secret").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(write_private(&path, b"other").unwrap_err().exit(), Exit::Conflict);
    }

    #[test]
    fn what_cannot_be_written_is_said_with_its_name_and_what_to_do() {
        let refused = write_whole(Path::new("/nowhere/at/all"), b"", Existing::Keep).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "/nowhere/at/all cannot be written: its folder does not exist"
        );
        let full = not_written(Path::new("a\u{1b}[2J"), &io::ErrorKind::StorageFull.into());
        assert_eq!(
            full.to_string(),
            "a\\u{1b}[2J cannot be written: the disk is full"
        );
        assert!(full.help_text().is_some());
    }
}
