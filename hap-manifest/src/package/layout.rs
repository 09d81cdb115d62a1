//! The directory of an archive, read by hand and to the byte.
//!
//! Libraries are made to open as much as possible: they search for the directory, keep the last of
//! two entries of one name, and pass over what lies between. Each of these lets a package show one
//! content to a checker and another to a user. So the records are read here first, and only one way
//! to write them is accepted.

use std::io::{Read, Seek};

use super::bytes::{Record, read_at};
use super::error::PackageError;
use super::limits::Limits;
use super::member::{DESCRIPTOR, Member};
use super::{local, name, tree};

/// Length of the record at the end of an archive without a comment.
const END_LEN: u64 = 22;
const END: &[u8] = b"PK\x05\x06";
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
/// Longest comment that may follow the end record.
const MAX_COMMENT: u64 = 65_535;
/// Most bytes of the directory for each allowed entry: the record, a long name, times and owners.
const BYTES_PER_ENTRY: u64 = 512;

const ENCRYPTED: u16 = 1 << 0 | 1 << 6 | 1 << 13;
const UTF8: u16 = 1 << 11;
/// How hard the compressor tried; ignored.
const EFFORT: u16 = 1 << 1 | 1 << 2;

const ZIP64_FIELD: u16 = 0x0001;

/// Where the directory lies.
struct End {
    entries: usize,
    directory: u64,
    directory_len: u64,
}

/// Reads the entries of an archive of `size` bytes, in the order of its directory.
pub(super) fn read<R: Read + Seek>(
    reader: &mut R,
    size: u64,
    limits: &Limits,
) -> Result<Vec<Member>, PackageError> {
    let end = end(reader, size)?;
    if end.entries > limits.entries() {
        return Err(PackageError::TooManyEntries {
            found: end.entries,
            limit: limits.entries(),
        });
    }
    let limit = BYTES_PER_ENTRY.saturating_mul(u64::try_from(limits.entries()).unwrap_or(u64::MAX));
    let too_large = PackageError::DirectoryTooLarge {
        found: end.directory_len,
        limit,
    };
    let Ok(length) = usize::try_from(end.directory_len) else {
        return Err(too_large);
    };
    if end.directory_len > limit {
        return Err(too_large);
    }
    let bytes = read_at(reader, end.directory, length)?;
    let mut record = Record::new(&bytes);
    let mut members = Vec::with_capacity(end.entries);
    while !record.is_empty() {
        // The entries are counted, since the number at the end can be forged.
        if members.len() == limits.entries() {
            return Err(PackageError::TooManyEntries {
                found: members.len() + 1,
                limit: limits.entries(),
            });
        }
        let index = members.len();
        let fields = fields(&mut record).ok_or(PackageError::Directory { index })?;
        members.push(fields.member()?);
    }
    if members.len() != end.entries {
        return Err(PackageError::EntryCount {
            found: members.len(),
            told: end.entries,
        });
    }
    tree::check(&members)?;
    local::check(reader, &members, end.directory)?;
    Ok(members)
}

fn end<R: Read + Seek>(reader: &mut R, size: u64) -> Result<End, PackageError> {
    let at = size.checked_sub(END_LEN).ok_or(PackageError::NotZip)?;
    let bytes = read_at(reader, at, 22)?;
    let mut record = Record::new(&bytes);
    if record.take(4) != Some(END) {
        return Err(misplaced_end(reader, size)?);
    }
    let (
        Some(disk),
        Some(directory_disk),
        Some(on_disk),
        Some(entries),
        Some(length),
        Some(offset),
        Some(comment),
    ) = (
        record.u16(),
        record.u16(),
        record.u16(),
        record.u16(),
        record.u32(),
        record.u32(),
        record.u16(),
    )
    else {
        return Err(PackageError::NotZip);
    };
    if [disk, directory_disk, on_disk, entries].contains(&u16::MAX) || [length, offset].contains(&u32::MAX) {
        return Err(PackageError::Zip64);
    }
    if disk != 0 || directory_disk != 0 || on_disk != entries {
        return Err(PackageError::MultiPart);
    }
    if comment != 0 {
        return Err(PackageError::Truncated);
    }
    let (directory, directory_len) = (u64::from(offset), u64::from(length));
    match at.checked_sub(directory + directory_len) {
        // If the directory lies further back than its offset says, so does everything else.
        Some(bytes) if bytes > 0 => Err(PackageError::Prefix { bytes }),
        Some(_) => Ok(End {
            entries: usize::from(entries),
            directory,
            directory_len,
        }),
        None => Err(PackageError::Truncated),
    }
}

/// Explains what is wrong with a file that does not end with an end record.
fn misplaced_end<R: Read + Seek>(reader: &mut R, size: u64) -> Result<PackageError, PackageError> {
    let from = size.saturating_sub(END_LEN + MAX_COMMENT);
    // At most 65,557 bytes.
    let tail = read_at(reader, from, usize::try_from(size - from).unwrap_or_default())?;
    if let Some(at) = tail.windows(END.len()).rposition(|window| window == END) {
        let behind = u64::try_from(tail.len() - at)
            .unwrap_or_default()
            .checked_sub(END_LEN);
        return Ok(match behind {
            Some(bytes) => PackageError::Trailing { bytes },
            None => PackageError::Truncated,
        });
    }
    let head = read_at(reader, 0, LOCAL.len())?;
    Ok(if head == LOCAL {
        PackageError::Truncated
    } else {
        PackageError::NotZip
    })
}

/// A record of the directory, as it is stored.
struct Fields<'b> {
    flags: u16,
    method: u16,
    checksum: u32,
    packed: u32,
    unpacked: u32,
    name: &'b [u8],
    extra: &'b [u8],
    disk: u16,
    mode: u32,
    offset: u32,
}

fn fields<'b>(record: &mut Record<'b>) -> Option<Fields<'b>> {
    if record.take(4)? != CENTRAL {
        return None;
    }
    let _versions = record.take(4)?;
    let flags = record.u16()?;
    let method = record.u16()?;
    let _modified = record.take(4)?;
    let checksum = record.u32()?;
    let packed = record.u32()?;
    let unpacked = record.u32()?;
    let name_len = record.u16()?;
    let extra_len = record.u16()?;
    let comment_len = record.u16()?;
    let disk = record.u16()?;
    let _internal = record.u16()?;
    let mode = record.u32()? >> 16;
    let offset = record.u32()?;
    let name = record.take(usize::from(name_len))?;
    let extra = record.take(usize::from(extra_len))?;
    let _comment = record.take(usize::from(comment_len))?;
    Some(Fields {
        flags,
        method,
        checksum,
        packed,
        unpacked,
        name,
        extra,
        disk,
        mode,
        offset,
    })
}

impl Fields<'_> {
    fn member(&self) -> Result<Member, PackageError> {
        let (path, folder) = match self.name.strip_suffix(b"/") {
            Some(path) => (path, true),
            None => (self.name, false),
        };
        let shown = || String::from_utf8_lossy(self.name).into_owned();
        let checked = name::check(path, self.flags & UTF8 != 0);
        let name = checked.map_err(|rule| PackageError::Name { name: shown(), rule })?;
        let name = name.to_owned();
        if self.flags & ENCRYPTED != 0 {
            return Err(PackageError::Encrypted { name });
        }
        let flags = self.flags & !(ENCRYPTED | DESCRIPTOR | UTF8 | EFFORT);
        if flags != 0 {
            return Err(PackageError::Features { name, flags });
        }
        if !matches!(self.method, 0 | 8) {
            return Err(PackageError::Method {
                name,
                method: self.method,
            });
        }
        match (self.mode & 0o170_000, folder) {
            // Archives made on Windows have no mode.
            (0, _) | (0o100_000, false) | (0o040_000, true) => {}
            (0o120_000, _) => return Err(PackageError::Link { name }),
            _ => return Err(PackageError::Special { name }),
        }
        if folder && self.unpacked != 0 {
            return Err(PackageError::FolderContent { name });
        }
        let saturated = [self.packed, self.unpacked, self.offset].contains(&u32::MAX);
        if saturated || has_field(self.extra, ZIP64_FIELD) {
            return Err(PackageError::Zip64);
        }
        if self.disk != 0 {
            return Err(PackageError::MultiPart);
        }
        if self.method == 0 && self.packed != self.unpacked {
            return Err(PackageError::Size {
                name,
                told: self.unpacked.into(),
            });
        }
        Ok(Member {
            name,
            folder,
            executable: !folder && self.mode & 0o111 != 0,
            flags: self.flags,
            method: self.method,
            checksum: self.checksum,
            packed: self.packed.into(),
            unpacked: self.unpacked.into(),
            offset: self.offset.into(),
        })
    }
}

fn has_field(extra: &[u8], wanted: u16) -> bool {
    let mut record = Record::new(extra);
    while let (Some(id), Some(length)) = (record.u16(), record.u16()) {
        if id == wanted {
            return true;
        }
        if record.take(usize::from(length)).is_none() {
            return false;
        }
    }
    false
}
