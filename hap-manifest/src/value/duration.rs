//! [`HumanDuration`].

use std::fmt;
use std::time::Duration;

use super::error::{ParseError, quoted};
use super::newtype::text_traits;

const WHAT: &str = "duration";

/// A duration as people write it: a whole number and a unit, `500ms`, `10s`, `2m` or `1h`.
///
/// Counted in milliseconds, from `0s` to `24h`. Displayed in the largest unit that is exact.
///
/// ```
/// use std::time::Duration;
/// use hap_manifest::HumanDuration;
///
/// let pause: HumanDuration = "90s".parse()?;
/// assert_eq!(pause.get(), Duration::from_secs(90));
/// assert_eq!(pause.to_string(), "90s");
/// assert_eq!("120s".parse::<HumanDuration>()?.to_string(), "2m");
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HumanDuration {
    millis: u32,
}

impl HumanDuration {
    /// The most that is accepted: a day.
    pub const MAX: Self = Self::from_secs(24 * 3600);

    const MAX_TEXT: usize = 24;

    pub(crate) const fn from_secs(secs: u32) -> Self {
        Self { millis: secs * 1000 }
    }

    /// Returns the duration for the standard library.
    #[must_use]
    pub const fn get(self) -> Duration {
        Duration::from_millis(self.millis as u64)
    }

    fn parse(text: &str) -> Result<Self, ParseError> {
        let refuse =
            |rule: &str, help: String| Err(ParseError::new(WHAT, quoted(text), rule).with_help(help));
        if text.len() > Self::MAX_TEXT {
            return refuse("it is too long", "write for example \"10s\"".to_owned());
        }
        let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(digits_end);
        if digits.is_empty() {
            return refuse(
                "it must begin with a digit",
                "write for example \"10s\"".to_owned(),
            );
        }
        let unit: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "" => {
                return refuse("it has no unit", format!("write \"{digits}s\" for seconds"));
            }
            _ => {
                let help = "write a whole number and one unit, for example \"500ms\" or \"90s\"".to_owned();
                return refuse("the unit must be one of ms, s, m and h", help);
            }
        };
        digits
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(unit))
            .and_then(|millis| u32::try_from(millis).ok())
            .map(|millis| Self { millis })
            .filter(|duration| *duration <= Self::MAX)
            .ok_or_else(|| ParseError::new(WHAT, quoted(text), "it is more than 24h"))
    }
}

impl TryFrom<Duration> for HumanDuration {
    type Error = ParseError;

    /// Takes a duration of whole milliseconds, at most a day.
    fn try_from(duration: Duration) -> Result<Self, Self::Error> {
        let refuse = |rule| ParseError::new(WHAT, format_args!("\"{duration:?}\""), rule);
        if !duration.subsec_nanos().is_multiple_of(1_000_000) {
            return Err(refuse("it is not a whole number of milliseconds"));
        }
        u32::try_from(duration.as_millis())
            .ok()
            .map(|millis| Self { millis })
            .filter(|duration| *duration <= Self::MAX)
            .ok_or_else(|| refuse("it is more than 24h"))
    }
}

impl From<HumanDuration> for Duration {
    fn from(duration: HumanDuration) -> Self {
        duration.get()
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.millis == 0 {
            return f.write_str("0s");
        }
        for (unit, name) in [(3_600_000, "h"), (60_000, "m"), (1000, "s")] {
            if self.millis.is_multiple_of(unit) {
                return write!(f, "{}{name}", self.millis / unit);
            }
        }
        write!(f, "{}ms", self.millis)
    }
}

text_traits!(
    HumanDuration,
    max: 24,
    pattern: "^[0-9]+(ms|s|m|h)$",
    about: "Duration: a whole number and a unit ms, s, m or h, at most 24h.",
    examples: ["10s", "500ms"],
);
