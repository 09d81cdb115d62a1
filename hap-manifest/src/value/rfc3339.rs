//! Times as text by RFC 3339, such as `2026-01-31T08:00:00.5Z`.
//!
//! A time is a [`SystemTime`] in Rust, and this text on the wire and on the disk. The module
//! serves as an adapter for a field:
//!
//! ```
//! use std::time::{Duration, SystemTime};
//!
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Reading {
//!     #[serde(with = "hap_manifest::rfc3339")]
//!     at: SystemTime,
//! }
//!
//! let text = r#"{"at":"1970-01-01T00:00:01.5Z"}"#;
//! let reading: Reading = serde_json::from_str(text)?;
//! assert_eq!(reading.at, SystemTime::UNIX_EPOCH + Duration::from_millis(1500));
//! assert_eq!(serde_json::to_string(&reading)?, text);
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

use super::error::ParseError;

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Days from 1 March of the year 0 to 1 January 1970.
const EPOCH: i64 = 719_468;
/// Days of 400 years, after which the calendar repeats.
const ERA: i64 = 146_097;
/// Stands for a leap second, which a [`SystemTime`] does not have: the last nanosecond before it.
const LAST_NANOSECOND: u32 = 999_999_999;

/// Writes a time in UTC, with as many digits of its nanoseconds as it needs. Returns `None` for a
/// year after 9999 or before 0, which RFC 3339 cannot write.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use hap_manifest::rfc3339;
///
/// let time = UNIX_EPOCH + Duration::from_secs(1_769_846_400);
/// assert_eq!(rfc3339::format(time).unwrap(), "2026-01-31T08:00:00Z");
/// ```
#[must_use]
pub fn format(time: SystemTime) -> Option<String> {
    let (seconds, nanos) = since_epoch(time)?;
    let (year, month, day) = date_of(seconds.div_euclid(DAY));
    if !(0..10_000).contains(&year) {
        return None;
    }
    let second = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if nanos > 0 {
        // Writing to a `String` cannot fail.
        let _ = write!(text, ".{nanos:09}");
        text.truncate(text.trim_end_matches('0').len());
    }
    text.push('Z');
    Some(text)
}

/// Reads a time. Digits beyond the nanosecond are dropped. A leap second becomes the nanosecond
/// before it.
///
/// ```
/// use hap_manifest::rfc3339;
///
/// let there = rfc3339::parse("2026-01-31T09:00:00+01:00")?;
/// assert_eq!(there, rfc3339::parse("2026-01-31T08:00:00Z")?);
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
///
/// # Errors
/// Refuses a text that is not RFC 3339, and a date or an hour that does not exist.
pub fn parse(text: &str) -> Result<SystemTime, ParseError> {
    read(text.as_bytes()).ok_or_else(|| {
        let help = "write it as \"2026-01-31T08:00:00Z\" or \"2026-01-31T09:00:00+01:00\"";
        ParseError::of("time", text, "it is not a time by RFC 3339", help)
    })
}

/// Writes a field for `#[serde(with = "hap_manifest::rfc3339")]`.
///
/// # Errors
/// As the serializer, and for a time that [`format()`] cannot write.
pub fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let text = format(*time).ok_or_else(|| S::Error::custom("RFC 3339 writes years from 0 to 9999"))?;
    serializer.serialize_str(&text)
}

/// Reads a field for `#[serde(with = "hap_manifest::rfc3339")]`.
///
/// # Errors
/// As the deserializer, and as [`parse`].
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Whole seconds since 1970, rounded down, and the nanoseconds beyond them.
fn since_epoch(time: SystemTime) -> Option<(i64, u32)> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => Some((after.as_secs().try_into().ok()?, after.subsec_nanos())),
        Err(error) => {
            let before = error.duration();
            let seconds: i64 = before.as_secs().try_into().ok()?;
            match before.subsec_nanos() {
                0 => Some((-seconds, 0)),
                nanos => Some((-seconds - 1, 1_000_000_000 - nanos)),
            }
        }
    }
}

fn time_at(seconds: i64, nanos: u32) -> Option<SystemTime> {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let second = if seconds < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    second?.checked_add(Duration::new(0, nanos))
}

fn read(text: &[u8]) -> Option<SystemTime> {
    let mut rest = Rest(text);
    let year = rest.number(4)?;
    rest.literal(b'-')?;
    let month = rest.number(2)?;
    rest.literal(b'-')?;
    let day = rest.number(2)?;
    // RFC 3339 leaves the separator to the application: `T` and a space are common.
    rest.byte()?;
    let hour = rest.number(2)?;
    rest.literal(b':')?;
    let minute = rest.number(2)?;
    rest.literal(b':')?;
    let second = rest.number(2)?;
    let nanos = match rest.literal(b'.') {
        Some(()) => rest.nanos()?,
        None => 0,
    };
    let offset = rest.offset()?;
    let exists = (1..=12).contains(&month)
        && (1..=days_of_month(year, month)).contains(&day)
        && hour <= 23
        && minute <= 59
        && second <= 60;
    if !rest.0.is_empty() || !exists {
        return None;
    }
    let of_day = hour * 3600 + minute * 60 + second.min(59);
    let seconds = days_since_epoch(year, month, day) * DAY + of_day - offset;
    if second < 60 {
        return time_at(seconds, nanos);
    }
    // A leap second is the last of a month in UTC, nowhere else.
    let next = seconds + 1;
    let ends_month = next.rem_euclid(DAY) == 0 && date_of(next.div_euclid(DAY)).2 == 1;
    ends_month.then(|| time_at(seconds, LAST_NANOSECOND))?
}

/// What is left of a text that is read from its front.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn literal(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn digit(&mut self) -> Option<u8> {
        let digit = self.0.first().filter(|byte| byte.is_ascii_digit())? - b'0';
        self.byte().map(|_| digit)
    }

    /// A number of exactly so many digits.
    fn number(&mut self, digits: u32) -> Option<i64> {
        (0..digits).try_fold(0, |number, _| Some(number * 10 + i64::from(self.digit()?)))
    }

    /// One digit or more behind a point.
    fn nanos(&mut self) -> Option<u32> {
        let mut unit = 100_000_000;
        let mut nanos = u32::from(self.digit()?) * unit;
        while let Some(digit) = self.digit() {
            unit /= 10;
            nanos += u32::from(digit) * unit;
        }
        Some(nanos)
    }

    /// Seconds by which the local time is ahead of UTC.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.byte()? {
            b'Z' | b'z' => return Some(0),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours = self.number(2)?;
        self.literal(b':')?;
        let minutes = self.number(2)?;
        (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, by Howard Hinnant's "chrono-compatible
/// low-level date algorithms". Years begin in March, so the leap day is the last of its year.
const fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH
}

/// The year, month and day of [`days_since_epoch`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH;
    let (era, of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    use super::*;

    /// Nanoseconds since 1970 of a text.
    fn nanos(text: &str) -> Option<i128> {
        let (seconds, nanos) = since_epoch(parse(text).ok()?)?;
        Some(i128::from(seconds) * 1_000_000_000 + i128::from(nanos))
    }

    fn nanos_by_crate_time(text: &str) -> Option<i128> {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        Some(time.unix_timestamp_nanos())
    }

    #[test]
    fn a_time_is_written_in_one_way() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (0, 1, "1970-01-01T00:00:00.000000001Z"),
            (-1, 500_000_000, "1969-12-31T23:59:59.5Z"),
            (951_782_400, 0, "2000-02-29T00:00:00Z"),
            (1_709_251_199, 999_999_999, "2024-02-29T23:59:59.999999999Z"),
            (1_769_846_400, 120_000_000, "2026-01-31T08:00:00.12Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00Z"),
            (253_402_300_799, 0, "9999-12-31T23:59:59Z"),
            (-62_167_219_200, 0, "0000-01-01T00:00:00Z"),
        ] {
            let time = time_at(seconds, nanos).unwrap();
            assert_eq!(format(time).as_deref(), Some(text));
            assert_eq!(parse(text).unwrap(), time);
        }
        assert_eq!(format(time_at(253_402_300_800, 0).unwrap()), None);
        assert_eq!(format(time_at(-62_167_219_201, 0).unwrap()), None);
    }

    #[test]
    fn what_is_read_is_what_the_crate_time_reads() {
        let good = [
            "2026-01-31t08:00:00z",
            "2026-01-31 08:00:00Z",
            "2026-01-31T08:00:00.123456789123Z",
            "2026-01-31T08:00:00+23:59",
            "2026-01-31T08:00:00-00:00",
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "2016-12-31T23:59:60Z",
            "2016-12-31T23:59:60.5Z",
            "2017-01-01T00:59:60+01:00",
        ];
        let bad = [
            "",
            "now",
            "2026-01-31",
            "2026-01-31T08:00Z",
            "2026-01-31T08:00:00",
            "2026-01-31T08:00:00.Z",
            "2026-01-31T08:00:00,5Z",
            "2026-01-31T08:00:00Zz",
            "2026-01-31T08:00:00 Z",
            " 2026-01-31T08:00:00Z",
            "2026-1-31T08:00:00Z",
            "+2026-01-31T08:00:00Z",
            "2026-00-31T08:00:00Z",
            "2026-13-31T08:00:00Z",
            "2026-02-29T08:00:00Z",
            "2026-04-31T08:00:00Z",
            "2026-01-00T08:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T08:60:00Z",
            "2026-01-31T08:00:61Z",
            "2026-01-31T08:00:60Z",
            "2016-12-30T23:59:60Z",
            "2026-01-31T08:00:00+24:00",
            "2026-01-31T08:00:00+00:60",
            "2026-01-31T08:00:00+0100",
            "2026-01-31T08:00:00+01",
            "2026-01-31é08:00:00Z",
            "２026-01-31T08:00:00Z",
        ];
        for text in good {
            assert!(nanos(text).is_some(), "{text}");
        }
        for text in bad {
            assert_eq!(nanos(text), None, "{text}");
        }
        for text in good.into_iter().chain(bad) {
            assert_eq!(nanos(text), nanos_by_crate_time(text), "{text}");
        }
    }

    #[test]
    fn a_refusal_names_the_value_and_the_fix() {
        assert_eq!(
            parse("yesterday").unwrap_err().to_string(),
            "invalid time \"yesterday\": it is not a time by RFC 3339; \
             write it as \"2026-01-31T08:00:00Z\" or \"2026-01-31T09:00:00+01:00\""
        );
    }

    proptest! {
        #[test]
        fn every_time_is_written_as_the_crate_time_writes_it(
            seconds in -70_000_000_000_i64..260_000_000_000,
            nanos in prop_oneof![Just(0), 0_u32..1_000_000_000, (0_u32..1000).prop_map(|m| m * 1_000_000)],
        ) {
            let theirs = OffsetDateTime::from_unix_timestamp(seconds)
                .ok()
                .and_then(|time| time.replace_nanosecond(nanos).ok()?.format(&Rfc3339).ok());
            let time = time_at(seconds, nanos).unwrap();
            prop_assert_eq!(format(time), theirs.clone());
            if let Some(text) = theirs {
                prop_assert_eq!(parse(&text).unwrap(), time);
            }
        }

        #[test]
        fn every_text_is_read_as_the_crate_time_reads_it(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9][T tx][0-2][0-9]:[0-6][0-9]:([0-5][0-9]|60)(\\.[0-9]{0,12})?(Z|z|[+-][0-2][0-9]:[0-6][0-9]|)",
        ) {
            prop_assert_eq!(nanos(&text), nanos_by_crate_time(&text), "{}", text);
        }

        #[test]
        fn a_leap_second_is_read_as_the_crate_time_reads_it(
            month in 1..=12, day in 27..=31, hour in 0..=23, minute in 0..=59,
            sign in "[+-]", offset_hour in 0..=23, offset_minute in 0..=59,
        ) {
            let near = format!(
                "2024-{month:02}-{day:02}T{hour:02}:{minute:02}:60{sign}{offset_hour:02}:{offset_minute:02}"
            );
            let just = format!("2024-{month:02}-{day:02}T23:59:60Z");
            for text in [near, just] {
                prop_assert_eq!(nanos(&text), nanos_by_crate_time(&text), "{}", text);
            }
        }
    }
}
