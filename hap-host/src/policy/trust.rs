use hap_manifest::package::PackageKey;

/// Whose packages are taken.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    pub(crate) keys: Vec<PackageKey>,
    /// Whether a package is taken that none of them has signed.
    pub(crate) takes_unsigned: bool,
}

impl Trust {
    /// Whether it matters who signed a package.
    pub(crate) const fn looks(&self) -> bool {
        !self.takes_unsigned || !self.keys.is_empty()
    }
}
