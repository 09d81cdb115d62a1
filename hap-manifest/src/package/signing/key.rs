//! [`PackageKey`].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minisign_verify::PublicKey;

use crate::value::error::{ParseError, quoted};
use crate::value::newtype::text_traits;

/// What the bytes of every key begin with.
const ALGORITHM: [u8; 2] = *b"Ed";

/// The public half of a key that packages are signed with, as `minisign -G` makes it.
///
/// Read from the one line of base64, or from a whole `.pub` file with the comment above it.
///
/// ```
/// use hap_manifest::package::PackageKey;
///
/// let key: PackageKey = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3".parse()?;
/// assert_eq!(key.id(), "E7620F1842B4E81F");
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageKey([u8; 42]);

impl PackageKey {
    /// Returns the number that minisign shows for it: 16 hexadecimal digits. It is for display
    /// only, since anybody can make a key of a given number.
    #[must_use]
    pub fn id(&self) -> String {
        displayed(self.number())
    }

    /// Returns the number within the key.
    pub(super) fn number(&self) -> [u8; 8] {
        let mut number = [0; 8];
        for (to, from) in number.iter_mut().zip(self.0.iter().skip(ALGORITHM.len())) {
            *to = *from;
        }
        number
    }

    /// Returns the key for the library that verifies. A key that was read has its form.
    pub(super) fn verifier(&self) -> Option<PublicKey> {
        PublicKey::from_base64(&self.to_string()).ok()
    }

    fn parse(text: &str) -> Result<Self, ParseError> {
        let refuse = |rule: &str| {
            ParseError::new("package key", quoted(text), rule)
                .with_help("give the second line of the .pub file that `minisign -G` wrote")
        };
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let line = lines.find(|line| !line.starts_with("untrusted comment:"));
        let line = line.ok_or_else(|| refuse("it has no key"))?;
        if lines.next().is_some() {
            return Err(refuse("it has more than one key"));
        }
        let bytes = STANDARD.decode(line).unwrap_or_default();
        let bytes = <[u8; 42]>::try_from(bytes);
        let bytes = bytes.map_err(|_| refuse("it is not 42 bytes in base64"))?;
        if !bytes.starts_with(&ALGORITHM) {
            return Err(refuse("it is no public key of minisign"));
        }
        Ok(Self(bytes))
    }
}

/// A number of a key as minisign shows it.
pub(super) fn displayed(number: [u8; 8]) -> String {
    format!("{:016X}", u64::from_le_bytes(number))
}

impl fmt::Display for PackageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&STANDARD.encode(self.0))
    }
}

text_traits!(
    PackageKey,
    max: 2_000,
    pattern: r"^(untrusted comment:[^\r\n]*\r?\n)?[A-Za-z0-9+/]{56}[ \r\n]*$",
    about: "Public key of minisign in base64, with or without the comment above it.",
    examples: ["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"],
);
