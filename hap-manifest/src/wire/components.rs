//! [`openapi_components`].

use schemars::{
    Schema,
    transform::{RecursiveTransform, Transform as _},
};
use serde_json::{Map, Value, json};

/// Where an OpenAPI document keeps its schemas.
const PLACE: &str = "/components/schemas";

/// Returns the schemas of an OpenAPI document in the words that generators of clients know.
///
/// The names are those below `#/components/schemas`. A generator is no validator: a list of alternatives
/// that are one text each is no `enum` to it, an object as a default ends it, a value of several types has
/// none, and fields beside alternatives are lost. What is returned says the same to a validator,
/// but for conditions:
///
/// * Alternatives that are one text each become an `enum`; what each means goes into the description.
/// * Alternatives that a field tells apart become schemas of their own, with a `discriminator`.
/// * A value of several types becomes alternatives of one type each.
/// * A default that is null, a list or an object is left out, and so are `$id` and `title`.
///
/// A condition, `if` and what follows from it, is left out as well: a type that has one is no type to them.
/// Whoever receives the value checks it.
///
/// ```
/// use hap_manifest::wire::openapi_components;
/// use serde_json::{Map, json};
///
/// let mut schemas = Map::new();
/// let mode = json!({"oneOf": [{"const": "day", "description": "It is bright."}, {"const": "night"}]});
/// schemas.insert("Mode".to_owned(), mode);
/// let mode = &openapi_components(schemas)["Mode"];
/// assert_eq!(mode["enum"], json!(["day", "night"]));
/// assert_eq!(mode["description"], "* `day`: It is bright.");
/// ```
#[must_use]
pub fn openapi_components(schemas: Map<String, Value>) -> Map<String, Value> {
    let mut components = Map::new();
    for (name, schema) in schemas {
        // What is no schema allows everything, as to whoever reads it.
        let mut schema = Schema::try_from(schema).unwrap_or_default();
        RecursiveTransform(one_enum).transform(&mut schema);
        RecursiveTransform(one_type_each).transform(&mut schema);
        RecursiveTransform(without_default).transform(&mut schema);
        // It would be the base of the references within, which lead into the document.
        schema.remove("$id");
        // Some name a type by it, and others by the name here.
        schema.remove("title");
        for condition in ["if", "then", "else"] {
            schema.remove(condition);
        }
        apart(&name, &mut schema, &mut components);
        components.insert(name, schema.to_value());
    }
    components
}

/// Alternatives that are a text each become one `enum`. What each means goes into the description.
fn one_enum(schema: &mut Schema) {
    let Some(alternatives) = schema.get("oneOf").and_then(Value::as_array) else {
        return;
    };
    let (mut values, mut meanings, mut nullable) = (Vec::<Value>::new(), String::new(), false);
    for alternative in alternatives {
        match alternative.get("const") {
            Some(Value::String(value)) => {
                values.push(json!(value));
                if let Some(meaning) = alternative.get("description").and_then(Value::as_str) {
                    meanings.push_str(&format!("\n* `{value}`: {meaning}"));
                }
            }
            None if alternative.get("type") == Some(&json!("null")) => nullable = true,
            _ => return,
        }
    }
    if values.is_empty() {
        return;
    }
    let about = schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let about = format!("{about}\n{meanings}").trim().to_owned();
    schema.remove("oneOf");
    schema.insert("description".to_owned(), about.into());
    if nullable {
        let either = json!([{ "type": "string", "enum": values }, { "type": "null" }]);
        schema.insert("anyOf".to_owned(), either);
    } else {
        schema.insert("type".to_owned(), json!("string"));
        schema.insert("enum".to_owned(), values.into());
    }
}

/// A value of several types, null aside, becomes alternatives of one type each.
fn one_type_each(schema: &mut Schema) {
    let Some(types) = schema.get("type").and_then(Value::as_array) else {
        return;
    };
    if schema.get("anyOf").is_some() || types.iter().filter(|name| *name != "null").count() < 2 {
        return;
    }
    let alternatives: Vec<_> = types.iter().map(|name| json!({ "type": name })).collect();
    schema.remove("type");
    schema.insert("anyOf".to_owned(), alternatives.into());
}

/// A default that is no plain value is left out: null, an empty list and an empty object are what absence means anyway,
/// and the parts of a larger object have defaults of their own.
fn without_default(schema: &mut Schema) {
    if matches!(
        schema.get("default"),
        Some(Value::Null | Value::Array(_) | Value::Object(_))
    ) {
        schema.remove("default");
    }
}

/// Alternatives that a field tells apart become schemas of their own, each whole and with a name.
fn apart(name: &str, schema: &mut Schema, components: &mut Map<String, Value>) {
    let Some(alternatives) = schema.get("oneOf").and_then(Value::as_array).cloned() else {
        return;
    };
    let Some(tag) = alternatives.first().and_then(tag_of) else {
        return;
    };
    let tags: Option<Vec<String>> = alternatives.iter().map(|each| value_of(each, &tag)).collect();
    let Some(tags) = tags else { return };
    let shared = schema.remove("properties");
    let required = schema.remove("required");
    schema.remove("type");
    let (mut references, mut mapping) = (Vec::new(), Map::new());
    for (value, mut alternative) in tags.into_iter().zip(alternatives) {
        extend(&mut alternative, "properties", shared.as_ref());
        extend(&mut alternative, "required", required.as_ref());
        let own = format!("{name}{}", camel(&value));
        let reference = format!("#{PLACE}/{own}");
        references.push(json!({ "$ref": reference }));
        mapping.insert(value, reference.into());
        components.insert(own, alternative);
    }
    schema.insert("oneOf".to_owned(), references.into());
    schema.insert(
        "discriminator".to_owned(),
        json!({ "propertyName": tag, "mapping": mapping }),
    );
}

/// The first field that can be one text only.
fn tag_of(schema: &Value) -> Option<String> {
    let properties = schema.get("properties")?.as_object()?;
    let tag = properties
        .iter()
        .find(|(_, field)| field.get("const").is_some_and(Value::is_string));
    tag.map(|(name, _)| name.clone())
}

fn value_of(schema: &Value, tag: &str) -> Option<String> {
    Some(
        schema
            .get("properties")?
            .get(tag)?
            .get("const")?
            .as_str()?
            .to_owned(),
    )
}

/// Adds the fields, or the names of fields, that all alternatives share.
fn extend(schema: &mut Value, keyword: &str, shared: Option<&Value>) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    match (members.get_mut(keyword), shared) {
        (Some(Value::Object(own)), Some(Value::Object(shared))) => {
            own.extend(shared.iter().map(|(name, field)| (name.clone(), field.clone())));
        }
        (Some(Value::Array(own)), Some(Value::Array(shared))) => own.extend(shared.iter().cloned()),
        (None, Some(shared)) => {
            members.insert(keyword.to_owned(), shared.clone());
        }
        _ => {}
    }
}

fn camel(words: &str) -> String {
    let words = words.split(['_', '-']);
    words
        .map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<String>()
        })
        .collect()
}
