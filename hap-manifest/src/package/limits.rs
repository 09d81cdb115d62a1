//! [`Limits`].

/// Bounds what a package may cost: entries, bytes of the file and bytes unpacked.
///
/// The defaults are those of the marketplace. A host with little room may lower them.
///
/// ```
/// use hap_manifest::package::Limits;
///
/// let small = Limits::default().with_zip_bytes(1024 * 1024).with_entries(100);
/// assert_eq!(small.zip_bytes(), 1_048_576);
/// assert_eq!(small.unpacked_bytes(), 200 * 1024 * 1024);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    entries: usize,
    zip_bytes: u64,
    unpacked_bytes: u64,
}

impl Limits {
    /// Returns the most files and folders; 2,000 by default.
    #[must_use]
    pub const fn entries(&self) -> usize {
        self.entries
    }

    /// Returns the most bytes of the file; 50 MiB by default.
    #[must_use]
    pub const fn zip_bytes(&self) -> u64 {
        self.zip_bytes
    }

    /// Returns the most bytes of all files together, unpacked; 200 MiB by default.
    #[must_use]
    pub const fn unpacked_bytes(&self) -> u64 {
        self.unpacked_bytes
    }

    /// Allows this many files and folders; a package has no more than 65,534 whatever is said here.
    #[must_use]
    pub const fn with_entries(self, entries: usize) -> Self {
        Self { entries, ..self }
    }

    /// Allows a file of this many bytes; a package has less than 4 GiB whatever is said here.
    #[must_use]
    pub const fn with_zip_bytes(self, zip_bytes: u64) -> Self {
        Self { zip_bytes, ..self }
    }

    /// Allows this many bytes of all files together, unpacked.
    #[must_use]
    pub const fn with_unpacked_bytes(self, unpacked_bytes: u64) -> Self {
        Self {
            unpacked_bytes,
            ..self
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 2_000,
            zip_bytes: 50 * 1024 * 1024,
            unpacked_bytes: 200 * 1024 * 1024,
        }
    }
}
