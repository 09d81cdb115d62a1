//! [`EventDraft`]: what an author emits.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::events::error::EmitError;

/// An event's type and data, before it has an id and a time.
#[derive(Debug, PartialEq)]
pub(crate) struct EventDraft {
    pub(super) r#type: String,
    pub(super) data: Value,
}

impl EventDraft {
    pub(crate) fn named<T: Serialize + ?Sized>(r#type: &str, data: &T) -> Result<Self, EmitError> {
        Ok(Self {
            r#type: r#type.to_owned(),
            data: json(data)?,
        })
    }

    /// Takes an enum apart whose variants are `{"type": ..., "data": ...}` on the wire.
    pub(crate) fn of<E: Serialize + ?Sized>(event: &E) -> Result<Self, EmitError> {
        let unnamed = |lacks| EmitError::Unnamed {
            type_name: std::any::type_name::<E>(),
            lacks,
        };
        let Value::Object(mut written) = json(event)? else {
            return Err(unnamed(TAG));
        };
        let Some(Value::String(r#type)) = written.remove("type") else {
            return Err(unnamed(TAG));
        };
        let data = written.remove("data").unwrap_or_default();
        if written.is_empty() {
            Ok(Self { r#type, data })
        } else {
            Err(unnamed(CONTENT))
        }
    }
}

const TAG: &str = r#"tag = "type""#;
const CONTENT: &str = r#"content = "data""#;

fn json<T: Serialize + ?Sized>(value: &T) -> Result<Value, EmitError> {
    serde_json::to_value(value).map_err(|error| EmitError::Data(Arc::new(error)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    #[serde(tag = "type", content = "data", rename_all = "snake_case")]
    enum Happened {
        #[serde(rename = "bell.rung")]
        Rung {
            times: u8,
        },
        Stuck,
        Heard(String),
    }

    #[test]
    fn each_variant_has_its_type_and_its_data() {
        for (event, r#type, data) in [
            (Happened::Rung { times: 3 }, "bell.rung", json!({"times": 3})),
            (Happened::Stuck, "stuck", Value::Null),
            (Happened::Heard("ding".to_owned()), "heard", json!("ding")),
        ] {
            let draft = EventDraft::of(&event).unwrap();
            assert_eq!((draft.r#type.as_str(), draft.data), (r#type, data));
        }
    }

    #[derive(Serialize)]
    enum Plain {
        Rung { times: u8 },
        Stuck,
    }

    #[derive(Serialize)]
    #[serde(tag = "type")]
    enum NoContent {
        Rung { times: u8 },
    }

    #[test]
    fn an_enum_that_does_not_name_its_variants_is_told_which_attribute_it_lacks() {
        for (refused, lacks) in [
            (EventDraft::of(&Plain::Rung { times: 1 }), TAG),
            (EventDraft::of(&Plain::Stuck), TAG),
            (EventDraft::of(&NoContent::Rung { times: 1 }), CONTENT),
            (EventDraft::of(&json!({"type": 3, "data": 4})), TAG),
        ] {
            let message = refused.unwrap_err().to_string();
            assert!(message.contains(&format!("it lacks `{lacks}`")), "{message}");
        }
        let message = EventDraft::of(&Plain::Stuck).unwrap_err().to_string();
        assert!(
            message.contains("Plain") && message.contains(r#"#[serde(tag = "type", content = "data")]"#),
            "{message}"
        );
    }
}
