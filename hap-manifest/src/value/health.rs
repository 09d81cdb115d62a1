//! [`HealthCheck`].

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::duration::HumanDuration;
use super::error::ParseError;

/// How the host watches a plugin's health endpoint.
///
/// | part | meaning | default | range |
/// |---|---|---|---|
/// | `interval` | pause between two probes | 10 s | 1 s to 24 h |
/// | `timeout` | how long one probe may take | 3 s | more than 0, less than `interval` |
/// | `retries` | failures in a row until the plugin counts as unhealthy | 3 | 1 to 100 |
/// | `start_period` | time from start in which failures do not count | 60 s | 0 to 24 h |
///
/// ```
/// use std::time::Duration;
/// use hap_manifest::HealthCheck;
///
/// let check = HealthCheck::default().with_interval(Duration::from_secs(30))?.with_retries(5)?;
/// assert_eq!(check.timeout(), Duration::from_secs(3));
/// assert!(check.with_timeout(Duration::from_secs(30)).is_err());
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(default)]
#[schemars(
    description = "How the host watches the plugin's health endpoint.",
    example = HealthCheck::default(),
    transform = crate::value::schema::optional
)]
pub struct HealthCheck {
    /// Pause between two probes, at least 1s.
    #[schemars(example = &"10s")]
    interval: HumanDuration,
    /// How long one probe may take; less than the interval.
    #[schemars(example = &"3s")]
    timeout: HumanDuration,
    /// Failures in a row until the plugin counts as unhealthy.
    #[schemars(
        range(min = 1, max = 100),
        transform = crate::value::newtype::without_format,
        example = 3
    )]
    retries: u32,
    /// Time from start in which failures do not count.
    #[schemars(example = &"1m")]
    start_period: HumanDuration,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            interval: HumanDuration::from_secs(10),
            timeout: HumanDuration::from_secs(3),
            retries: 3,
            start_period: HumanDuration::from_secs(60),
        }
    }
}

impl HealthCheck {
    /// Most failures in a row that may be waited for.
    pub const MAX_RETRIES: u32 = 100;

    /// Creates a check with this interval and timeout, and the defaults for the rest.
    ///
    /// # Errors
    /// Refuses an interval below 1 s, a timeout of 0, and a timeout that is not shorter than the
    /// interval.
    pub fn new(interval: Duration, timeout: Duration) -> Result<Self, ParseError> {
        Self {
            interval: interval.try_into()?,
            timeout: timeout.try_into()?,
            ..Self::default()
        }
        .checked()
    }

    /// Returns the pause between two probes.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval.get()
    }

    /// Returns how long one probe may take.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout.get()
    }

    /// Returns the number of failures in a row after which the plugin counts as unhealthy.
    #[must_use]
    pub const fn retries(&self) -> u32 {
        self.retries
    }

    /// Returns the time from start in which failures do not count.
    #[must_use]
    pub const fn start_period(&self) -> Duration {
        self.start_period.get()
    }

    /// Returns the same check with another interval.
    ///
    /// # Errors
    /// As [`new`](Self::new). Where both change, use that: the order of two calls would matter.
    pub fn with_interval(self, interval: Duration) -> Result<Self, ParseError> {
        Self {
            interval: interval.try_into()?,
            ..self
        }
        .checked()
    }

    /// Returns the same check with another timeout.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_timeout(self, timeout: Duration) -> Result<Self, ParseError> {
        Self {
            timeout: timeout.try_into()?,
            ..self
        }
        .checked()
    }

    /// Returns the same check with another number of retries.
    ///
    /// # Errors
    /// Refuses 0 and more than 100.
    pub fn with_retries(self, retries: u32) -> Result<Self, ParseError> {
        Self { retries, ..self }.checked()
    }

    /// Returns the same check with another start period.
    ///
    /// # Errors
    /// Refuses more than 24 h and fractions of a millisecond.
    pub fn with_start_period(self, start_period: Duration) -> Result<Self, ParseError> {
        Self {
            start_period: start_period.try_into()?,
            ..self
        }
        .checked()
    }

    /// Combines the parts that were read; [`checked`](Self::checked) checks them against each
    /// other.
    pub(crate) fn from_parts(
        interval: Option<HumanDuration>,
        timeout: Option<HumanDuration>,
        retries: Option<u32>,
        start_period: Option<HumanDuration>,
    ) -> Self {
        let default = Self::default();
        Self {
            interval: interval.unwrap_or(default.interval),
            timeout: timeout.unwrap_or(default.timeout),
            retries: retries.unwrap_or(default.retries),
            start_period: start_period.unwrap_or(default.start_period),
        }
    }

    pub(crate) fn checked_interval(interval: HumanDuration) -> Result<HumanDuration, ParseError> {
        if interval < HumanDuration::from_secs(1) {
            return Err(
                ParseError::new("health check interval", interval, "it must be at least 1s")
                    .with_help("write for example \"10s\""),
            );
        }
        Ok(interval)
    }

    pub(crate) fn checked_timeout(timeout: HumanDuration) -> Result<HumanDuration, ParseError> {
        if timeout == HumanDuration::default() {
            return Err(
                ParseError::new("health check timeout", timeout, "it must be more than 0")
                    .with_help("write for example \"3s\""),
            );
        }
        Ok(timeout)
    }

    pub(crate) fn checked_retries(retries: i128) -> Result<u32, ParseError> {
        u32::try_from(retries)
            .ok()
            .filter(|retries| (1..=Self::MAX_RETRIES).contains(retries))
            .ok_or_else(|| {
                ParseError::new("health check retries", retries, "it must be from 1 to 100")
                    .with_help("3 is the default")
            })
    }

    pub(crate) fn checked(self) -> Result<Self, ParseError> {
        Self::checked_interval(self.interval)?;
        Self::checked_timeout(self.timeout)?;
        Self::checked_retries(self.retries.into())?;
        if self.timeout >= self.interval {
            let rule = format_args!("it must be shorter than the interval, {}", self.interval);
            return Err(ParseError::new("health check timeout", self.timeout, rule)
                .with_help("write a shorter timeout or a longer interval"));
        }
        Ok(self)
    }
}
