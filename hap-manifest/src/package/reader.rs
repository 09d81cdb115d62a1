//! [`Package`].

use std::io::{Cursor, Read, Seek};

use zip::ZipArchive;

use super::content::{check_content, check_manifest_size};
use super::digest::Digest;
use super::entry::PackageEntry;
use super::error::PackageError;
use super::files::MANIFEST;
use super::layout;
use super::limits::Limits;
use super::member::Member;
use super::unpack::{archive, check_told_sizes, unpack, weigh};
use crate::diagnostics::report::Issue;
use crate::manifest::model::{Manifest, Parsed};

/// A package that was read and found good.
///
/// Every byte was read, unpacked and counted when it was opened; what is read later is compared
/// with the digests from then. Memory does not grow with what a package unpacks to.
///
/// ```
/// use std::io::Cursor;
///
/// use hap_manifest::package::{Package, PackageError};
///
/// let error = Package::open(Cursor::new(b"#!/bin/sh\necho this is no package\n")).unwrap_err();
/// assert!(matches!(error, PackageError::NotZip));
/// ```
pub struct Package<R> {
    archive: ZipArchive<R>,
    members: Vec<Member>,
    entries: Vec<PackageEntry>,
    parsed: Parsed,
    size: u64,
    digest: Digest,
}

impl<R: Read + Seek> Package<R> {
    /// Reads a whole package within the default [`Limits`].
    ///
    /// A package without a `README.md`, or without the Dockerfile that its manifest names, is among
    /// the [warnings](Self::warnings): [`pack`](super::pack) makes none.
    ///
    /// # Errors
    /// Refuses what is no package, with the rule it breaks.
    pub fn open(reader: R) -> Result<Self, PackageError> {
        Self::open_within(reader, &Limits::default())
    }

    /// Reads a whole package within other limits.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_within(mut reader: R, limits: &Limits) -> Result<Self, PackageError> {
        let (size, digest) = weigh(&mut reader, limits, &mut |_| {})?;
        let members = layout::read(&mut reader, size, limits)?;
        check_told_sizes(&members, limits)?;
        let mut archive = archive(reader, &members)?;
        let mut entries = Vec::with_capacity(members.len());
        let mut manifest = Vec::new();
        let mut unpacked = 0;
        for (index, member) in members.iter().enumerate().filter(|(_, member)| !member.folder) {
            let is_manifest = member.name == MANIFEST;
            if is_manifest {
                check_manifest_size(member.unpacked)?;
            }
            let digest = unpack(&mut archive, index, member, &mut |bytes| {
                unpacked += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                if is_manifest {
                    manifest.extend_from_slice(bytes);
                }
                Ok::<_, PackageError>(())
            })?;
            entries.push(PackageEntry {
                name: member.name.clone(),
                size: member.unpacked,
                packed_size: member.packed,
                executable: member.executable,
                digest,
            });
        }
        debug_assert!(unpacked <= limits.unpacked_bytes(), "sizes are checked before");
        let parsed = check_content(&entries, &manifest)?;
        Ok(Self {
            archive,
            members,
            entries,
            parsed,
            size,
            digest,
        })
    }

    /// Reads the whole content of one file.
    ///
    /// # Errors
    /// Refuses a name that the package does not have, and a file that has changed since it was
    /// opened.
    pub fn read(&mut self, name: &str) -> Result<Vec<u8>, PackageError> {
        let mut content = Vec::new();
        self.copy(name, &mut |bytes| {
            content.extend_from_slice(bytes);
            Ok::<_, PackageError>(())
        })?;
        Ok(content)
    }

    /// Returns the reader.
    #[must_use]
    pub fn into_inner(self) -> R {
        self.archive.into_inner()
    }

    /// Hands the content of one file to `sink`, a part at a time.
    pub(super) fn copy<E: From<PackageError>>(
        &mut self,
        name: &str,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let missing = || PackageError::NoSuchFile {
            name: name.to_owned(),
        };
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.name == name)
            .ok_or_else(missing)?;
        let mut members = self.members.iter().enumerate();
        let (index, member) = members
            .find(|(_, member)| !member.folder && member.name == name)
            .ok_or_else(missing)?;
        if unpack(&mut self.archive, index, member, sink)? != entry.digest {
            return Err(PackageError::Changed {
                name: name.to_owned(),
            }
            .into());
        }
        Ok(())
    }
}

impl<R> Package<R> {
    /// Returns the manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.parsed.manifest
    }

    /// Returns what the author of the manifest should look at, such as unknown fields.
    #[must_use]
    pub fn warnings(&self) -> &[Issue] {
        &self.parsed.warnings
    }

    /// Returns the files, in the order of the archive.
    #[must_use]
    pub fn entries(&self) -> &[PackageEntry] {
        &self.entries
    }

    /// Returns the file of this name, if the package has it.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<&PackageEntry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Returns the file that the manifest names as icon, if the package has it; the icon may also
    /// lie elsewhere.
    #[must_use]
    pub fn icon(&self) -> Option<&PackageEntry> {
        self.entry(self.manifest().listing().icon()?)
    }

    /// Returns the size of the whole package.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns the digest of the whole package: what a marketplace lists and a host compares.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    #[cfg(unix)]
    pub(super) fn folders(&self) -> impl Iterator<Item = &str> {
        let folders = self.members.iter().filter(|member| member.folder);
        folders.map(|member| member.name.as_str())
    }
}

impl Package<Cursor<Vec<u8>>> {
    /// Returns the bytes of a package in memory, as [`pack`](super::pack) makes it.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.into_inner().into_inner()
    }
}

impl<R> std::fmt::Debug for Package<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Package")
            .field("id", self.manifest().id())
            .field("version", self.manifest().version())
            .field("digest", &self.digest)
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}
