//! [`pack`].

use std::ffi::OsStr;
use std::io::{self, Cursor, Write as _};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use super::content::check_complete;
use super::error::PackageError;
use super::files::IGNORE_FILE;
use super::folder::{EntryKind, OpenFile, OpenFolder};
use super::ignore::IgnoreRules;
use super::limits::Limits;
use super::options::PackOptions;
use super::pack_error::PackError;
use super::reader::Package;
use super::secrets::look_of;
use super::walk::{read_error, walk};

/// Fixed, so that the same tree gives the same bytes.
const LEVEL: i64 = 6;
/// Most bytes of an ignore file.
const MAX_IGNORE_FILE: u64 = 128 * 1024;

/// Packs a folder.
///
/// The same tree gives the same bytes, on every machine and at any time: files are sorted by name,
/// times are fixed, and of the modes only the permission to execute is kept. Folders without files
/// are left out, and so is what `.hapignore` lists and what no package needs, such as `.git`,
/// `target/` and packages of earlier versions.
///
/// The result was read as by [`Package::open`], so a reader accepts whatever is packed.
/// [`Package::into_bytes`] gives the bytes to write to a file.
///
/// # Errors
/// Refuses links and special files, what looks like a secret and was not allowed, names and sizes
/// that a package cannot have, and a folder that lacks the manifest, the `Dockerfile` or the
/// `README.md`.
pub fn pack(folder: &Path, options: &PackOptions) -> Result<Package<Cursor<Vec<u8>>>, PackError> {
    let root = OpenFolder::open(folder).map_err(read_error(folder.to_owned()))?;
    let rules = ignore_rules(&root, folder)?;
    let files = walk(&root, folder, &rules, &options.limits)?;
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut room = options.limits.unpacked_bytes();
    for name in &files {
        let file = root
            .file_below(Path::new(name))
            .map_err(read_error(folder.join(name)))?;
        let executable = file.is_executable();
        let content = content(file, name, folder, room, &options.limits)?;
        room = room.saturating_sub(u64::try_from(content.len()).unwrap_or(u64::MAX));
        if let Some(reason) = look_of(name, &content)
            && !options.allowed.contains(name)
        {
            return Err(PackError::Secret {
                name: name.clone(),
                reason,
            });
        }
        let write = zip
            .start_file(name.as_str(), file_options(executable))
            .map_err(Into::into)
            .and_then(|()| zip.write_all(&content));
        write.map_err(|source| PackError::Write {
            name: name.clone(),
            source,
        })?;
        let written = zip.get_ref().map_or(0, |cursor| cursor.get_ref().len());
        if u64::try_from(written).unwrap_or(u64::MAX) > options.limits.zip_bytes() {
            let limit = options.limits.zip_bytes();
            return Err(PackageError::TooLarge { limit }.into());
        }
    }
    let bytes = zip.finish().map_err(|error| PackError::Write {
        name: "the directory".to_owned(),
        source: error.into(),
    })?;
    let package = Package::open_within(bytes, &options.limits)?;
    check_complete(package.entries(), package.manifest())?;
    Ok(package)
}

pub(super) fn ignore_rules(root: &OpenFolder, folder: &Path) -> Result<IgnoreRules, PackError> {
    let failed = read_error(folder.join(IGNORE_FILE));
    let name = OsStr::new(IGNORE_FILE);
    let text = match root.kind(name) {
        Ok(EntryKind::File) => {
            let file = root.file(name).map_err(&failed)?;
            let bytes = file.read(MAX_IGNORE_FILE).map_err(&failed)?;
            let bytes = bytes.ok_or(PackError::IgnoreFile {
                rule: "has more than 128 KiB, the most that is allowed",
            })?;
            String::from_utf8(bytes).map_err(|_| PackError::IgnoreFile { rule: "is not UTF-8" })?
        }
        Ok(_) => {
            return Err(PackError::Special {
                name: IGNORE_FILE.to_owned(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    IgnoreRules::parse(&text)
}

/// Returns the content of a file that takes no more than the room that is left.
fn content(
    file: OpenFile,
    name: &str,
    folder: &Path,
    room: u64,
    limits: &Limits,
) -> Result<Vec<u8>, PackError> {
    let too_large = || PackError::TooLarge {
        name: name.to_owned(),
        limit: limits.unpacked_bytes(),
    };
    if file.size() > room {
        return Err(too_large());
    }
    let content = file.read(room).map_err(read_error(folder.join(name)))?;
    content.ok_or_else(too_large)
}

fn file_options(executable: bool) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .last_modified_time(DateTime::default())
        .system(System::Unix)
        .unix_permissions(if executable { 0o755 } else { 0o644 })
}
