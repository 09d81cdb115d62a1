//! The records before and after each content: they must repeat the directory and leave no gap in
//! the file.

use std::io::{Read, Seek};

use super::bytes::{Record, read_at};
use super::error::PackageError;
use super::member::{DESCRIPTOR, Member};

const LOCAL: &[u8] = b"PK\x03\x04";
const DESCRIPTOR_MARK: &[u8] = b"PK\x07\x08";
const HEADER_LEN: u64 = 30;

/// Checks that the entries follow each other without a gap, from the first byte to the directory.
pub(super) fn check<R: Read + Seek>(
    reader: &mut R,
    members: &[Member],
    directory: u64,
) -> Result<(), PackageError> {
    let mut ordered: Vec<&Member> = members.iter().collect();
    ordered.sort_by_key(|member| member.offset);
    let bytes = ordered.first().map_or(directory, |first| first.offset);
    if bytes > 0 {
        return Err(PackageError::Prefix { bytes });
    }
    for (index, member) in ordered.iter().enumerate() {
        let next = ordered.get(index + 1);
        let until = next.map_or(directory, |next| next.offset);
        let content_end = header(reader, member, directory)?;
        let overlap = || match next {
            Some(next) => PackageError::Overlap {
                name: next.name.clone(),
                other: member.name.clone(),
            },
            None => PackageError::Overlap {
                name: member.name.clone(),
                other: "the directory".to_owned(),
            },
        };
        let behind = until.checked_sub(content_end).ok_or_else(overlap)?;
        if member.flags & DESCRIPTOR != 0 && matches!(behind, 12 | 16) {
            descriptor(reader, member, content_end, behind == 16)?;
        } else if behind > 0 || member.flags & DESCRIPTOR != 0 {
            return Err(PackageError::Gap {
                name: member.name.clone(),
                bytes: behind,
            });
        }
    }
    Ok(())
}

/// Compares the header before a content with the directory, and returns where the content ends.
fn header<R: Read + Seek>(reader: &mut R, member: &Member, directory: u64) -> Result<u64, PackageError> {
    let differs = |field| PackageError::Header {
        name: member.name.clone(),
        field,
    };
    if member.offset.saturating_add(HEADER_LEN) > directory {
        return Err(PackageError::Truncated);
    }
    let bytes = read_at(reader, member.offset, 30)?;
    let mut record = Record::new(&bytes);
    if record.take(4) != Some(LOCAL) {
        return Err(differs("position"));
    }
    let _version = record.u16();
    if record.u16() != Some(member.flags) {
        return Err(differs("set of flags"));
    }
    if record.u16() != Some(member.method) {
        return Err(differs("method"));
    }
    let _modified = record.u32();
    let numbers = [record.u32(), record.u32(), record.u32()].map(|number| number.map(u64::from));
    let told = [member.checksum.into(), member.packed, member.unpacked].map(Some);
    // With a descriptor the numbers follow later (APPNOTE.TXT 4.4.4). Here each is zero, or what the
    // writer knew already: libarchive, which is `tar` on Windows and macOS, knows the size unpacked.
    let follows = member.flags & DESCRIPTOR != 0;
    let fits =
        |(number, told): (&Option<u64>, &Option<u64>)| number == told || (follows && *number == Some(0));
    if !numbers.iter().zip(&told).all(fits) {
        return Err(differs("size or checksum"));
    }
    let (Some(name_len), Some(extra_len)) = (record.u16(), record.u16()) else {
        return Err(PackageError::Truncated);
    };
    let name = read_at(reader, member.offset + HEADER_LEN, usize::from(name_len))?;
    let plain = if member.folder {
        name.strip_suffix(b"/")
    } else {
        Some(name.as_slice())
    };
    if plain != Some(member.name.as_bytes()) {
        return Err(differs("name"));
    }
    Ok(member.offset + HEADER_LEN + u64::from(name_len) + u64::from(extra_len) + member.packed)
}

/// Compares the numbers after a content with the directory.
fn descriptor<R: Read + Seek>(
    reader: &mut R,
    member: &Member,
    at: u64,
    marked: bool,
) -> Result<(), PackageError> {
    let bytes = read_at(reader, at, if marked { 16 } else { 12 })?;
    let mut record = Record::new(&bytes);
    let mark = !marked || record.take(4) == Some(DESCRIPTOR_MARK);
    let numbers = [record.u32(), record.u32(), record.u32()].map(|number| number.map(u64::from));
    if mark && numbers == [member.checksum.into(), member.packed, member.unpacked].map(Some) {
        Ok(())
    } else {
        Err(PackageError::Header {
            name: member.name.clone(),
            field: "size or checksum",
        })
    }
}
