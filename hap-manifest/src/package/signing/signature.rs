//! [`PackageSignature`].

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minisign_verify::Signature;
use semver::Version;

use super::key::{PackageKey, displayed};
use crate::value::error::ParseError;
use crate::value::id::PluginId;

/// A detached signature of a package, as `minisign -S` writes it.
///
/// The signature covers every byte of the package, and its trusted comment has to name what was
/// signed, as `id:` and `version:`, so that nobody passes one package off as another:
///
/// ```text
/// minisign -S -m porch-light-1.0.0.zip -t "id:porch-light version:1.0.0"
/// ```
///
/// The result lies beside the package, with `.minisig` behind its name.
/// [`Package::open_signed`](crate::package::Package::open_signed) verifies it.
pub struct PackageSignature {
    pub(super) inner: Signature,
    number: [u8; 8],
}

impl PackageSignature {
    /// The extension that the name of a package gets in the name of its signature.
    pub const EXTENSION: &str = "minisig";
    /// Longest text of a signature, in bytes.
    pub const MAX_BYTES: usize = 4 * 1024;

    /// Returns the number of the key that it claims to be made with, as minisign shows it.
    #[must_use]
    pub fn key_id(&self) -> String {
        displayed(self.number)
    }

    /// Returns whether it claims to be made with this key. Only verifying shows that it is.
    #[must_use]
    pub fn names(&self, key: &PackageKey) -> bool {
        self.number == key.number()
    }

    /// Returns the plugin and version in the trusted comment, each named once. To be believed after
    /// verifying only.
    pub(super) fn claims(&self) -> Option<(PluginId, Version)> {
        let comment = self.inner.trusted_comment();
        let named = |key: &str| {
            let mut values = comment
                .split_ascii_whitespace()
                .filter_map(|word| word.strip_prefix(key));
            values.next().filter(|_| values.next().is_none())
        };
        Some((named("id:")?.parse().ok()?, named("version:")?.parse().ok()?))
    }
}

impl FromStr for PackageSignature {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |rule: &str| {
            ParseError::hidden("package signature", rule)
                .with_help("give the whole .minisig file that `minisign -S` wrote")
        };
        if text.len() > Self::MAX_BYTES {
            return Err(refuse("it has more than 4 KiB"));
        }
        let inner = Signature::decode(text).map_err(|_| refuse("it is no signature of minisign"))?;
        let line = text.lines().nth(1).unwrap_or_default();
        let bytes = STANDARD.decode(line).unwrap_or_default();
        let (algorithm, rest) = bytes
            .split_first_chunk::<2>()
            .ok_or_else(|| refuse("it is too short"))?;
        if algorithm != b"ED" {
            return Err(
                refuse("it is of the old form, which does not hash the file first")
                    .with_help("sign with minisign 0.10 or later, without -l"),
            );
        }
        let number = rest.first_chunk().ok_or_else(|| refuse("it is too short"))?;
        Ok(Self {
            inner,
            number: *number,
        })
    }
}

impl fmt::Debug for PackageSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackageSignature")
            .field("key_id", &self.key_id())
            .finish_non_exhaustive()
    }
}
