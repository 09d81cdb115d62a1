//! [`PackOptions`].

use std::collections::BTreeSet;

use super::limits::Limits;

/// What [`pack`](super::pack) may do beyond the default.
///
/// ```
/// use hap_manifest::package::{Limits, PackOptions};
///
/// let options = PackOptions::new()
///     .allow_secret("tests/example.pem")
///     .limits(Limits::default().with_entries(100));
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "options do nothing until they are given to `pack`"]
pub struct PackOptions {
    pub(super) allowed: BTreeSet<String>,
    pub(super) limits: Limits,
}

impl PackOptions {
    /// Creates the defaults: nothing that looks like a secret, and the default [`Limits`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Packs the file of this name although it looks like a secret, such as a public key pair for
    /// tests.
    pub fn allow_secret(mut self, name: impl Into<String>) -> Self {
        self.allowed.insert(name.into());
        self
    }

    /// Packs within other limits. The reader of the package has limits of its own.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
