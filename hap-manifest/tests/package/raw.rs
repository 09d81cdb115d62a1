//! Archives written byte by byte, so that each can be wrong in one place.

/// An entry: what stands in its records, true or not.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) name: Vec<u8>,
    pub(crate) local_name: Vec<u8>,
    pub(crate) stored: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) flags: u16,
    pub(crate) local_flags: u16,
    pub(crate) mode: u32,
    /// Who wrote it, and which version it takes to read it.
    pub(crate) made_by: u16,
    pub(crate) needed: u16,
    /// The attributes of DOS, below those of Unix.
    pub(crate) dos: u32,
    pub(crate) checksum: u32,
    pub(crate) packed: u32,
    pub(crate) unpacked: u32,
    pub(crate) extra: Vec<u8>,
    pub(crate) local_extra: Vec<u8>,
    /// Checksum and sizes before the content, where they are others than in the directory. With numbers
    /// behind the content they are zero.
    pub(crate) local_numbers: Option<[u32; 3]>,
    /// Numbers behind the content: length of the mark, which is none or four bytes.
    pub(crate) descriptor: Option<Vec<u8>>,
    /// Bytes between this entry and the next.
    pub(crate) gap: Vec<u8>,
    /// Where the directory says it lies, if that is a lie.
    pub(crate) offset: Option<u32>,
}

impl Raw {
    pub(crate) fn new(name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        let size = u32::try_from(content.len()).unwrap();
        Self {
            name: name.as_ref().to_vec(),
            local_name: name.as_ref().to_vec(),
            stored: content.to_vec(),
            method: 0,
            flags: 0,
            local_flags: 0,
            mode: 0o100_644,
            made_by: 0x0314,
            needed: 20,
            dos: 0,
            checksum: crc32fast::hash(content),
            packed: size,
            unpacked: size,
            extra: Vec::new(),
            local_extra: Vec::new(),
            local_numbers: None,
            descriptor: None,
            gap: Vec::new(),
            offset: None,
        }
    }

    pub(crate) fn folder(name: &str) -> Self {
        Self {
            mode: 0o040_755,
            ..Self::new(name, b"")
        }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn with_flags(self, flags: u16) -> Self {
        self.with(|raw| (raw.flags, raw.local_flags) = (flags, flags))
    }

    fn numbers(&self) -> Vec<u8> {
        [self.checksum, self.packed, self.unpacked]
            .map(u32::to_le_bytes)
            .concat()
    }

    fn local(&self) -> Vec<u8> {
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.extend(self.needed.to_le_bytes());
        bytes.extend(self.local_flags.to_le_bytes());
        bytes.extend(self.method.to_le_bytes());
        bytes.extend([0, 0, 0x21, 0]);
        bytes.extend(match self.local_numbers {
            Some(numbers) => numbers.map(u32::to_le_bytes).concat(),
            None if self.descriptor.is_some() => vec![0; 12],
            None => self.numbers(),
        });
        bytes.extend(length(&self.local_name));
        bytes.extend(length(&self.local_extra));
        bytes.extend(&self.local_name);
        bytes.extend(&self.local_extra);
        bytes.extend(&self.stored);
        if let Some(mark) = &self.descriptor {
            bytes.extend(mark);
            bytes.extend(self.numbers());
        }
        bytes.extend(&self.gap);
        bytes
    }

    fn central(&self, offset: u32) -> Vec<u8> {
        let mut bytes = b"PK\x01\x02".to_vec();
        bytes.extend(self.made_by.to_le_bytes());
        bytes.extend(self.needed.to_le_bytes());
        bytes.extend(self.flags.to_le_bytes());
        bytes.extend(self.method.to_le_bytes());
        bytes.extend([0, 0, 0x21, 0]);
        bytes.extend(self.numbers());
        bytes.extend(length(&self.name));
        bytes.extend(length(&self.extra));
        bytes.extend([0; 6]);
        bytes.extend((self.mode << 16 | self.dos).to_le_bytes());
        bytes.extend(self.offset.unwrap_or(offset).to_le_bytes());
        bytes.extend(&self.name);
        bytes.extend(&self.extra);
        bytes
    }
}

fn length(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap().to_le_bytes()
}

pub(crate) const MANIFEST: &str = r#"{"id": "light", "name": "Light", "version": "1.0.0", "description": "", "author": "", "image": "example/light:1"}"#;

/// What every package has.
pub(crate) fn needed() -> Vec<Raw> {
    vec![
        Raw::new("manifest.json", MANIFEST.as_bytes()),
        Raw::new("Dockerfile", b"FROM scratch\n"),
        Raw::new("README.md", b"# Light\n"),
    ]
}

/// An archive of what every package has and more.
pub(crate) fn with(more: impl IntoIterator<Item = Raw>) -> Vec<u8> {
    let mut entries = needed();
    entries.extend(more);
    archive(&entries)
}

pub(crate) fn archive(entries: &[Raw]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        directory.extend(entry.central(u32::try_from(bytes.len()).unwrap()));
        bytes.extend(entry.local());
    }
    let at = bytes.len();
    bytes.extend(&directory);
    bytes.extend(end(entries.len(), directory.len(), at));
    bytes
}

pub(crate) fn end(entries: usize, directory_len: usize, directory: usize) -> Vec<u8> {
    let count = u16::try_from(entries).unwrap().to_le_bytes();
    let mut bytes = b"PK\x05\x06\0\0\0\0".to_vec();
    bytes.extend([count, count].concat());
    bytes.extend(u32::try_from(directory_len).unwrap().to_le_bytes());
    bytes.extend(u32::try_from(directory).unwrap().to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

/// A content of zeros as deflate writes it.
pub(crate) fn deflated_zeros(size: usize) -> Vec<u8> {
    deflated(&vec![0; size])
}

/// A content as deflate writes it, cut out of an archive of the library.
pub(crate) fn deflated(content: &[u8]) -> Vec<u8> {
    use std::io::{Cursor, Write as _};

    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_level(Some(9));
    zip.start_file("x", options).unwrap();
    zip.write_all(content).unwrap();
    let bytes = zip.finish().unwrap().into_inner();
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut packed = Vec::new();
    std::io::Read::read_to_end(&mut archive.by_index_raw(0).unwrap(), &mut packed).unwrap();
    packed
}
