//! [`Limits`]: the bounds of one part of a schema.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// The bounds that a part of a schema sets for the value itself.
#[derive(Debug, Default)]
pub(super) struct Limits {
    least: Option<Number>,
    most: Option<Number>,
    above: Option<Number>,
    below: Option<Number>,
    multiple_of: Option<f64>,
    is_whole: bool,
    /// Of a string, in characters.
    length: Count,
    /// Of a list.
    items: Count,
    /// Of an object.
    properties: Count,
}

/// How many there may be.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    least: Option<u64>,
    most: Option<u64>,
}

/// A bound that a value breaks. It holds nothing of the value but a number.
#[derive(Debug)]
pub(super) struct Broken {
    /// What would have fitted.
    pub(super) expected: String,
    /// What was found, in words that tell nothing of the value.
    pub(super) kind: &'static str,
    /// The number that was found, or how many there are.
    pub(super) found: String,
}

impl Limits {
    pub(super) fn of(schema: &Value) -> Self {
        let number = |name: &str| match schema.get(name) {
            Some(Value::Number(number)) => Some(number.clone()),
            _ => None,
        };
        let count = |least: &str, most: &str| Count {
            least: schema
                .get(least)
                .and_then(Value::as_u64)
                .filter(|least| *least > 0),
            most: schema.get(most).and_then(Value::as_u64),
        };
        let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
        let (own_least, own_most) = of_type(format);
        Self {
            // What the type refuses itself is told by it.
            least: number("minimum").filter(|least| least.as_i64() != own_least || own_least.is_none()),
            most: number("maximum").filter(|most| most.as_u64() != own_most || own_most.is_none()),
            above: number("exclusiveMinimum"),
            below: number("exclusiveMaximum"),
            multiple_of: number("multipleOf")
                .and_then(|of| of.as_f64())
                .filter(|of| *of > 0.0),
            is_whole: schema.get("type").is_some_and(|kind| match kind {
                Value::Array(kinds) => kinds.iter().any(|kind| kind == "integer"),
                kind => kind == "integer",
            }),
            length: count("minLength", "maxLength"),
            items: count("minItems", "maxItems"),
            properties: count("minProperties", "maxProperties"),
        }
    }

    pub(super) fn are_set(&self) -> bool {
        let numbers = [&self.least, &self.most, &self.above, &self.below];
        let counts = [self.length, self.items, self.properties];
        numbers.into_iter().any(Option::is_some)
            || self.multiple_of.is_some()
            || counts.into_iter().any(|count| count != Count::default())
    }

    pub(super) fn broken_by(&self, value: &Value) -> Option<Broken> {
        match value {
            Value::Number(number) if !self.holds(number) => Some(Broken {
                expected: self.number_in_words(),
                kind: if number.is_f64() {
                    "a number"
                } else {
                    "a whole number"
                },
                found: number.to_string(),
            }),
            Value::String(text) => {
                // Bytes first: most texts have few enough of them.
                let is_short = |most: u64| u64::try_from(text.len()).is_ok_and(|bytes| bytes <= most);
                if self.length.least.is_none() && self.length.most.is_none_or(is_short) {
                    return None;
                }
                self.length.broken(text.chars().count(), "a string", "characters")
            }
            Value::Array(list) => self.items.broken(list.len(), "a list", "entries"),
            Value::Object(object) => self.properties.broken(object.len(), "an object", "entries"),
            _ => None,
        }
    }

    fn holds(&self, number: &Number) -> bool {
        let is = |bound: &Option<Number>, allowed: &[Ordering]| {
            bound
                .as_ref()
                .is_none_or(|bound| compared(number, bound).is_none_or(|order| allowed.contains(&order)))
        };
        is(&self.least, &[Ordering::Greater, Ordering::Equal])
            && is(&self.most, &[Ordering::Less, Ordering::Equal])
            && is(&self.above, &[Ordering::Greater])
            && is(&self.below, &[Ordering::Less])
            && self.multiple_of.is_none_or(|of| {
                number.as_f64().is_none_or(|number| {
                    let times = number / of;
                    (times - times.round()).abs() < 1e-9
                })
            })
    }

    fn number_in_words(&self) -> String {
        let what = if self.is_whole {
            "a whole number"
        } else {
            "a number"
        };
        let mut words = match (&self.least, &self.most) {
            (Some(least), Some(most)) => format!("{what} from {least} to {most}"),
            (Some(least), None) => format!("{what} of at least {least}"),
            (None, Some(most)) => format!("{what} of at most {most}"),
            (None, None) => what.to_owned(),
        };
        for (bound, word) in [(&self.above, "above"), (&self.below, "below")] {
            if let Some(bound) = bound {
                words.push_str(&format!(" {word} {bound}"));
            }
        }
        if let Some(of) = self.multiple_of {
            words.push_str(&format!(" that is a multiple of {of}"));
        }
        words
    }
}

impl Count {
    fn broken(self, found: usize, what: &'static str, of: &str) -> Option<Broken> {
        let count = u64::try_from(found).unwrap_or(u64::MAX);
        let holds =
            self.least.is_none_or(|least| count >= least) && self.most.is_none_or(|most| count <= most);
        (!holds).then(|| {
            let many = match (self.least, self.most) {
                (Some(least), Some(most)) if least == most => format!("{least}"),
                (Some(least), Some(most)) => format!("{least} to {most}"),
                (Some(least), None) => format!("at least {least}"),
                (None, most) => format!("at most {}", most.unwrap_or_default()),
            };
            Broken {
                expected: format!("{what} of {many} {of}"),
                kind: "another length",
                found: format!("{found} {of}"),
            }
        })
    }
}

/// Compares two numbers of JSON, exactly where both are whole.
fn compared(one: &Number, other: &Number) -> Option<Ordering> {
    let whole = |number: &Number| {
        let signed = number.as_i64().map(i128::from);
        signed.or_else(|| number.as_u64().map(i128::from))
    };
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

/// The bounds that a type of this format has itself.
fn of_type(format: &str) -> (Option<i64>, Option<u64>) {
    let signed = |least: i64, most: i64| (Some(least), u64::try_from(most).ok());
    match format {
        "uint8" => (Some(0), Some(u8::MAX.into())),
        "uint16" => (Some(0), Some(u16::MAX.into())),
        "uint32" => (Some(0), Some(u32::MAX.into())),
        "uint64" | "uint" | "uint128" => (Some(0), Some(u64::MAX)),
        "int8" => signed(i8::MIN.into(), i8::MAX.into()),
        "int16" => signed(i16::MIN.into(), i16::MAX.into()),
        "int32" => signed(i32::MIN.into(), i32::MAX.into()),
        "int64" | "int" => signed(i64::MIN, i64::MAX),
        _ => (None, None),
    }
}
