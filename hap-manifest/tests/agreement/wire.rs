//! The schemas of what travels between host and plugin against the types that read and write it.

use hap_manifest::wire::{
    CommandRequest, CommandResponse, ConfigAck, Describe, Event, EventDraft, HealthReport, StatusReport,
    WireError,
};
use jsonschema::Validator;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::fields::anything;
use super::{complaints, many_cases, validator};

const SCHEMA: &str = include_str!("../../wire.schema.json");

/// An object with members that some type knows, of the right type or of another.
fn bodies() -> impl Strategy<Value = Value> {
    let keys = [
        "command",
        "params",
        "success",
        "result",
        "data",
        "status",
        "plugin_id",
        "message",
        "error",
        "code",
        "details",
        "protocol",
        "version",
        "commands",
        "config",
        "specversion",
        "id",
        "source",
        "type",
        "time",
        "subject",
        "datacontenttype",
        "extension",
    ];
    let text = ".{0,5}".prop_map(Value::from);
    let protocol = proptest::collection::vec(
        prop_oneof![
            (0..3_u64).prop_map(Value::from),
            Just(json!(1.0)),
            Just(json!(u64::from(u32::MAX) + 1)),
            anything()
        ],
        0..3,
    );
    let value = prop_oneof![
        6 => text,
        2 => any::<bool>().prop_map(Value::from),
        2 => protocol.prop_map(Value::from),
        2 => Just(json!({"a": 1})),
        1 => Just(Value::Null),
        1 => anything(),
    ];
    let member = (proptest::sample::select(keys.to_vec()), value);
    let object = proptest::collection::vec(member, 0..9).prop_map(|members| {
        Value::Object(
            members
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect::<Map<_, _>>(),
        )
    });
    prop_oneof![12 => object, 1 => anything()]
}

struct Shape {
    name: &'static str,
    schema: Validator,
    /// Reads, and writes what it has read.
    rewrite: fn(&Value) -> Result<Value, String>,
}

fn shape<T: DeserializeOwned + Serialize>(name: &'static str) -> Shape {
    Shape {
        name,
        schema: validator(SCHEMA, Some(name)),
        rewrite: |value| {
            let read: T = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
            let written = serde_json::to_value(&read).unwrap();
            let again: T = serde_json::from_value(written.clone()).unwrap();
            assert_eq!(serde_json::to_value(&again).unwrap(), written);
            Ok(written)
        },
    }
}

thread_local! {
    static SHAPES: [Shape; 9] = [
        shape::<CommandRequest>("CommandRequest"),
        shape::<CommandResponse>("CommandResponse"),
        shape::<HealthReport>("HealthReport"),
        shape::<StatusReport>("StatusReport"),
        shape::<ConfigAck>("ConfigAck"),
        shape::<WireError>("WireError"),
        shape::<Describe>("Describe"),
        shape::<Event>("Event"),
        shape::<EventDraft>("EventDraft"),
    ];
}

proptest! {
    #![proptest_config(many_cases())]

    #[test]
    fn what_validates_is_read_and_what_is_written_validates(body in bodies()) {
        SHAPES.with(|shapes| {
            for Shape { name, schema, rewrite } in shapes {
                let complaints = complaints(schema, &body);
                match rewrite(&body) {
                    Ok(written) => {
                        prop_assert_eq!(&complaints, "", "only the schema of {} refuses {}", name, body);
                        prop_assert!(schema.is_valid(&written), "{name} writes {written}");
                    }
                    Err(error) => prop_assert!(!complaints.is_empty(), "only the type {name} refuses {body}: {error}"),
                }
            }
            Ok(())
        })?;
    }
}

#[test]
fn every_shape_is_tried() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut known: Vec<_> = schema["$defs"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut tried: Vec<_> = SHAPES.with(|shapes| shapes.iter().map(|shape| shape.name).collect());
    known.sort_unstable();
    tried.sort_unstable();
    assert_eq!(known, tried);
}
