//! [`Digest`].

use std::fmt;

use crate::value::error::{ParseError, quoted};
use crate::value::hex::{digits, hex};
use crate::value::newtype::text_traits;

const PREFIX: &str = "sha256:";

/// A SHA-256 digest, written as `sha256:` and 64 lower-case hexadecimal digits.
///
/// ```
/// use hap_manifest::package::Digest;
///
/// let digest = Digest::of(b"");
/// assert_eq!(
///     digest.to_string(),
///     "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
/// );
/// assert_eq!(digest.to_string().parse::<Digest>()?, digest);
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Computes the digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;

        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn parse(text: &str) -> Result<Self, ParseError> {
        let bytes = text.strip_prefix(PREFIX).and_then(hex);
        bytes.map(Self).ok_or_else(|| {
            let rule = "it must be \"sha256:\" and 64 lower-case hexadecimal digits";
            ParseError::new("digest", quoted(text), rule)
        })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", digits(&self.0))
    }
}

text_traits!(
    Digest,
    max: 71,
    pattern: "^sha256:[0-9a-f]{64}$",
    about: "SHA-256 digest: sha256: and 64 lower-case hexadecimal digits.",
    examples: ["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
);

/// Gathers bytes for a [`Digest`].
#[derive(Debug, Clone, Default)]
pub(super) struct Hasher(sha2::Sha256);

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        use sha2::Digest as _;

        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> Digest {
        use sha2::Digest as _;

        Digest(self.0.finalize().into())
    }
}
