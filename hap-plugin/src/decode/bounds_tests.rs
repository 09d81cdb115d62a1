use schemars::{JsonSchema, schema_for};
use serde_json::json;

use super::*;
use crate::decode::Secret;

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only the schema is of use")]
struct Config {
    #[schemars(range(min = 1, max = 60))]
    seconds: u16,
    #[schemars(range(min = 0.1, max = 5.0))]
    hysteresis: Option<f64>,
    #[schemars(length(min = 2, max = 4))]
    name: String,
    #[schemars(length(max = 2))]
    rooms: Vec<Room>,
    pin: Option<Secret<Pin>>,
    mode: Mode,
    level: u8,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only the schema is of use")]
struct Room {
    #[schemars(range(max = 9))]
    floor: i32,
    below: Option<Box<Self>>,
}

#[derive(JsonSchema)]
#[schemars(extend("minimum" = 1000))]
#[expect(dead_code, reason = "only the schema is of use")]
struct Pin(u32);

#[derive(JsonSchema)]
#[serde(tag = "kind")]
#[expect(dead_code, reason = "only the schema is of use")]
enum Mode {
    Off,
    Slow {
        #[schemars(range(max = 10))]
        speed: u32,
    },
    Fast {
        #[schemars(range(min = 11))]
        speed: u32,
    },
}

fn told(change: &Value) -> String {
    let bounds = Bounds::of(&schema_for!(Config).to_value()).unwrap();
    let mut config = json!({
        "seconds": 5, "hysteresis": null, "name": "hall", "rooms": [], "pin": null, "mode": {"kind": "Off"}, "level": 255
    });
    let object = config.as_object_mut().unwrap();
    object.extend(change.as_object().unwrap().clone());
    match bounds.check(&config, "") {
        Ok(()) => String::new(),
        Err(mismatch) => mismatch.to_string(),
    }
}

#[test]
fn what_breaks_a_bound_is_told_with_its_place() {
    for (change, expected) in [
        (
            json!({"seconds": 0}),
            "at `seconds`: expected a whole number from 1 to 60, found 0",
        ),
        (
            json!({"hysteresis": 5.01}),
            "at `hysteresis`: expected a number from 0.1 to 5.0, found 5.01",
        ),
        (
            json!({"name": "x"}),
            "at `name`: expected a string of 2 to 4 characters, found 1 characters",
        ),
        (
            json!({"rooms": [{"floor": 1}, {"floor": 1}, {"floor": 1}]}),
            "at `rooms`: expected a list of at most 2 entries, found 3 entries",
        ),
        (
            json!({"rooms": [{"floor": 1}, {"floor": 2, "below": {"floor": 10}}]}),
            "at `rooms[1].below.floor`: expected a whole number of at most 9, found 10",
        ),
        (
            json!({"mode": {"kind": "Slow", "speed": 11}}),
            "at `mode.speed`: expected a whole number of at most 10, found 11",
        ),
        (
            json!({"mode": {"kind": "Fast", "speed": 10}}),
            "at `mode.speed`: expected a whole number of at least 11, found 10",
        ),
        (
            json!({"pin": 7}),
            "at `pin`: the secret value does not fit, expected a whole number of at least 1000",
        ),
    ] {
        assert_eq!(told(&change), expected, "{change}");
    }
}

#[test]
fn what_is_within_its_bounds_or_of_a_shape_that_the_schema_does_not_know_is_taken() {
    for change in [
        json!({}),
        json!({"seconds": 60, "hysteresis": 5, "name": "h\u{f6}fe", "rooms": [{"floor": -3}]}),
        json!({"seconds": 60.0, "mode": {"kind": "Slow", "speed": 10}}),
        // Another name for the same, which no schema lists.
        json!({"mode": {"kind": "slow", "speed": 100}, "sekunden": 100}),
        json!({"pin": 1000}),
    ] {
        assert_eq!(told(&change), "", "{change}");
    }
}

#[test]
fn a_schema_without_bounds_of_its_own_costs_nothing() {
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only the schema is of use")]
    struct Plain {
        level: u8,
        count: i64,
        big: u32,
        mode: Option<Vec<String>>,
    }
    let schema = schema_for!(Plain).to_value();
    assert!(Bounds::of(&schema).is_none(), "{schema}");
    for none in [json!(true), json!({}), Value::Null] {
        assert!(Bounds::of(&none).is_none());
    }
}

#[test]
fn a_schema_that_leads_to_itself_is_followed_to_an_end() {
    let schema =
        json!({"$ref": "#/$defs/a", "maximum": 3, "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}});
    let bounds = Bounds::of(&schema).unwrap();
    assert!(bounds.check(&json!(3), "").is_ok());
    assert!(bounds.check(&json!(4), "").is_err());
}

#[test]
fn whole_numbers_are_compared_exactly() {
    let bounds =
        Bounds::of(&json!({"maximum": 9_007_199_254_740_993_u64, "exclusiveMinimum": 2, "multipleOf": 0.5}));
    let bounds = bounds.unwrap();
    for (number, holds) in [
        (json!(9_007_199_254_740_993_u64), true),
        (json!(9_007_199_254_740_994_u64), false),
        (json!(2), false),
        (json!(2.5), true),
        (json!(2.3), false),
        (json!(-1), false),
    ] {
        assert_eq!(bounds.check(&number, "").is_ok(), holds, "{number}");
    }
}
