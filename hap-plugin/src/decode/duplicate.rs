//! Finds a field that is there twice, which a [`Value`](serde_json::Value) does not show.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_path_to_error::{Path, Segment};

/// Returns the names that the object at a path of a text has more than once, in order.
pub(super) fn duplicates(text: &[u8], path: &Path) -> Vec<String> {
    let way: Vec<_> = path.iter().collect();
    let mut found = Vec::new();
    let mut json = serde_json::Deserializer::from_slice(text);
    let search = Search {
        way: &way,
        found: &mut found,
    };
    // What is no JSON has been told already.
    let _ = search.deserialize(&mut json);
    found
}

struct Search<'a> {
    way: &'a [&'a Segment],
    found: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if let Some((Segment::Seq { index }, way)) = self.way.split_first() {
            for _ in 0..*index {
                list.next_element::<IgnoredAny>()?;
            }
            let found = self.found;
            list.next_element_seed(Search { way, found })?;
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = object.next_key::<String>()? {
            match self.way.split_first() {
                Some((Segment::Map { key } | Segment::Enum { variant: key }, way)) if *key == name => {
                    let found = &mut *self.found;
                    object.next_value_seed(Search { way, found })?;
                }
                Some(_) => drop(object.next_value::<IgnoredAny>()?),
                None => {
                    self.found.extend(names.replace(name));
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Lists {
        #[expect(dead_code, reason = "only read")]
        lists: Vec<Pair>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Pair {
        #[expect(dead_code, reason = "only read")]
        a: u8,
    }

    #[test]
    fn a_name_is_twice_in_the_object_that_was_refused() {
        for (text, names) in [
            (
                r#"{"lists":[{"a":1},{"b":0,"b":1,"a":1,"a":2}],"c":1,"c":2}"#,
                vec!["b", "a"],
            ),
            (r#"{"lists":[{"a":1},{"a":"x"}],"c":1,"c":2}"#, vec![]),
            (r#"{"lists":[],"lists":[]}"#, vec!["lists"]),
        ] {
            let mut json = serde_json::Deserializer::from_str(text);
            let error = serde_path_to_error::deserialize::<_, Lists>(&mut json).unwrap_err();
            assert_eq!(duplicates(text.as_bytes(), error.path()), names, "{text}");
        }
    }
}
