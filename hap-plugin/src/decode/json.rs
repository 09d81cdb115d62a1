//! Reads JSON into types; a refusal says what does not fit, and where.

use std::fmt;

use hap_manifest::wire::Map;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use serde_path_to_error::Segment;

use crate::decode::redact;
use crate::error::{Fault, Result};

/// Reads a body of JSON into a type. `code` is that of a refusal for well-formed JSON of the wrong shape.
pub(crate) fn from_json<T: DeserializeOwned>(body: &[u8], code: &'static str) -> Result<T> {
    from_json_of("the body", body, code)
}

/// As [`from_json`], of a text that the refusal calls `what`.
pub(crate) fn from_json_of<T: DeserializeOwned>(what: &str, text: &[u8], code: &'static str) -> Result<T> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let error = match serde_path_to_error::deserialize(&mut json) {
        Ok(value) => {
            return json
                .end()
                .map(|()| value)
                .map_err(|error| not_json(what, text, &error));
        }
        Err(error) => error,
    };
    if error.inner().is_data() {
        return Err(Mismatch::of(&error).into_fault(code));
    }
    // The parser also calls it a mistake in the text when an enum is a number or a key should have been one.
    match serde_json::from_slice::<Value>(text) {
        Ok(value) => {
            let again = serde_path_to_error::deserialize::<_, T>(&value);
            Err(Mismatch::of(&again.err().unwrap_or(error)).into_fault(code))
        }
        Err(_) => Err(not_json(what, text, error.inner())),
    }
}

fn not_json(what: &str, text: &[u8], error: &serde_json::Error) -> Fault {
    let message = if text.trim_ascii().is_empty() {
        format!("{what} is empty, and not JSON")
    } else {
        format!("{what} is not JSON: {error}")
    };
    // The parser names places and what it looked for, never what it found.
    Fault::new(400, "invalid_json", message).with_reason_for_log(Some(error.to_string()))
}

/// Reads an object into a type.
pub(crate) fn from_object<T: DeserializeOwned>(object: &Map) -> Result<T, Mismatch> {
    serde_path_to_error::deserialize(object).map_err(|error| Mismatch::of(&error))
}

/// What of well-formed JSON does not fit a type, and where.
#[derive(Debug)]
pub(crate) struct Mismatch {
    /// Such as `scenes[1].room`; `.` for the whole. What is missing is in it, and so is what is unknown.
    path: String,
    /// The object or value that the reason speaks of.
    place: String,
    /// The key of the outermost object that it is about.
    pub(crate) key: Option<String>,
    reason: String,
    for_log: Option<String>,
}

impl Mismatch {
    fn of(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let key = error.path().iter().next().and_then(|segment| match segment {
            Segment::Map { key } => Some(key.clone()),
            _ => None,
        });
        let told = Self::told(error.path().to_string(), &error.inner().to_string());
        Self {
            key: key.or(told.key),
            ..told
        }
    }

    /// A mismatch by the path and the message of serde.
    pub(crate) fn told(path: String, message: &str) -> Self {
        let field = |what: &str| {
            let (name, _) = message.strip_prefix(what)?.split_once('`')?;
            Some(name)
        };
        let below = |place: &str, name: &str| match place {
            "." => name.to_owned(),
            place => format!("{place}.{name}"),
        };
        let unknown = field("unknown field `");
        let (place, path) = if let Some(name) = unknown.or_else(|| field("duplicate field `")) {
            // The path ends with it, unless serde held it back for a while.
            let parent = path.strip_suffix(name).map(|parent| match parent {
                "" => Some("."),
                parent => parent.strip_suffix('.'),
            });
            match parent.flatten() {
                Some(parent) => (parent.to_owned(), path),
                None => (path.clone(), below(&path, name)),
            }
        } else if let Some(name) = field("missing field `") {
            (path.clone(), below(&path, name))
        } else {
            (path.clone(), path)
        };
        Self {
            key: unknown.map(str::to_owned),
            reason: redact::without_value(message),
            for_log: redact::for_log(message),
            path,
            place,
        }
    }

    /// Whether all that is wrong is something missing in the outermost object.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.place == "." && self.reason.starts_with("missing field ")
    }

    /// The refusal, with this code.
    pub(crate) fn into_fault(self, code: &'static str) -> Fault {
        let message = self.to_string();
        let details = json!({ "path": self.path, "message": self.reason });
        self.refusal(code, message, details)
    }

    /// The refusal of the parameters of a command.
    pub(crate) fn into_command_fault(self, command: &str) -> Fault {
        let message = match self.place.as_str() {
            "." => format!("bad parameters of command {command:?}: {}", self.reason),
            place => format!(
                "bad parameters of command {command:?} at `{place}`: {}",
                self.reason
            ),
        };
        let details = json!({ "command": command, "path": self.path, "message": self.reason });
        self.refusal("invalid_params", message, details)
    }

    fn refusal(self, code: &'static str, message: String, details: Value) -> Fault {
        Fault::new(422, code, message)
            .with_details(details)
            .with_reason_for_log(self.for_log)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place == "." {
            f.write_str(&self.reason)
        } else {
            write!(f, "at `{}`: {}", self.place, self.reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Login {
        #[expect(dead_code, reason = "only read")]
        port: u16,
    }

    fn refuse(body: &str) -> Fault {
        from_json::<Login>(body.as_bytes(), "invalid_config").unwrap_err()
    }

    #[test]
    fn a_text_that_does_not_fit_is_not_repeated() {
        let fault = refuse(r#"{"port": "hunter2, expected x"}"#);
        assert_eq!(
            fault.message(),
            "at `port`: expected a whole number from 0 to 65535, found a string"
        );
        assert_eq!(fault.details().unwrap()["path"], "port");
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        #[expect(dead_code, reason = "only read")]
        login: Login,
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        mode: Mode,
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        pins: BTreeMap<u8, u8>,
    }

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        #[default]
        Slow,
        Fast,
    }

    #[test]
    fn a_mismatch_knows_the_outermost_key() {
        for (object, key, incomplete) in [
            (json!({"login": {"port": "x"}}), Some("login"), false),
            (json!({"login": {}}), Some("login"), false),
            (json!({"log": 1}), Some("log"), false),
            (json!({}), None, true),
        ] {
            let mismatch = from_object::<Strict>(object.as_object().unwrap()).unwrap_err();
            assert_eq!(mismatch.key.as_deref(), key, "{mismatch}");
            assert_eq!(mismatch.is_incomplete(), incomplete, "{mismatch}");
        }
    }

    #[test]
    fn a_refusal_says_where_in_words_of_everybody() {
        for (body, path, message) in [
            ("[]", ".", "expected an object, found a length of 0"),
            ("7", ".", "expected an object, found a whole number"),
            ("{}", "login", "missing field `login`"),
            (
                r#"{"login":{}}"#,
                "login.port",
                "at `login`: missing field `port`",
            ),
            (
                r#"{"log":1}"#,
                "log",
                "unknown field `log`, expected one of `login`, `mode`, `pins`",
            ),
            (
                r#"{"login":{"port":1,"port":2}}"#,
                "login.port",
                "at `login`: duplicate field `port`",
            ),
            (
                r#"{"mode":"x"}"#,
                "mode",
                "at `mode`: expected `slow` or `fast`, found another value",
            ),
            (
                r#"{"mode":5}"#,
                "mode",
                "at `mode`: expected a string or an object, found a whole number",
            ),
            (
                r#"{"pins":{"hunter2":1}}"#,
                "pins.?",
                "at `pins.?`: the key has to be a number in quotes",
            ),
        ] {
            let fault = from_json::<Strict>(body.as_bytes(), "invalid_config").unwrap_err();
            assert_eq!((fault.status(), fault.message()), (422, message), "{body}");
            assert_eq!(fault.details().unwrap()["path"], path, "{body}");
        }
    }

    #[test]
    fn broken_json_is_told_from_json_of_another_shape() {
        for (body, status) in [
            ("", 400),
            ("{", 400),
            ("{} {}", 422),
            (r#"{"port":1} x"#, 400),
            ("[]", 422),
        ] {
            assert_eq!(refuse(body).status(), status, "{body}");
        }
        assert_eq!(refuse(" ").message(), "the body is empty, and not JSON");
        let file = from_json_of::<Login>("the file", b"{", "invalid_config").unwrap_err();
        assert!(
            file.message().starts_with("the file is not JSON: "),
            "{}",
            file.message()
        );
    }
}
