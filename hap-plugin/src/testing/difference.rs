//! Where two JSON values differ.

use serde_json::Value;

/// Longest text of a value in a message.
const SHOWN: usize = 120;

/// The first place at which `now` differs from what is `written` in a file, in words.
pub(super) fn first(written: &Value, now: &Value) -> Option<String> {
    look(written, now, "")
}

fn look(written: &Value, now: &Value, at: &str) -> Option<String> {
    if written == now {
        return None;
    }
    match (written, now) {
        (Value::Object(written), Value::Object(now)) => {
            let keys = written
                .keys()
                .chain(now.keys().filter(|key| !written.contains_key(*key)));
            keys.into_iter()
                .find_map(|key| part(written.get(key), now.get(key), &format!("{at}/{}", escaped(key))))
        }
        (Value::Array(written), Value::Array(now)) => (0..written.len().max(now.len()))
            .find_map(|index| part(written.get(index), now.get(index), &format!("{at}/{index}"))),
        _ => Some(told(Some(written), Some(now), at)),
    }
}

fn part(written: Option<&Value>, now: Option<&Value>, at: &str) -> Option<String> {
    match (written, now) {
        (Some(written), Some(now)) => look(written, now, at),
        (None, None) => None,
        _ => Some(told(written, now, at)),
    }
}

fn told(written: Option<&Value>, now: Option<&Value>, at: &str) -> String {
    let place = if at.is_empty() { "at the top" } else { at };
    format!(
        "{place}: {} in the file, {} in the program",
        text(written),
        text(now)
    )
}

fn text(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// A key within a JSON pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_difference_is_told_with_its_place() {
        for (written, now, told) in [
            (
                json!({"a": [1, 2]}),
                json!({"a": [1, 3]}),
                "/a/1: 2 in the file, 3 in the program",
            ),
            (
                json!({"a": [1]}),
                json!({"a": [1, 3]}),
                "/a/1: nothing in the file, 3 in the program",
            ),
            (
                json!({"a/b": 1}),
                json!({}),
                "/a~1b: 1 in the file, nothing in the program",
            ),
            (
                json!({"a": {}}),
                json!({"a": []}),
                "/a: {} in the file, [] in the program",
            ),
            (
                json!(null),
                json!({"b": 1}),
                "at the top: null in the file, {\"b\":1} in the program",
            ),
        ] {
            assert_eq!(first(&written, &now).as_deref(), Some(told));
            assert_eq!(first(&now, &now), None);
        }
        let long = first(&json!("ä".repeat(500)), &json!(1)).unwrap();
        assert!(long.len() < 300, "{long}");
    }
}
