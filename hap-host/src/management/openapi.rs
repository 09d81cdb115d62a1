//! The OpenAPI 3.1 document, made of the table of routes.

use std::collections::{BTreeMap, BTreeSet};

use hap_manifest::{PluginId, wire::WireError};
use serde_json::{Map, Value, json};

use super::{
    body::{BYTES, JSON},
    error::status,
    route::{Input, Kind, Output, Parameter, Route, Shape, shape},
    schemas::Schemas,
    table::ROUTES,
    view::request::Nothing,
};
use crate::error::ErrorKind;

const EVENTS: &str = "text/event-stream";

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
                the application that serves it does; `x-hap-role` is the least role that an operation is for, where that application knows roles. Every refusal has the shape of WireError; its `code` is stable, and \
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
        "x-hap-role": route.role.as_str(),
        "responses": responses(route, refusal, schemas),
    });
    let mut parameters = Vec::new();
    if route.path.contains("{id}") {
        parameters.push(json!({
            "name": "id",
            "in": "path",
            "required": true,
            "description": "The plugin's id.",
            "schema": schemas.read(shape::<PluginId>),
        }));
    }
    parameters.extend(route.parameters.iter().map(|each| parameter(each, schemas)));
    let Some(members) = operation.as_object_mut() else {
        return operation;
    };
    if !parameters.is_empty() {
        members.insert("parameters".to_owned(), parameters.into());
    }
    let body = match route.input {
        Input::None => None,
        Input::Empty => {
            // Required, because a generated client leaves out the content type with the body.
            let about = "An empty object. The body may be empty too; the header content-type has to be application/json all the same.";
            Some(json!({
                "required": true,
                "description": about,
                "content": { JSON: { "schema": schemas.read(shape::<Nothing>) } },
            }))
        }
        Input::Json(shape) => {
            Some(json!({ "required": true, "content": { JSON: { "schema": schemas.read(shape) } } }))
        }
        Input::Package(shape) => Some(json!({
            "required": true,
            "description": "A package, as application/octet-stream or application/zip, or the manifest of a plugin whose image is on this machine or can be pulled.",
            "content": {
                // Generators know this media type and not that of a zip.
                BYTES: { "schema": { "type": "string", "format": "binary" } },
                JSON: { "schema": schemas.read(shape) },
            },
        })),
    };
    if let Some(body) = body {
        members.insert("requestBody".to_owned(), body);
    }
    if let Output::JsonOrEvents(codes, _, events) = route.output
        && !codes.contains(&200)
    {
        // Not among the answers: a generated client takes the lowest good one for the only one, and
        // never asks for a stream.
        let streamed = json!({
            "description": "The answer to those who accept a stream of what is done.",
            "status": 200,
            "content": { EVENTS: stream(events, schemas) },
        });
        members.insert("x-stream".to_owned(), streamed);
    }
    operation
}

fn parameter(parameter: &Parameter, schemas: &mut Schemas) -> Value {
    let schema = match parameter.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Plugin => schemas.read(shape::<PluginId>),
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
            if codes.contains(&200) {
                let content = json!({ JSON: { "schema": schema }, EVENTS: stream(events, schemas) });
                (codes, content, None)
            } else {
                let content = json!({ JSON: { "schema": schema } });
                let location = json!({ "description": "Where it is now, relative to this path.", "schema": { "type": "string" } });
                (codes, content, Some(json!({ "Location": location })))
            }
        }
        Output::Events(events) => (OK, json!({ EVENTS: stream(events, schemas) }), None),
        Output::Text(media) => {
            let media = media
                .iter()
                .map(|media| ((*media).to_owned(), json!({ "schema": { "type": "string" } })));
            (OK, Value::Object(media.collect()), None)
        }
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
    add(403, "forbidden_role");
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
            (400, "number_too_large"),
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
