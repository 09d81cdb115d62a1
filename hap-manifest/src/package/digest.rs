//! [`Digest`].

use std::fmt;

use crate::value::error::{ParseError, quoted};
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
        let refuse = || {
            let rule = "it must be \"sha256:\" and 64 lower-case hexadecimal digits";
            ParseError::new("digest", quoted(text), rule)
        };
        let hex = text.strip_prefix(PREFIX).ok_or_else(refuse)?;
        if hex.len() != 64 {
            return Err(refuse());
        }
        let digit = |byte: &u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        for (to, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let mut value = 0;
            for byte in pair {
                value = (value << 4) | digit(byte).ok_or_else(refuse)?;
            }
            *to = value;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
