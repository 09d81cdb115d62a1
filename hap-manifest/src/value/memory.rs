//! [`MemoryLimit`].

use std::fmt;
use std::num::NonZeroU64;

use super::error::{ParseError, quoted};
use super::newtype::text_traits;

const WHAT: &str = "memory limit";
const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// Bounds the memory of a plugin, in bytes.
///
/// Written as Docker writes it: an integer and an optional unit `b`, `k`, `m` or `g` in either
/// case, binary multiples, so `512m` is 536,870,912 bytes. No sign, no fraction. From 6 MiB (what
/// Docker demands) to 2⁶³ - 1 bytes. Displayed in the largest unit that is exact.
///
/// ```
/// use hap_manifest::MemoryLimit;
///
/// let limit: MemoryLimit = "512M".parse()?;
/// assert_eq!(limit, MemoryLimit::from_mib(512)?);
/// assert_eq!(limit.bytes(), 536_870_912);
/// assert_eq!(limit.to_string(), "512m");
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemoryLimit(NonZeroU64);

impl MemoryLimit {
    /// The least that is accepted: 6 MiB, below which Docker refuses to create a container.
    pub const MIN: Self = Self(NonZeroU64::MIN.saturating_add(6 * MIB - 1));

    /// The most that is accepted: Docker counts in signed 64 bits.
    const MAX_BYTES: u64 = i64::MAX.unsigned_abs();

    /// Longest text: all digits of the largest limit, one more, and a unit.
    const MAX_TEXT: usize = 21;

    /// Creates a limit in mebibytes.
    ///
    /// # Errors
    /// Refuses less than 6.
    pub fn from_mib(mib: u32) -> Result<Self, ParseError> {
        Self::checked(u64::from(mib) * MIB, &format_args!("\"{mib}m\""))
    }

    /// Creates a limit in bytes.
    ///
    /// # Errors
    /// Refuses less than 6 MiB and more than 2⁶³ - 1 bytes.
    pub fn from_bytes(bytes: u64) -> Result<Self, ParseError> {
        Self::checked(bytes, &format_args!("\"{bytes}b\""))
    }

    /// Returns the limit in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0.get()
    }

    fn checked(bytes: u64, found: &dyn fmt::Display) -> Result<Self, ParseError> {
        if bytes > Self::MAX_BYTES {
            return Err(ParseError::new(
                WHAT,
                found,
                "it is more than 9223372036854775807 bytes",
            ));
        }
        match NonZeroU64::new(bytes) {
            Some(limit) if Self(limit) >= Self::MIN => Ok(Self(limit)),
            _ => Err(ParseError::new(
                WHAT,
                found,
                "it is less than 6 MiB, the least a container can run with",
            )
            .with_help("write at least \"6m\"")),
        }
    }

    fn parse(text: &str) -> Result<Self, ParseError> {
        let refuse = |rule: &str, help: &str| {
            Err(ParseError::new(WHAT, quoted(text), rule).with_help(help.to_owned()))
        };
        let example = "write for example \"512m\" or \"1g\"";
        if text.len() > Self::MAX_TEXT {
            return refuse("it is too long", example);
        }
        let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(digits_end);
        if digits.is_empty() {
            return refuse("it must begin with a digit", example);
        }
        let has_no_unit = unit.is_empty();
        let unit = match unit {
            "" | "b" | "B" => 1,
            "k" | "K" => KIB,
            "m" | "M" => MIB,
            "g" | "G" => GIB,
            _ if unit.starts_with(['.', ',']) => {
                return refuse(
                    "it must be a whole number",
                    "use a smaller unit, such as \"1536m\" for one and a half gibibytes",
                );
            }
            _ => {
                let rule = "the unit must be one of b, k, m and g";
                return match Self::usual_unit(unit) {
                    Some(unit) => refuse(rule, &format!("write \"{digits}{unit}\"")),
                    None => refuse(rule, example),
                };
            }
        };
        let number = digits.parse::<u64>().ok();
        if let Some(mebibytes) = number.filter(|number| has_no_unit && (6..MIB).contains(number)) {
            return refuse(
                "without a unit it counts bytes, and 6 MiB is the least a container can run with",
                &format!("write \"{mebibytes}m\""),
            );
        }
        let bytes = number
            .and_then(|number| number.checked_mul(unit))
            .unwrap_or(u64::MAX);
        Self::checked(bytes, &quoted(text))
    }
}

impl MemoryLimit {
    /// Returns the unit that is meant by what others write.
    fn usual_unit(unit: &str) -> Option<char> {
        match unit.trim().to_ascii_lowercase().as_str() {
            "k" | "kb" | "ki" | "kib" => Some('k'),
            "m" | "mb" | "mi" | "mib" => Some('m'),
            "g" | "gb" | "gi" | "gib" => Some('g'),
            _ => None,
        }
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes();
        for (unit, name) in [(GIB, 'g'), (MIB, 'm'), (KIB, 'k')] {
            if bytes.is_multiple_of(unit) {
                return write!(f, "{}{name}", bytes / unit);
            }
        }
        write!(f, "{bytes}b")
    }
}

text_traits!(
    MemoryLimit,
    max: 21,
    pattern: "^[0-9]+[bkmgBKMG]?$",
    about: "Memory limit: a whole number and a unit b, k, m or g (binary multiples), at least 6m.",
    examples: ["64m", "1g"],
);
