//! From the bytes of an archive to those of its entries, in buffers of one size.

use std::io::{self, Read, Seek, SeekFrom};

use zip::ZipArchive;
use zip::read::{ArchiveOffset, Config};

use super::bytes::io_error;
use super::digest::{Digest, Hasher};
use super::error::PackageError;
use super::inflate::Content;
use super::limits::Limits;
use super::member::Member;

/// Bytes in memory at a time, whatever a package unpacks to.
const BUFFER: usize = 64 * 1024;

/// Reads the file once, to know its size and digest, and shows it to `sink`. The size that a reader
/// reports is not trusted.
pub(super) fn weigh<R: Read + Seek>(
    reader: &mut R,
    limits: &Limits,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<(u64, Digest), PackageError> {
    reader
        .seek(SeekFrom::Start(0))
        .map_err(io_error("seek in the package"))?;
    let limit = limits.zip_bytes();
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; BUFFER];
    let mut size = 0_u64;
    loop {
        let length = read_some(reader, &mut buffer).map_err(io_error("read the package"))?;
        let bytes = buffer.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            return Ok((size, hasher.finish()));
        }
        size += u64::try_from(length).unwrap_or(u64::MAX);
        if size > limit {
            return Err(PackageError::TooLarge { limit });
        }
        hasher.update(bytes);
        sink(bytes);
    }
}

fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Refuses by the sizes in the directory, before anything is unpacked. A content larger than its
/// size in the directory is refused while it is read, so these sizes bound the work.
pub(super) fn check_told_sizes(members: &[Member], limits: &Limits) -> Result<(), PackageError> {
    let mut total = 0_u64;
    for member in members {
        total = total.saturating_add(member.unpacked);
        if total > limits.unpacked_bytes() {
            return Err(PackageError::UnpackedTooLarge {
                name: member.name.clone(),
                limit: limits.unpacked_bytes(),
            });
        }
    }
    Ok(())
}

/// Opens the archive with the library, which must see the same entries.
pub(super) fn archive<R: Read + Seek>(reader: R, members: &[Member]) -> Result<ZipArchive<R>, PackageError> {
    let ambiguous = |what| PackageError::Ambiguous { what };
    let config = Config {
        archive_offset: ArchiveOffset::Known(0),
    };
    let archive = ZipArchive::with_config(config, reader)
        .map_err(|_| ambiguous("the archive library finds no directory in it"))?;
    if archive.len() != members.len() {
        return Err(ambiguous("the archive library finds another number of entries"));
    }
    let same = |(raw, member): (&[u8], &Member)| {
        let plain = if member.folder {
            raw.strip_suffix(b"/")
        } else {
            Some(raw)
        };
        plain == Some(member.name.as_bytes())
    };
    if !archive.file_names_raw().zip(members).all(same) {
        return Err(ambiguous("the archive library finds other names"));
    }
    Ok(archive)
}

/// Unpacks one entry into `sink`, a buffer at a time, and checks its size and checksum.
pub(super) fn unpack<R: Read + Seek, E: From<PackageError>>(
    archive: &mut ZipArchive<R>,
    index: usize,
    member: &Member,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<Digest, E> {
    let name = || member.name.clone();
    let wrong_size = || PackageError::Size {
        name: member.name.clone(),
        told: member.unpacked,
    };
    let ambiguous = |_| PackageError::Ambiguous {
        what: "the archive library does not find an entry",
    };
    let raw = archive.by_index_raw(index).map_err(ambiguous)?;
    let mut content = Content::new(raw, member);
    let mut hasher = Hasher::default();
    let mut checksum = crc32fast::Hasher::new();
    let mut buffer = vec![0; BUFFER];
    let mut size = 0_u64;
    loop {
        let length = read_some(&mut content, &mut buffer).map_err(|source| PackageError::Damaged {
            name: member.name.clone(),
            source,
        })?;
        let bytes = buffer.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        size += u64::try_from(length).unwrap_or(u64::MAX);
        if size > member.unpacked {
            return Err(wrong_size().into());
        }
        hasher.update(bytes);
        checksum.update(bytes);
        sink(bytes)?;
    }
    if size != member.unpacked {
        return Err(wrong_size().into());
    }
    // Bytes that unpack to nothing would stay hidden from everybody who unpacks the entry.
    let bytes = member.packed.saturating_sub(content.packed());
    if bytes > 0 {
        return Err(PackageError::Hidden {
            name: member.name.clone(),
            bytes,
        }
        .into());
    }
    if checksum.finalize() != member.checksum {
        return Err(PackageError::Checksum { name: name() }.into());
    }
    Ok(hasher.finish())
}
