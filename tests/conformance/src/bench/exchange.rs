use std::time::Duration;

use serde_json::Value;

use crate::{
    http::{Broken, Head, shown},
    outcome::{Stop, Verdict},
};

/// A whole answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    /// The body as JSON; `None` where it is none. What is nested too deep is left out: that is a case of its own.
    pub(crate) json: Option<Value>,
    /// How deep its JSON is nested.
    pub(crate) nesting: usize,
}

/// Nesting that is read.
const MOST_NESTING: usize = 100;

/// The deepest nesting of a JSON text, and the text with null in place of what is nested deeper than is read.
fn flattened(text: &[u8]) -> (usize, Vec<u8>) {
    let (mut depth, mut deepest, mut string, mut escaped) = (0_usize, 0, false, false);
    let mut flat = Vec::with_capacity(text.len());
    for &byte in text {
        let outer = depth;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if string => escaped = true,
            b'"' => string = !string,
            _ if string => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if outer.max(depth) <= MOST_NESTING {
            flat.push(byte);
        } else if outer == MOST_NESTING {
            flat.extend_from_slice(b"null");
        }
    }
    (deepest, flat)
}

impl Reply {
    pub(crate) fn new(head: Head, body: Vec<u8>) -> Self {
        let (nesting, flat) = flattened(&body);
        let json = serde_json::from_slice(&flat).ok();
        Self {
            head,
            body,
            json,
            nesting,
        }
    }

    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }

    pub(crate) fn is_good(&self) -> bool {
        (200..300).contains(&self.status())
    }

    pub(crate) fn is_client_error(&self) -> bool {
        (400..500).contains(&self.status())
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.json.as_ref()?.get(name)
    }

    /// A 2xx with an object that does not say that it is a refusal.
    pub(crate) fn is_success(&self) -> bool {
        let is_object = self.json.as_ref().is_some_and(Value::is_object);
        self.is_good() && is_object && self.field("success").is_none_or(|success| success == true)
    }

    /// A 4xx or 5xx, or a 2xx whose body says so.
    pub(crate) fn is_refusal(&self) -> bool {
        (400..600).contains(&self.status()) || self.field("success") == Some(&Value::Bool(false))
    }

    pub(crate) fn has_refusal_shape(&self) -> bool {
        let text = self.field("error").and_then(Value::as_str);
        self.is_refusal()
            && self.field("success") == Some(&Value::Bool(false))
            && text.is_some_and(|text| !text.trim().is_empty())
    }

    pub(crate) fn shown(&self) -> String {
        let body = shown(&self.body, 400);
        let body = if body.trim().is_empty() {
            "(an empty body)"
        } else {
            body.trim_end()
        };
        format!("HTTP {}  {body}", self.status())
    }
}

/// What was sent and what came.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) sent: String,
    pub(crate) came: Result<Reply, Broken>,
    pub(crate) took: Duration,
}

impl Exchange {
    /// The answer, of whatever kind. Without one the case fails.
    pub(crate) fn reply(&self) -> Result<&Reply, Stop> {
        self.came
            .as_ref()
            .map_err(|broken| Stop::fail(&self.sent, broken.to_string(), "a whole answer"))
    }

    /// Fails the case unless the answer is as it has to be.
    pub(crate) fn check(&self, holds: impl FnOnce(&Reply) -> bool, expected: &str) -> Verdict {
        match &self.came {
            Ok(reply) if holds(reply) => Ok(()),
            _ => Err(self.failed(expected)),
        }
    }

    pub(crate) fn failed(&self, expected: &str) -> Stop {
        Stop::fail(&self.sent, self.shown(), expected)
    }

    pub(crate) fn shown(&self) -> String {
        match &self.came {
            Ok(reply) => reply.shown(),
            Err(broken) => broken.to_string(),
        }
    }

    /// What two answers to the same question have in common.
    pub(crate) fn verdict(&self) -> Option<(u16, bool)> {
        let reply = self.came.as_ref().ok()?;
        Some((reply.status(), reply.is_refusal()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_that_of_brackets_outside_of_texts() {
        assert_eq!(flattened(b"1").0, 0);
        let text = br#"{"a":[1,{"b":[]}],"c":"[[[\"[["}"#;
        assert_eq!(flattened(text), (4, text.to_vec()));
    }

    #[test]
    fn what_is_nested_too_deep_is_read_as_null() {
        let deep = format!("{{\"a\":{}7{},\"b\":1}}", "[".repeat(300), "]".repeat(300));
        let (nesting, flat) = flattened(deep.as_bytes());
        assert_eq!(nesting, 301);
        let value: Value = serde_json::from_slice(&flat).unwrap();
        assert_eq!(value["b"], 1);
    }
}
