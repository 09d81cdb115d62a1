//! A TOML file as JSON, and where in the file each value stands.

use serde_json::{Map, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Why a text is no TOML: the place and the rule.
#[derive(Debug)]
pub(super) struct NoToml {
    pub(super) place: Option<Place>,
    pub(super) message: String,
}

/// A line and a column, both from 1.
pub(super) type Place = (usize, usize);

/// A TOML file.
#[derive(Debug)]
pub(super) struct File<'a> {
    text: &'a str,
    table: Spanned<DeTable<'a>>,
}

impl<'a> File<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, NoToml> {
        match DeTable::parse(text) {
            Ok(table) => Ok(Self { text, table }),
            Err(error) => Err(NoToml {
                place: error.span().map(|span| place(text, span.start)),
                message: error.message().to_owned(),
            }),
        }
    }

    /// Returns the same as JSON. A date is a text there, and so is a number that JSON cannot hold.
    pub(super) fn to_json(&self) -> Map<String, Value> {
        table_to_json(self.table.get_ref())
    }

    /// Returns the place of the value that a JSON pointer names, or of the nearest one around it. Of a member it is the place of
    /// its key, because that is what stands in the file also where the value is a table.
    pub(super) fn place_of(&self, pointer: &str) -> Option<Place> {
        let mut steps = pointer
            .split('/')
            .skip(1)
            .map(|step| step.replace("~1", "/").replace("~0", "~"));
        let first = steps.next()?;
        let (key, mut value) = member(self.table.get_ref(), &first)?;
        let mut found = key;
        for step in steps {
            let inner = match value {
                DeValue::Table(table) => member(table, &step),
                DeValue::Array(items) => step.parse::<usize>().ok().and_then(|index| {
                    let item = items.get(index)?;
                    Some((item.span().start, item.get_ref()))
                }),
                _ => None,
            };
            let Some((at, inner)) = inner else { break };
            (found, value) = (at, inner);
        }
        Some(place(self.text, found))
    }
}

fn member<'t, 'a>(table: &'t DeTable<'a>, name: &str) -> Option<(usize, &'t DeValue<'a>)> {
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
    Some((key.span().start, value.get_ref()))
}

fn place(text: &str, at: usize) -> Place {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

fn table_to_json(table: &DeTable<'_>) -> Map<String, Value> {
    let members = table.iter();
    members
        .map(|(key, value)| (key.get_ref().to_string(), to_json(value.get_ref())))
        .collect()
}

fn to_json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::from(number.as_str()), Value::from),
        DeValue::Float(number) => {
            let parsed = number.as_str().parse().ok();
            let parsed = parsed.and_then(serde_json::Number::from_f64);
            parsed.map_or_else(|| Value::from(number.as_str()), Value::Number)
        }
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(items) => items.iter().map(|item| to_json(item.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(table_to_json(table)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "a = 1\n\n[policy]\npreset = \"home\"\nallow_devices = [\n  \"/dev/a\",\n  \"tty\",\n]\n";

    #[test]
    fn every_value_is_found_where_it_stands() {
        let file = File::parse(TEXT).unwrap();
        assert_eq!(file.place_of("/a"), Some((1, 1)));
        assert_eq!(file.place_of("/policy"), Some((3, 2)));
        assert_eq!(file.place_of("/policy/preset"), Some((4, 1)));
        assert_eq!(file.place_of("/policy/allow_devices/1"), Some((7, 3)));
        assert_eq!(file.place_of("/policy/no/such"), Some((3, 2)));
        assert_eq!(file.place_of("/no"), None);
    }

    #[test]
    fn numbers_keep_their_kind_and_what_json_cannot_hold_is_text() {
        let file = File::parse("a = 0x1F\nb = 0.5\nc = nan\nd = 2020-01-01\ne = [true]\n").unwrap();
        let json = Value::Object(file.to_json());
        assert_eq!(
            json,
            serde_json::json!({"a": 31, "b": 0.5, "c": "nan", "d": "2020-01-01", "e": [true]})
        );
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_place() {
        let error = File::parse("a = 1\nb = = 2\n").unwrap_err();
        assert_eq!(error.place.map(|(line, _)| line), Some(2), "{error:?}");
        assert!(!error.message.is_empty());
    }
}
