//! The OpenAPI 3.1 document, made of the table of routes.

use std::collections::{BTreeMap, BTreeSet};

use hap_manifest::wire::WireError;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    body::{JSON, ZIP},
    error::status,
    route::{Input, Kind, Output, Parameter, Route, Shape, shape},
    table::ROUTES,
};
use crate::error::ErrorKind;

const EVENTS: &str = "text/event-stream";
/// Where the document keeps its schemas.
const SCHEMAS: &str = "/components/schemas";

/// The document as text.
pub(super) fn text() -> String {
    serde_json::to_string_pretty(&document()).unwrap_or_default()
}

fn document() -> Value {
    let mut schemas = Schemas::new();
    let refusal = schemas.written(shape::<WireError>);
    let mut paths = Map::new();
    for route in &ROUTES {
        let operation = operation(route, &refusal, &mut schemas);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.to_ascii_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Plugin management",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Installs, starts, stops, asks, configures and watches plugins. It authenticates nobody by itself: \
                the application that serves it does. Every refusal has the shape of WireError; its `code` is stable, and \
                `refused_by` tells the host's from a plugin's.",
        },
        // Beside this document, wherever the embedder has put it.
        "servers": [{ "url": "." }],
        "paths": paths,
        "components": { "schemas": schemas.into_components() },
    })
}

fn operation(route: &Route, refusal: &Value, schemas: &mut Schemas) -> Value {
    let mut operation = json!({
        "operationId": route.operation,
        "summary": route.summary,
        "responses": responses(route, refusal, schemas),
    });
    let mut parameters = Vec::new();
    if route.path.contains("{id}") {
        parameters.push(json!({
            "name": "id",
            "in": "path",
            "required": true,
            "description": "The plugin's id.",
            "schema": { "type": "string" },
        }));
    }
    parameters.extend(route.parameters.iter().map(parameter));
    let Some(members) = operation.as_object_mut() else {
        return operation;
    };
    if !parameters.is_empty() {
        members.insert("parameters".to_owned(), parameters.into());
    }
    let body = match route.input {
        Input::None => None,
        Input::Empty => {
            let nothing = json!({ "type": "object", "maxProperties": 0 });
            let about = "Nothing, or an empty object; the header content-type has to be application/json all the same.";
            Some(
                json!({ "required": false, "description": about, "content": { JSON: { "schema": nothing } } }),
            )
        }
        Input::Json(shape) => {
            Some(json!({ "required": true, "content": { JSON: { "schema": schemas.read(shape) } } }))
        }
        Input::Package(shape) => Some(json!({
            "required": true,
            "description": "A package, or the manifest of a plugin whose image is on this machine or can be pulled.",
            "content": {
                ZIP: { "schema": { "type": "string", "contentMediaType": ZIP } },
                JSON: { "schema": schemas.read(shape) },
            },
        })),
    };
    if let Some(body) = body {
        members.insert("requestBody".to_owned(), body);
    }
    operation
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Flag => json!({ "type": "boolean", "default": false }),
        Kind::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Time => json!({ "type": "string", "format": "date-time" }),
    };
    let mut described = json!({
        "name": parameter.name,
        "in": if parameter.header { "header" } else { "query" },
        "description": parameter.about,
        "schema": schema,
    });
    if parameter.required
        && let Some(members) = described.as_object_mut()
    {
        members.insert("required".to_owned(), true.into());
    }
    described
}

fn responses(route: &Route, refusal: &Value, schemas: &mut Schemas) -> Value {
    const OK: &[u16] = &[200];
    let mut responses = Map::new();
    let (codes, content, headers) = match route.output {
        Output::Json(codes, shape) => (codes, json!({ JSON: { "schema": schemas.written(shape) } }), None),
        Output::JsonOrEvents(codes, shape, events) => {
            let schema = schemas.written(shape);
            let streamed = stream(events, schemas);
            if codes.contains(&200) {
                let content = json!({ JSON: { "schema": schema }, EVENTS: streamed });
                (codes, content, None)
            } else {
                let streamed = json!({
                    "description": "A stream of what is done, to those who accept it.",
                    "content": { EVENTS: streamed },
                });
                responses.insert("200".to_owned(), streamed);
                let content = json!({ JSON: { "schema": schema } });
                let location = json!({ "description": "Where it is now, relative to this path.", "schema": { "type": "string" } });
                (codes, content, Some(json!({ "Location": location })))
            }
        }
        Output::Events(events) => (OK, json!({ EVENTS: stream(events, schemas) }), None),
        Output::Text(media) => (OK, json!({ media: { "schema": { "type": "string" } } }), None),
        Output::Document => (OK, json!({ JSON: { "schema": { "type": "object" } } }), None),
    };
    let mut good = json!({ "description": "Done.", "content": content });
    if let (Some(good), Some(headers)) = (good.as_object_mut(), headers) {
        good.insert("headers".to_owned(), headers);
    }
    for code in codes {
        responses.insert(code.to_string(), good.clone());
    }
    for (code, codes) in refusals(route) {
        let codes: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
        let response = json!({
            "description": format!("Refused: {}.", codes.join(", ")),
            "content": { JSON: { "schema": refusal } },
        });
        responses.insert(code.to_string(), response);
    }
    let other = if route.asks_plugin {
        "A refusal of the plugin's own, with a status of its choice: `refused_by` is `plugin`."
    } else {
        "Any other refusal."
    };
    let other = json!({ "description": other, "content": { JSON: { "schema": refusal } } });
    responses.insert("default".to_owned(), other);
    Value::Object(responses)
}

/// The codes that a route refuses with, by their status.
pub(super) fn refusals(route: &Route) -> BTreeMap<u16, BTreeSet<&'static str>> {
    let mut all: BTreeMap<u16, BTreeSet<&'static str>> = BTreeMap::new();
    let mut add = |status: u16, code| {
        all.entry(status).or_default().insert(code);
    };
    let mut kinds = route.errors.to_vec();
    kinds.push(ErrorKind::ShuttingDown);
    if route.path.contains("{id}") {
        kinds.push(ErrorKind::NotInstalled);
    }
    for kind in kinds {
        add(status(kind).as_u16(), kind.as_str());
    }
    if route.path.contains("{id}") {
        add(400, "invalid_path");
    }
    add(400, "unknown_parameter");
    add(421, "unknown_host");
    if route.method != "GET" || matches!(route.output, Output::Events(_)) {
        add(403, "cross_site");
    }
    if route.parameters.iter().any(|parameter| !parameter.header) {
        add(400, "invalid_parameter");
    }
    let body: &[(u16, &str)] = match route.input {
        Input::None => &[],
        Input::Empty => &[
            (400, "body_incomplete"),
            (408, "body_too_slow"),
            (413, "body_too_large"),
            (415, "unsupported_media_type"),
            (422, "invalid_body"),
        ],
        Input::Json(_) | Input::Package(_) => &[
            (400, "body_incomplete"),
            (400, "invalid_json"),
            (408, "body_too_slow"),
            (413, "body_too_large"),
            (415, "unsupported_media_type"),
            (422, "invalid_body"),
        ],
    };
    for (status, code) in body {
        add(*status, code);
    }
    if matches!(route.input, Input::Package(_)) {
        add(422, "invalid_manifest");
    }
    if matches!(route.output, Output::Events(_) | Output::JsonOrEvents(..)) {
        add(429, "too_many_streams");
    }
    all
}

/// A stream of server-sent events: OpenAPI 3.1 knows only that it is text, so the names of the
/// events stand beside it.
fn stream(events: &[(&'static str, Shape)], schemas: &mut Schemas) -> Value {
    let named: Map<_, _> = events
        .iter()
        .map(|(name, shape)| ((*name).to_owned(), schemas.written(*shape)))
        .collect();
    json!({ "schema": { "type": "string" }, "x-events": named })
}

/// The named schemas of what is read and of what is written.
struct Schemas {
    reading: SchemaGenerator,
    writing: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings =
            || SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = SCHEMAS.into());
        Self {
            reading: settings().into_generator(),
            writing: settings().for_serialize().into_generator(),
        }
    }

    fn read(&mut self, shape: Shape) -> Value {
        shape(&mut self.reading).to_value()
    }

    fn written(&mut self, shape: Shape) -> Value {
        shape(&mut self.writing).to_value()
    }

    /// All of them. What is both read and written is described as it may be sent here, which is the
    /// looser of both.
    fn into_components(mut self) -> Map<String, Value> {
        let mut all = self.writing.take_definitions(true);
        all.extend(self.reading.take_definitions(true));
        for schema in all.values_mut() {
            if let Some(schema) = schema.as_object_mut() {
                // It would be the base of the references within, which lead into this document.
                schema.remove("$id");
            }
        }
        all
    }
}
