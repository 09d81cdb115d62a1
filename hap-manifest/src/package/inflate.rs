//! [`Content`]: from the stored bytes of an entry to those they stand for.

use std::io::{self, Read};

use flate2::read::DeflateDecoder;

use super::member::Member;

/// Reads the content of one entry, and counts the stored bytes that it consumes.
pub(super) enum Content<R> {
    Stored(R, u64),
    Deflated(DeflateDecoder<R>),
}

impl<R: Read> Content<R> {
    /// `stored` are the bytes of the entry in the archive.
    pub(super) fn new(stored: R, member: &Member) -> Self {
        match member.method {
            0 => Self::Stored(stored, 0),
            // The directory has no other methods.
            _ => Self::Deflated(DeflateDecoder::new(stored)),
        }
    }

    /// Returns how many stored bytes were consumed so far.
    pub(super) fn packed(&self) -> u64 {
        match self {
            Self::Stored(_, count) => *count,
            Self::Deflated(decoder) => decoder.total_in(),
        }
    }
}

impl<R: Read> Read for Content<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(stored, count) => {
                let length = stored.read(buffer)?;
                *count += u64::try_from(length).unwrap_or(u64::MAX);
                Ok(length)
            }
            Self::Deflated(decoder) => decoder.read(buffer),
        }
    }
}
