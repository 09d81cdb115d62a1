//! Whether a text has keys that are given twice, told without looking for them.

use serde_json::Value;

/// Whether a text that was read as `value` has a key twice in one object.
///
/// `serde_json` keeps the last of them, so the text then has more members than the value.
pub(crate) fn has_duplicates(text: &str, value: &Value) -> bool {
    members_of_text(text) != members_of_value(value)
}

/// Every member has one colon outside of strings.
fn members_of_text(text: &str) -> usize {
    let mut count = 0;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b':' => count += 1,
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    count
}

fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

/// As deep as the value, which `serde_json` bounds.
fn members_of_value(value: &Value) -> usize {
    match value {
        Value::Array(entries) => entries.iter().map(members_of_value).sum(),
        Value::Object(object) => object.len() + object.values().map(members_of_value).sum::<usize>(),
        _ => 0,
    }
}
