//! Whole numbers that are written with a point, as Python and JavaScript may send them.

use serde_json::{Number, Value};

/// The largest whole number of which a float holds each one before it: 2 to the power of 53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Writes each number that is whole without its point, so that `300.0` fits where `300` does:
/// [JSON Schema](https://json-schema.org/draft/2020-12/json-schema-core#section-4.2.3) takes both for
/// an integer. Returns whether there was one.
pub(crate) fn whole_numbers(value: &mut Value) -> bool {
    match value {
        Value::Number(number) => match whole(number) {
            Some(whole) => {
                *number = whole;
                true
            }
            None => false,
        },
        Value::Array(list) => list
            .iter_mut()
            .fold(false, |any, inner| whole_numbers(inner) | any),
        Value::Object(map) => map
            .values_mut()
            .fold(false, |any, inner| whole_numbers(inner) | any),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

fn whole(number: &Number) -> Option<Number> {
    let float = number.as_f64().filter(|_| number.is_f64())?;
    let is_exact = float.fract() == 0.0 && float.abs() <= EXACT;
    // A whole float is written without a fraction, and so is read as what it is.
    // Of the two zeros only one is whole.
    let float = if float == 0.0 { 0.0 } else { float };
    is_exact.then(|| format!("{float:.0}").parse().ok())?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_numbers_lose_their_point_and_others_stay() {
        let mut value = json!({"a": 300.0, "b": [-2.0, 1.5, "3.0"], "c": {"d": 1e300, "e": 4}});
        assert!(whole_numbers(&mut value));
        assert_eq!(
            value,
            json!({"a": 300, "b": [-2, 1.5, "3.0"], "c": {"d": 1e300, "e": 4}})
        );
        assert!(!whole_numbers(&mut value));
        let mut zero = json!(-0.0);
        assert!(whole_numbers(&mut zero));
        assert!(zero.is_i64() || zero.is_u64(), "{zero}");
    }
}
