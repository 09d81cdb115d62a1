//! What the shapes have in common.

/// A JSON object.
pub type Map = serde_json::Map<String, serde_json::Value>;

/// Default of `success` in replies: a plugin that answers 200 and leaves it out has succeeded.
pub(super) const fn yes() -> bool {
    true
}

pub(super) fn empty_object() -> serde_json::Value {
    serde_json::Value::Object(Map::new())
}
