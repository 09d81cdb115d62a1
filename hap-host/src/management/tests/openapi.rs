//! The document: it is one, it is complete, and it is the one that is committed.

use std::collections::BTreeSet;

use serde_json::Map;

use super::*;
use crate::management::table::ROUTES;

#[tokio::test]
async fn it_reads_as_an_openapi_document_with_every_route_and_no_other() {
    let bed = Bed::new().await;
    let answer = bed.get("/openapi.json").await;
    let document = oas3::from_json(&answer.text).unwrap();
    assert_eq!(document.openapi, "3.1.0");
    let described: BTreeSet<_> = document
        .operations()
        .map(|(path, method, _)| (path, method.to_string()))
        .collect();
    let served: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| (route.path.to_owned(), route.method.to_owned()))
        .collect();
    assert_eq!(described, served);
    assert_eq!(served.len(), ROUTES.len(), "a route stands there twice");
    let names: BTreeSet<_> = ROUTES.iter().map(|route| route.operation).collect();
    assert_eq!(names.len(), ROUTES.len(), "an operation stands there twice");
    for (path, method, operation) in document.operations() {
        assert!(
            operation.summary.as_ref().is_some_and(|text| text.ends_with('.')),
            "{method} {path}"
        );
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_one() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    references(&DOCUMENT, &mut found);
    assert!(found.len() > 100, "{}", found.len());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(DOCUMENT.pointer(pointer).is_some(), "{reference}");
    }
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        assert!(
            jsonschema::draft202012::meta::is_valid(schema),
            "{name}: {schema}"
        );
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name}");
        // A number at the end is how two types of one name are told apart: give one
        // of them another.
        assert!(!name.ends_with('2'), "{name}");
    }
}

/// Calls something with every schema of the document, the inner ones included, and where it stands.
fn each_schema(see: &mut impl FnMut(&str, &Map<String, Value>)) {
    fn walk(place: &str, value: &Value, see: &mut impl FnMut(&str, &Map<String, Value>)) {
        match value {
            Value::Object(members) => {
                see(place, members);
                for (name, member) in members.iter().filter(|(name, _)| *name != "examples") {
                    walk(&format!("{place}/{name}"), member, see);
                }
            }
            Value::Array(list) => {
                for (index, item) in list.iter().enumerate() {
                    walk(&format!("{place}/{index}"), item, see);
                }
            }
            _ => {}
        }
    }
    walk("", &DOCUMENT["components"]["schemas"], see);
    walk("", &DOCUMENT["paths"], see);
}

#[test]
fn generators_of_clients_know_every_construct_of_it() {
    each_schema(&mut |place, schema| {
        if let Some(alternatives) = schema.get("oneOf").and_then(Value::as_array) {
            let by_name = alternatives.iter().all(|each| each["$ref"].is_string());
            let told_apart = schema.get("discriminator").is_some();
            assert!(by_name && told_apart, "{place}: {schema:?}");
            assert!(!schema.contains_key("properties"), "{place}: {schema:?}");
        }
        if let Some(types) = schema.get("type").and_then(Value::as_array) {
            let proper = types.iter().filter(|name| *name != "null").count();
            assert!(proper == 1, "{place}: {types:?}");
            assert!(!schema.contains_key("enum"), "{place}: {schema:?}");
        }
        // A property of that name is a schema.
        if let Some(default) = schema
            .get("default")
            .filter(|_| schema.contains_key("description"))
        {
            let plain = default.is_string() || default.is_number() || default.is_boolean();
            assert!(plain || place.ends_with("/responses"), "{place}: {default}");
        }
    });
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        for unknown in ["title", "if", "$id"] {
            assert!(schema[unknown].is_null(), "{name}: {unknown}");
        }
    }
    let known = [
        "application/json",
        "application/octet-stream",
        "application/openmetrics-text",
        "text/event-stream",
        "text/plain",
    ];
    each_schema(&mut |place, members| {
        for media in members.keys().filter(|_| place.ends_with("/content")) {
            assert!(known.contains(&media.as_str()), "{place}: {media}");
        }
        if place.ends_with("/requestBody") {
            assert_eq!(members["required"], true, "{place}");
        }
        // The first good answer is the one that a client is made for.
        if place.ends_with("/responses") {
            let good = members.keys().find(|status| status.starts_with('2')).unwrap();
            let content = members[good]["content"].as_object().unwrap();
            let json = content.contains_key("application/json");
            let text = content.keys().any(|media| media.starts_with("text/"));
            assert!(json || text, "{place}: {content:?}");
        }
    });
}

#[test]
fn what_names_a_plugin_is_described_as_its_id() {
    each_schema(&mut |place, parameter| {
        let name = parameter.get("name").and_then(Value::as_str);
        if parameter.contains_key("in") && matches!(name, Some("id" | "plugin")) {
            let reference = &parameter["schema"]["$ref"];
            assert_eq!(reference, "#/components/schemas/PluginId", "{place}");
        }
    });
}

#[test]
fn it_is_the_committed_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/management-api.openapi.json");
    let text = crate::management::openapi::text() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/management-api.openapi.json differs: look at what changed, then write it by running this with UPDATE_GOLDEN=1"
    );
}

#[test]
fn the_document_for_people_names_every_route_and_every_code() {
    let page = include_str!("../../../../docs/management-api.md");
    for route in &ROUTES {
        let line = format!("`{} {}`", route.method, route.path);
        assert!(page.contains(&line), "docs/management-api.md lacks {line}");
        for (status, codes) in crate::management::openapi::refusals(route) {
            for code in codes {
                let row = format!("| `{code}` | {status} |");
                assert!(page.contains(&row), "docs/management-api.md lacks {row}");
            }
        }
    }
}
