//! Times and sizes as a configuration file writes them: `30s`, `7d`, `16m`.

use std::{borrow::Cow, time::Duration};

use hap_manifest::ParseError;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serializer};

/// Longest time: a century is a slip of the pen.
const MOST_DAYS: u64 = 3_650;
/// Longest text of both kinds.
const MAX_TEXT: usize = 24;

const TIMES: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];
const SIZES: [(&str, u64); 4] = [("b", 1), ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30)];

/// A whole number and a unit: `500ms`, `10s`, `2m`, `1h`, `7d`. At most ten years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Duration);

/// A whole number of bytes and a unit, in binary multiples: `512k`, `16m`, `1g`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl Time {
    fn parse(text: &str) -> Result<Self, ParseError> {
        let refuse = |rule: &str, help: &str| ParseError::of("duration", text, rule, help);
        let help = "write a whole number and one unit, for example \"500ms\", \"90s\" or \"7d\"";
        let millis = parse(text, &TIMES).map_err(|fault| match fault {
            Fault::NoUnit(number) => refuse("it has no unit", &format!("write \"{number}s\" for seconds")),
            Fault::Unit => refuse("the unit must be one of ms, s, m, h and d", help),
            Fault::Number => refuse("it must be a whole number with a unit", help),
        })?;
        if millis > MOST_DAYS * 86_400_000 {
            return Err(refuse("it is more than ten years", help));
        }
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl Size {
    fn parse(text: &str) -> Result<Self, ParseError> {
        let refuse = |rule: &str, help: &str| ParseError::of("size", text, rule, help);
        let help = "write a whole number and one unit, for example \"512k\", \"16m\" or \"1g\"";
        let bytes = parse(&text.to_ascii_lowercase(), &SIZES).map_err(|fault| match fault {
            Fault::NoUnit(number) => refuse(
                "it has no unit",
                &format!("write \"{number}m\" for mebibytes, or \"{number}b\" for bytes"),
            ),
            Fault::Unit => refuse("the unit must be one of b, k, m and g", help),
            Fault::Number => refuse("it must be a whole number with a unit", help),
        })?;
        Ok(Self(bytes))
    }
}

enum Fault {
    Number,
    NoUnit(u64),
    Unit,
}

fn parse(text: &str, units: &[(&str, u64)]) -> Result<u64, Fault> {
    if text.len() > MAX_TEXT {
        return Err(Fault::Number);
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let number: u64 = digits.parse().map_err(|_| Fault::Number)?;
    if unit.is_empty() {
        return Err(Fault::NoUnit(number));
    }
    let (_, factor) = units.iter().find(|(name, _)| *name == unit).ok_or(Fault::Unit)?;
    number.checked_mul(*factor).ok_or(Fault::Number)
}

/// The largest unit that is exact.
fn written(amount: u64, units: &[(&str, u64)]) -> String {
    let exact = units
        .iter()
        .rev()
        .find(|(_, factor)| amount.is_multiple_of(*factor));
    let (name, factor) = exact.copied().filter(|_| amount > 0).unwrap_or(("", 1));
    match name {
        "" => units
            .first()
            .map_or_else(|| amount.to_string(), |(name, _)| format!("{amount}{name}")),
        name => format!("{}{name}", amount / factor),
    }
}

macro_rules! text_of {
    ($name:ident, $parse:expr, $about:literal, $pattern:literal, $example:literal) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <Cow<'de, str>>::deserialize(deserializer)?;
                $parse(&text).map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "description": $about,
                    "pattern": $pattern,
                    "examples": [$example],
                })
            }
        }
    };
}

text_of!(
    Time,
    Self::parse,
    "Duration: a whole number and a unit ms, s, m, h or d, at most ten years.",
    "^[0-9]+(ms|s|m|h|d)$",
    "30s"
);
text_of!(
    Size,
    Self::parse,
    "Size: a whole number and a unit b, k, m or g (binary multiples).",
    "^[0-9]+[bkmgBKMG]$",
    "16m"
);

/// For `#[serde(with)]` of a [`Duration`].
pub(crate) mod duration {
    use super::{Deserialize as _, Deserializer, Duration, Serializer, TIMES, Time, written};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Time::deserialize(deserializer).map(|time| time.0)
    }

    /// For the defaults of the schema.
    pub(crate) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        serializer.serialize_str(&written(millis, &TIMES))
    }
}

/// For `#[serde(with)]` of a number of bytes.
pub(crate) mod bytes {
    use super::{Deserialize as _, Deserializer, SIZES, Serializer, Size, written};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        Size::deserialize(deserializer).map(|size| size.0)
    }

    /// For the defaults of the schema.
    pub(crate) fn serialize<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&written(*bytes, &SIZES))
    }
}

/// Refuses 0.
pub(crate) fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    std::num::NonZeroU32::deserialize(deserializer).map(std::num::NonZeroU32::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for (text, millis) in [
            ("0ms", 0),
            ("500ms", 500),
            ("90s", 90_000),
            ("5m", 300_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(Time::parse(text).unwrap().0, Duration::from_millis(millis));
            assert_eq!(written(millis, &TIMES), text);
        }
        for (text, bytes) in [
            ("0b", 0),
            ("5b", 5),
            ("512k", 512 << 10),
            ("16m", 16 << 20),
            ("2g", 2 << 30),
        ] {
            assert_eq!(Size::parse(text).unwrap().0, bytes);
            assert_eq!(written(bytes, &SIZES), text);
        }
        assert_eq!(Size::parse("16M").unwrap().0, 16 << 20);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_to_write() {
        for (text, help) in [
            ("30", "write \"30s\""),
            ("30 s", "ms, s, m, h and d"),
            ("30sec", "ms, s, m, h and d"),
            ("", "whole number"),
            ("-3s", "whole number"),
            ("1.5h", "ms, s, m, h and d"),
            ("99999999999999999999h", "whole number"),
            ("3651d", "more than ten years"),
        ] {
            let told = Time::parse(text).unwrap_err().to_string();
            assert!(told.contains(help), "{text}: {told}");
        }
        for (text, help) in [
            ("16", "write \"16m\""),
            ("16mb", "b, k, m and g"),
            ("g", "whole number"),
            ("99999999999g", "whole number"),
        ] {
            let told = Size::parse(text).unwrap_err().to_string();
            assert!(told.contains(help), "{text}: {told}");
        }
    }
}
