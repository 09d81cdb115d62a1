//! [`CpuLimit`].

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::ParseError;

const WHAT: &str = "CPU limit";
const NANO: u64 = 1_000_000_000;

/// Bounds the processor time of a plugin, in cores; `0.5` is half of one core.
///
/// Kept as a whole number of nano-CPUs, the unit of Docker's API, so limits compare and hash
/// exactly. From 0.01 to 512 cores. In JSON a number of cores.
///
/// ```
/// use hap_manifest::CpuLimit;
///
/// let half = CpuLimit::from_cores(0.5)?;
/// assert_eq!(half.nano_cpus(), 500_000_000);
/// assert!(CpuLimit::from_cores(f64::NAN).is_err());
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpuLimit(NonZeroU64);

impl CpuLimit {
    /// The least that is accepted: a hundredth of a core.
    pub const MIN: Self = Self(NonZeroU64::MIN.saturating_add(NANO / 100 - 1));
    /// The most that is accepted: 512 cores.
    pub const MAX: Self = Self(NonZeroU64::MIN.saturating_add(512 * NANO - 1));

    /// Creates a limit in billionths of a core.
    ///
    /// # Errors
    /// Refuses less than 0.01 cores and more than 512.
    pub fn from_nano_cpus(nano_cpus: u64) -> Result<Self, ParseError> {
        Self::checked(nano_cpus, &format_args!("of {nano_cpus} nano-CPUs"))
    }

    /// Creates a limit in cores, rounded to the nearest nano-CPU.
    ///
    /// # Errors
    /// Refuses what is not a number, less than 0.01 cores and more than 512.
    pub fn from_cores(cores: f64) -> Result<Self, ParseError> {
        if !cores.is_finite() {
            return Err(ParseError::new(WHAT, cores, "it is not a finite number"));
        }
        // Before it is rounded, so that nothing out of the range becomes a part of it.
        if !(Self::MIN.as_cores()..=Self::MAX.as_cores()).contains(&cores) {
            return Err(Self::out_of_range(&cores));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float cast saturates, and both ends of the range are refused below"
        )]
        let nano_cpus = (cores * 1e9).round() as u64;
        Self::checked(nano_cpus, &cores)
    }

    /// Returns the limit in billionths of a core.
    #[must_use]
    pub const fn nano_cpus(self) -> u64 {
        self.0.get()
    }

    /// Returns the limit in cores, for display and JSON.
    #[must_use]
    pub fn as_cores(self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "at most 512e9, far below the 53 exact bits"
        )]
        let nano_cpus = self.nano_cpus() as f64;
        nano_cpus / 1e9
    }

    fn checked(nano_cpus: u64, found: &dyn fmt::Display) -> Result<Self, ParseError> {
        match NonZeroU64::new(nano_cpus) {
            Some(limit) if (Self::MIN..=Self::MAX).contains(&Self(limit)) => Ok(Self(limit)),
            _ => Err(Self::out_of_range(found)),
        }
    }

    fn out_of_range(found: &dyn fmt::Display) -> ParseError {
        ParseError::new(WHAT, found, "it must be from 0.01 to 512 cores")
            .with_help("write for example 0.5 for half a core")
    }
}

impl From<CpuLimit> for f64 {
    fn from(limit: CpuLimit) -> Self {
        limit.as_cores()
    }
}

impl fmt::Display for CpuLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_cores(), f)
    }
}

impl Serialize for CpuLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nano_cpus = self.nano_cpus();
        // Whole cores as people write them: 2, not 2.0.
        if nano_cpus.is_multiple_of(NANO) {
            serializer.serialize_u64(nano_cpus / NANO)
        } else {
            serializer.serialize_f64(self.as_cores())
        }
    }
}

impl<'de> Deserialize<'de> for CpuLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_cores(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for CpuLimit {
    fn schema_name() -> Cow<'static, str> {
        "CpuLimit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "number",
            "minimum": 0.01,
            "maximum": 512,
            "description": "CPU limit in cores; 0.5 is half of one core.",
            "examples": [0.5],
        })
    }
}
