//! [`Limits`].

/// Bounds what a package may cost: entries, bytes of the file, bytes unpacked, and their ratio.
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
    ratio: u64,
}

impl Limits {
    /// Content that unpacks to at most this size is exempt from [`ratio`](Self::ratio): 1 MiB.
    ///
    /// A short file of one repeated line is neither rare nor dangerous.
    pub const RATIO_FLOOR: u64 = 1024 * 1024;

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

    /// Returns how many times larger the whole, and each file, may be unpacked; 100 by default.
    #[must_use]
    pub const fn ratio(&self) -> u64 {
        self.ratio
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

    /// Allows the whole and each file to be this many times larger unpacked.
    #[must_use]
    pub const fn with_ratio(self, ratio: u64) -> Self {
        Self { ratio, ..self }
    }

    pub(super) const fn exceeds_ratio(&self, unpacked: u64, packed: u64) -> bool {
        unpacked > Self::RATIO_FLOOR && unpacked > packed.saturating_mul(self.ratio)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 2_000,
            zip_bytes: 50 * 1024 * 1024,
            unpacked_bytes: 200 * 1024 * 1024,
            ratio: 100,
        }
    }
}
