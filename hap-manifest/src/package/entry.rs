//! [`PackageEntry`].

use super::digest::Digest;

/// A file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageEntry {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) packed_size: u64,
    pub(super) executable: bool,
    pub(super) digest: Digest,
}

impl PackageEntry {
    /// Returns its path: relative, normal, with `/` between folders.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the bytes of its content, counted while it was read.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns the bytes it takes in the package.
    #[must_use]
    pub const fn packed_size(&self) -> u64 {
        self.packed_size
    }

    /// Returns whether it is a program, such as a script that the `Dockerfile` copies.
    #[must_use]
    pub const fn is_executable(&self) -> bool {
        self.executable
    }

    /// Returns the digest of its content.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}
