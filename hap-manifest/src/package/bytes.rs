//! Reading the records of an archive: little-endian numbers from a slice, ranges from a reader.

use std::io::{self, Read, Seek, SeekFrom};

use super::error::PackageError;

/// Takes fields off the front of a record; `None` once it has too few bytes.
#[derive(Debug)]
pub(super) struct Record<'b>(&'b [u8]);

impl<'b> Record<'b> {
    pub(super) const fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }
}

pub(super) fn io_error(op: &'static str) -> impl FnOnce(io::Error) -> PackageError {
    move |source| PackageError::Io { op, source }
}

/// Reads exactly `length` bytes at `offset`. The caller bounds `length`.
pub(super) fn read_at<R: Read + Seek>(
    reader: &mut R,
    offset: u64,
    length: usize,
) -> Result<Vec<u8>, PackageError> {
    let mut bytes = vec![0; length];
    reader
        .seek(SeekFrom::Start(offset))
        .map_err(io_error("seek in the package"))?;
    match reader.read_exact(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(PackageError::Truncated),
        Err(error) => Err(io_error("read the package")(error)),
    }
}
