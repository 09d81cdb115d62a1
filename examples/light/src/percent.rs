//! [`Percent`].

use std::fmt;

use hap_plugin::schemars::{self, JsonSchema};
use serde::{Deserialize, Serialize};

/// A whole number from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u8")]
#[schemars(extend("maximum" = 100))]
pub struct Percent(u8);

impl Percent {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// All.
    pub const FULL: Self = Self(100);

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Percent {
    type Error = OutOfRange;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        if number <= 100 {
            Ok(Self(number))
        } else {
            Err(OutOfRange(number))
        }
    }
}

/// The number is more than 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange(u8);

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is more than 100", self.0)
    }
}

impl std::error::Error for OutOfRange {}
