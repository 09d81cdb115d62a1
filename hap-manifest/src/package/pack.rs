//! [`pack`].

use std::fs::{self, File};
use std::io::{self, Cursor, Read as _, Write as _};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use super::error::PackageError;
use super::files::IGNORE_FILE;
use super::ignore::IgnoreRules;
use super::limits::Limits;
use super::options::PackOptions;
use super::pack_error::PackError;
use super::reader::Package;
use super::secrets::look_of;
use super::walk::{Found, read_error, walk};

/// Fixed, so that the same tree gives the same bytes.
const LEVEL: i64 = 6;
/// Most bytes of an ignore file.
const MAX_IGNORE_FILE: u64 = 128 * 1024;

/// Packs a folder.
///
/// The same tree gives the same bytes, on every machine and at any time: files are sorted by name,
/// times are fixed, and of the modes only the permission to execute is kept. Folders without files
/// are left out, and so is what `.hapignore` lists and what no package needs, such as `.git` and
/// `target/`.
///
/// The result was read as by [`Package::open`], so a reader accepts whatever is packed.
/// [`Package::into_bytes`] gives the bytes to write to a file.
///
/// # Errors
/// Refuses links and special files, what looks like a secret and was not allowed, names and sizes
/// that a package cannot have, and a folder that lacks the manifest, the `Dockerfile` or the
/// `README.md`.
pub fn pack(folder: &Path, options: &PackOptions) -> Result<Package<Cursor<Vec<u8>>>, PackError> {
    let rules = ignore_rules(folder)?;
    let files = walk(folder, &rules, &options.limits)?;
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut room = options.limits.unpacked_bytes();
    for file in &files {
        let content = content(file, room, &options.limits)?;
        room = room.saturating_sub(u64::try_from(content.len()).unwrap_or(u64::MAX));
        if let Some(reason) = look_of(&file.name, &content)
            && !options.allowed.contains(&file.name)
        {
            return Err(PackError::Secret {
                name: file.name.clone(),
                reason,
            });
        }
        let write = zip
            .start_file(file.name.as_str(), file_options(file.executable))
            .map_err(Into::into)
            .and_then(|()| zip.write_all(&content));
        write.map_err(|source| PackError::Write {
            name: file.name.clone(),
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
    Ok(Package::open_within(bytes, &options.limits)?)
}

fn ignore_rules(folder: &Path) -> Result<IgnoreRules, PackError> {
    let path = folder.join(IGNORE_FILE);
    let metadata = fs::symlink_metadata(&path);
    if metadata.as_ref().is_ok_and(|metadata| !metadata.is_file()) {
        return Err(PackError::Special {
            name: IGNORE_FILE.to_owned(),
        });
    }
    let text = match metadata.and_then(|_| File::open(&path)) {
        Ok(file) => {
            let mut bytes = Vec::new();
            file.take(MAX_IGNORE_FILE + 1)
                .read_to_end(&mut bytes)
                .map_err(read_error(&path))?;
            if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_IGNORE_FILE {
                return Err(PackError::IgnoreFile {
                    rule: "has more than 128 KiB, the most that is allowed",
                });
            }
            String::from_utf8(bytes).map_err(|_| PackError::IgnoreFile { rule: "is not UTF-8" })?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(read_error(&path)(error)),
    };
    IgnoreRules::parse(&text)
}

/// Returns the content of a file that takes no more than the room that is left.
fn content(file: &Found, room: u64, limits: &Limits) -> Result<Vec<u8>, PackError> {
    let too_large = || PackError::TooLarge {
        name: file.name.clone(),
        limit: limits.unpacked_bytes(),
    };
    let size = fs::symlink_metadata(&file.path)
        .map_err(read_error(&file.path))?
        .len();
    if size > room {
        return Err(too_large());
    }
    let mut content = Vec::new();
    // One more than fits: a file that grows meanwhile is noticed.
    File::open(&file.path)
        .and_then(|open| open.take(room.saturating_add(1)).read_to_end(&mut content))
        .map_err(read_error(&file.path))?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > room {
        return Err(too_large());
    }
    Ok(content)
}

fn file_options(executable: bool) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .last_modified_time(DateTime::default())
        .system(System::Unix)
        .unix_permissions(if executable { 0o755 } else { 0o644 })
}
