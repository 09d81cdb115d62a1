//! [`ApiPort`] and [`PidsLimit`]: whole numbers with a range.

use std::borrow::Cow;
use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;

use super::error::ParseError;

/// Returns a number without a fraction, however it is written. To JSON Schema, and to programs with
/// floating point alone, `8000.0` and `8e3` are the integer 8000.
pub(crate) fn whole(number: &Number) -> Option<i128> {
    /// Floating point is exact up to here, far beyond every range of this crate.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Some(whole) = number.as_i128() {
        return Some(whole);
    }
    let float = number
        .as_f64()
        .filter(|float| float.fract() == 0.0 && float.abs() <= EXACT)?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within 54 bits")]
    Some(float as i128)
}

/// Implements the shared traits of a whole number from 1 to `$max`, whose rule is
/// `fn from_number(i128) -> Result<Self, ParseError>`.
macro_rules! whole_traits {
    ($name:ident, $int:ty, $max:literal, $about:literal, $example:literal) => {
        impl From<$name> for $int {
            fn from(number: $name) -> Self {
                number.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = Number::deserialize(deserializer)?;
                let number = whole(&number).ok_or_else(|| {
                    serde::de::Error::custom(format_args!("{number} is not a whole number"))
                })?;
                Self::from_number(number).map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "integer",
                    "minimum": 1,
                    "maximum": $max,
                    "description": $about,
                    "examples": [$example],
                })
            }
        }
    };
}

/// The TCP port a plugin serves its API on inside its container: 1 to 65535, 8000 by default.
///
/// ```
/// use hap_manifest::ApiPort;
///
/// assert_eq!(ApiPort::default().get(), 8000);
/// assert!(ApiPort::new(0).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ApiPort(NonZeroU16);

impl ApiPort {
    /// Checks a port.
    ///
    /// # Errors
    /// Refuses 0.
    pub fn new(port: u16) -> Result<Self, ParseError> {
        Self::from_number(i128::from(port))
    }

    /// Returns the port number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    pub(crate) fn from_number(number: i128) -> Result<Self, ParseError> {
        u16::try_from(number)
            .ok()
            .and_then(NonZeroU16::new)
            .map(Self)
            .ok_or_else(|| {
                ParseError::new("port", number, "it must be from 1 to 65535").with_help("8000 is the default")
            })
    }
}

impl Default for ApiPort {
    fn default() -> Self {
        Self(NonZeroU16::MIN.saturating_add(7999))
    }
}

whole_traits!(
    ApiPort,
    u16,
    65535,
    "TCP port of the plugin's API inside its container.",
    8000
);

/// Bounds the number of processes and threads of a plugin: 1 to 32768.
///
/// ```
/// use hap_manifest::PidsLimit;
///
/// assert_eq!(PidsLimit::new(256)?.get(), 256);
/// assert!(PidsLimit::new(0).is_err());
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PidsLimit(NonZeroU32);

impl PidsLimit {
    /// The most that is accepted: the usual number of process ids of a whole Linux system.
    pub const MAX: u32 = 32_768;

    /// Checks a limit.
    ///
    /// # Errors
    /// Refuses 0 and more than 32768.
    pub fn new(pids: u32) -> Result<Self, ParseError> {
        Self::from_number(i128::from(pids))
    }

    /// Returns the limit.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    pub(crate) fn from_number(number: i128) -> Result<Self, ParseError> {
        u32::try_from(number)
            .ok()
            .filter(|pids| *pids <= Self::MAX)
            .and_then(NonZeroU32::new)
            .map(Self)
            .ok_or_else(|| {
                ParseError::new("process limit", number, "it must be from 1 to 32768")
                    .with_help("leave it out for the host's default")
            })
    }
}

whole_traits!(
    PidsLimit,
    u32,
    32768,
    "Most processes and threads the plugin may have at once.",
    64
);
