//! Serde's words for types, as people say them who do not write Rust.

use std::borrow::Cow;

/// What serde expected: `u8`, `struct Scene`, `a sequence`. Other words are an author's and stay as they are.
pub(crate) fn expected(words: &str) -> Cow<'_, str> {
    let least_and_most = |words: &str| {
        macro_rules! of {
            ($($type:ident)*) => {
                match words {
                    $(stringify!($type) => Some(($type::MIN.to_string(), $type::MAX.to_string())),)*
                    _ => None,
                }
            };
        }
        of!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize)
    };
    if let Some((least, most)) = least_and_most(words) {
        return format!("a whole number from {least} to {most}").into();
    }
    if let Some((least, most)) = words.strip_prefix("a nonzero ").and_then(least_and_most) {
        return match least.as_str() {
            "0" => format!("a whole number from 1 to {most}").into(),
            _ => format!("a whole number from {least} to {most} other than 0").into(),
        };
    }
    let plain = match words {
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a borrowed string" => "a string",
        "a character" => "a string of one character",
        "unit" => "null",
        "option" => "a value or null",
        "a sequence" => "a list",
        "an empty array" => "an empty list",
        "a map" => "an object",
        "map with a single key" => "an object with one entry",
        "string or map" => "a string or an object",
        "variant identifier" | "field identifier" => "a name",
        "unit variant" => "a name alone",
        "newtype variant" => "a value",
        "tuple variant" => "a list",
        "struct variant" => "an object",
        _ => return named(words),
    };
    plain.into()
}

/// The words with the name of a type of the program, which the caller does not know, or with a length.
fn named(words: &str) -> Cow<'_, str> {
    for (prefix, plain) in [
        ("internally tagged enum ", "an object"),
        ("adjacently tagged enum ", "an object"),
        ("struct variant ", "an object"),
        ("struct ", "an object"),
        ("variant of enum ", "a name"),
        ("enum ", "a string or an object"),
        ("unit struct ", "null"),
        // Where it is told, a value was given for what takes none.
        ("unit variant ", "nothing"),
    ] {
        // Names of types begin so; other words after it are an author's.
        let rest = words.strip_prefix(prefix);
        if rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_uppercase() || c == '_')) {
            return plain.into();
        }
    }
    for prefix in ["a tuple of size ", "an array of length "] {
        if let Some(length) = words.strip_prefix(prefix) {
            return format!("a list of {length}").into();
        }
    }
    if words.starts_with("tuple struct ") || words.starts_with("tuple variant ") {
        let length = words.split_once(" with ").map(|(_, rest)| rest);
        let length = length.and_then(|rest| rest.split_once(" element"));
        return match length {
            Some((length, _)) => format!("a list of {length}").into(),
            None => "a list".into(),
        };
    }
    words.into()
}

/// The kind of value that serde found: `map`, `sequence`, `floating point`. `None` for the words of an author.
pub(crate) fn found(kind: &str) -> Option<&'static str> {
    let plain = match kind {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "floating point" => "a number",
        "string" | "character" => "a string",
        "byte array" => "bytes",
        "null" | "unit value" => "null",
        "sequence" | "tuple variant" => "a list",
        "map" | "struct variant" => "an object",
        "unit variant" => "a name alone",
        "Option value" | "newtype struct" | "newtype variant" | "enum" => "a value",
        _ => return None,
    };
    Some(plain)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;
    use std::num::{NonZeroI8, NonZeroU8};

    use serde::Deserialize;
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;
    use crate::decode::redact;

    #[test]
    fn each_number_has_its_bounds() {
        for (words, plain) in [
            ("u8", "a whole number from 0 to 255"),
            ("u16", "a whole number from 0 to 65535"),
            ("u32", "a whole number from 0 to 4294967295"),
            ("u64", "a whole number from 0 to 18446744073709551615"),
            (
                "u128",
                "a whole number from 0 to 340282366920938463463374607431768211455",
            ),
            ("i8", "a whole number from -128 to 127"),
            ("i16", "a whole number from -32768 to 32767"),
            ("i32", "a whole number from -2147483648 to 2147483647"),
            (
                "i64",
                "a whole number from -9223372036854775808 to 9223372036854775807",
            ),
            ("a nonzero u16", "a whole number from 1 to 65535"),
            ("a nonzero i8", "a whole number from -128 to 127 other than 0"),
            ("f32", "a number"),
            ("f64", "a number"),
        ] {
            assert_eq!(expected(words), plain);
        }
        for words in ["usize", "isize", "i128"] {
            assert!(expected(words).starts_with("a whole number from "), "{words}");
        }
    }

    #[test]
    fn names_of_types_are_left_out_and_the_authors_words_stay() {
        for (words, plain) in [
            ("struct Scene", "an object"),
            ("struct Scene with 2 elements", "an object"),
            ("struct variant Command::Dim with 1 element", "an object"),
            ("tuple struct Pair with 2 elements", "a list of 2"),
            ("tuple variant Command::Pair", "a list"),
            ("tuple variant Command::Pair with 1 element", "a list of 1"),
            ("unit variant Command::TaskEnds", "nothing"),
            ("unit struct Nothing", "null"),
            ("enum Mode", "a string or an object"),
            ("variant of enum Command", "a name"),
            ("internally tagged enum Bridge", "an object"),
            ("adjacently tagged enum Command", "an object"),
            ("a tuple of size 2", "a list of 2"),
            ("an array of length 3", "a list of 3"),
            ("a percentage", "a percentage"),
            ("enum value between 1 and 3", "enum value between 1 and 3"),
            ("struct of two numbers", "struct of two numbers"),
            ("structured text", "structured text"),
            ("`on` or `off`", "`on` or `off`"),
        ] {
            assert_eq!(expected(words), plain);
        }
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Scene {
        room: String,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Pair(u8, u8);

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "only read")]
    enum Mode {
        Off,
        Dim(u8),
        Fade { from: u8 },
        Mix(u8, u8),
    }

    #[derive(Debug, Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    #[expect(dead_code, reason = "only read")]
    enum Bridge {
        Local { pin: u8 },
    }

    #[derive(Debug, Deserialize)]
    #[serde(tag = "kind", content = "of", rename_all = "snake_case")]
    #[expect(dead_code, reason = "only read")]
    enum Adjacent {
        Alone,
        Local { pin: u8 },
    }

    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only read")]
    enum Either {
        Number(u8),
        Scene(Scene),
    }

    fn told<T: DeserializeOwned + Debug>(value: Value) -> String {
        redact::without_value(&T::deserialize(value).unwrap_err().to_string())
    }

    /// What serde and its derived code say today, so that a new release with other words is noticed.
    #[test]
    fn what_serde_says_is_understood() {
        for (told, plain) in [
            (
                told::<u8>(json!(300)),
                "expected a whole number from 0 to 255, found 300",
            ),
            (
                told::<u8>(json!("x")),
                "expected a whole number from 0 to 255, found a string",
            ),
            (
                told::<i8>(json!(1.5)),
                "expected a whole number from -128 to 127, found a number",
            ),
            (
                told::<NonZeroU8>(json!(0)),
                "expected a whole number from 1 to 255, found 0",
            ),
            (
                told::<NonZeroI8>(json!([])),
                "expected a whole number from -128 to 127 other than 0, found a list",
            ),
            (told::<f32>(json!(null)), "expected a number, found null"),
            (
                told::<bool>(json!("yes")),
                "expected true or false, found a string",
            ),
            (
                told::<char>(json!("ab")),
                "expected a string of one character, found a string",
            ),
            (
                told::<String>(json!(true)),
                "expected a string, found true or false",
            ),
            (told::<()>(json!(1)), "expected null, found a whole number"),
            (told::<Vec<u8>>(json!({})), "expected a list, found an object"),
            (
                told::<BTreeMap<String, u8>>(json!([])),
                "expected an object, found a list",
            ),
            (
                told::<(u8, u8)>(json!({})),
                "expected a list of 2, found an object",
            ),
            (
                told::<(u8, u8)>(json!([1])),
                "expected a list of 2, found a length of 1",
            ),
            (
                told::<[u8; 3]>(json!([1])),
                "expected a list of 3, found a length of 1",
            ),
            (told::<Pair>(json!({})), "expected a list, found an object"),
            (
                told::<Pair>(json!([1])),
                "expected a list of 2, found a length of 1",
            ),
            (told::<Scene>(json!("hall")), "expected an object, found a string"),
            (
                told::<Scene>(json!([])),
                "expected an object, found a length of 0",
            ),
            (told::<Scene>(json!({})), "missing field `room`"),
            (
                told::<Mode>(json!(5)),
                "expected a string or an object, found a whole number",
            ),
            (
                told::<Mode>(json!({"off": 1, "dim": 2})),
                "expected an object with one entry, found an object",
            ),
            (
                told::<Mode>(json!("bright")),
                "expected one of `off`, `dim`, `fade`, `mix`, found another value",
            ),
            (told::<Mode>(json!("dim")), "expected a value, found a name alone"),
            (
                told::<Mode>(json!("fade")),
                "expected an object, found a name alone",
            ),
            (told::<Mode>(json!("mix")), "expected a list, found a name alone"),
            (
                told::<Mode>(json!({"mix": 5})),
                "expected a list, found a whole number",
            ),
            (
                told::<Bridge>(json!(5)),
                "expected an object, found a whole number",
            ),
            (
                told::<Bridge>(json!({"kind": "cloud"})),
                "expected `local`, found another value",
            ),
            (
                told::<Adjacent>(json!(5)),
                "expected an object, found a whole number",
            ),
            (
                told::<Adjacent>(json!({"kind": "alone", "of": {"a": 1}})),
                "expected nothing, found an object",
            ),
            (
                told::<Adjacent>(json!({"kind": "local", "of": 1})),
                "expected an object, found a whole number",
            ),
            (
                told::<Either>(json!("hunter2")),
                "the value has none of the shapes that are allowed here",
            ),
        ] {
            assert_eq!(told, plain);
        }
    }
}
