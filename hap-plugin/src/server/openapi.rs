//! The OpenAPI 3.1 document of a plugin, made of the schemas of its types.

use hap_manifest::wire::{
    CommandResponse, ConfigAck, Describe, Event, HealthReport, StatusReport, WireError, openapi_components,
};
use percent_encoding::percent_decode_str;
use schemars::{JsonSchema, schema_for};
use serde_json::{Map, Value, json};

use crate::server::schemas::Schemas;
use crate::settings::Settings;

const JSON: &str = "application/json";

/// Makes the rows of [`REFUSALS`].
macro_rules! refusals {
    ($($status:literal $name:ident $about:literal;)+) => {
        [$(($status, stringify!($name), $about)),+]
    };
}

/// What each status says, for every endpoint that may answer it.
const REFUSALS: [(u16, &str, &str); 13] = refusals! {
    400 BadRequest "The body is not JSON, or not all of it came: `invalid_json`, `body_incomplete`.";
    401 Unauthorized "The token is missing or wrong: `unauthorized`.";
    404 NotFound "There is no such command, configuration or path: `unknown_command` (`details.known` lists what there is), `config_not_supported`, `not_found`.";
    405 MethodNotAllowed "The path takes another method: `method_not_allowed`.";
    408 BodyTooSlow "The body did not come in time: `body_too_slow`.";
    409 NotConfigured "The plugin needs a configuration first: `not_configured`.";
    413 BodyTooLong "The body is too long: `body_too_long`.";
    415 UnsupportedMediaType "The body says that it is not JSON: `unsupported_media_type`.";
    422 Unprocessable "Understood and refused: `invalid_command`, `invalid_params`, `invalid_config` (`details.path` tells where, `.` is the whole), or a code of the plugin's own.";
    429 Busy "Too many at a time: `busy`. Come back after `Retry-After`.";
    500 Failed "The plugin failed: `internal`, `panicked`, `config_not_saved`. `details.error_id` leads to the cause in its log.";
    503 NotNow "The plugin is starting or stopping, or a device does not answer: `starting`, `stopping`, `unavailable`.";
    504 TimedOut "The plugin was not done in time: `timeout`.";
};

/// Builds the document. What the author routes beside the plugin's API is not in it.
pub(crate) fn document(schemas: &Schemas, settings: &Settings) -> Value {
    let mut components = Components::default();
    components.wire::<HealthReport>("HealthReport");
    components.wire::<CommandResponse>("CommandResponse");
    components.wire::<StatusReport>("StatusReport");
    components.wire::<ConfigAck>("ConfigAck");
    components.wire::<Describe>("Describe");
    components.wire::<WireError>("Refusal");
    components.wire::<Event>("Event");
    components.add("Command", schemas.commands().schema().clone());
    let has_config = !schemas.config().is_null();
    if has_config {
        components.add("Config", schemas.config().clone());
    }
    let status = if schemas.status().is_null() {
        reference("StatusReport")
    } else {
        components.add("Status", schemas.status().clone());
        json!({
            "allOf": [reference("StatusReport")],
            "type": "object",
            "properties": { "data": reference("Status") },
        })
    };

    let mut paths = json!({
        "/health": { "get": health() },
        "/command": { "post": command() },
        "/status": { "get": read("status", "The plugin's state.", &status, &[401, 409, 429, 500, 503, 504]) },
        "/describe": { "get": read("describe", "The JSON Schemas of the plugin's types.", &reference("Describe"), &[401]) },
        "/metrics": { "get": metrics() },
        "/openapi.json": { "get": read("openapi", "This document.", &json!({ "type": "object" }), &[401]) },
    });
    if has_config && let Some(paths) = paths.as_object_mut() {
        paths.insert("/config".to_owned(), json!({ "post": config() }));
    }
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": settings.name,
            "version": settings.version(),
            "description": format!("The API of the plugin {}.", settings.id),
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "webhooks": { "events": { "post": events() } },
        "components": {
            "schemas": openapi_components(components.0),
            "responses": responses(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token that the host has issued to the plugin as HAP_API_TOKEN. A plugin that was issued none accepts every caller.",
                },
            },
        },
    })
}

/// The schemas by name, each type's own definitions beside it.
#[derive(Default)]
struct Components(Map<String, Value>);

impl Components {
    fn wire<T: JsonSchema>(&mut self, name: &str) {
        self.add(name, schema_for!(T).to_value());
    }

    /// Adds a schema, whose definitions become components of their own: `Status.Percent`.
    fn add(&mut self, name: &str, mut schema: Value) {
        let mut definitions = Map::new();
        if let Some(object) = schema.as_object_mut() {
            object.remove("$schema");
            if let Some(Value::Object(found)) = object.remove("$defs") {
                definitions = found;
            }
        }
        for (definition, mut schema) in definitions {
            refer_to_components(name, &mut schema);
            self.0.insert(component(name, &definition), schema);
        }
        refer_to_components(name, &mut schema);
        self.0.insert(name.to_owned(), schema);
    }
}

/// A name that components may have: other characters than these are not allowed in it.
fn component(owner: &str, definition: &str) -> String {
    let fit = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '_'
        }
    };
    format!("{owner}.{}", definition.chars().map(fit).collect::<String>())
}

fn refer_to_components(owner: &str, value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let definition = match value {
                    Value::String(target) if key == "$ref" => target.strip_prefix("#/$defs/"),
                    _ => None,
                };
                match definition.map(decoded) {
                    Some(definition) => *value = target(&component(owner, &definition)).into(),
                    None => refer_to_components(owner, value),
                }
            }
        }
        Value::Array(list) => list
            .iter_mut()
            .for_each(|value| refer_to_components(owner, value)),
        _ => {}
    }
}

/// The name within a reference, which is a JSON pointer in the fragment of an address.
fn decoded(pointer: &str) -> String {
    let plain = percent_decode_str(pointer).decode_utf8_lossy();
    plain.replace("~1", "/").replace("~0", "~")
}

fn target(component: &str) -> String {
    format!("#/components/schemas/{component}")
}

fn reference(component: &str) -> Value {
    json!({ "$ref": target(component) })
}

fn content(schema: &Value) -> Value {
    json!({ JSON: { "schema": schema } })
}

fn responses() -> Value {
    let refusal = content(&reference("Refusal"));
    let mut responses = Map::new();
    for (status, name, description) in REFUSALS {
        let mut response = json!({ "description": description, "content": refusal });
        if matches!(status, 429 | 503)
            && let Some(response) = response.as_object_mut()
        {
            let after = json!({ "description": "Seconds.", "schema": { "type": "integer", "minimum": 0 } });
            response.insert("headers".to_owned(), json!({ "Retry-After": after }));
        }
        responses.insert(name.to_owned(), response);
    }
    Value::Object(responses)
}

/// The good answer, the refusals of these statuses, and those that the plugin may choose.
fn answers(good: Value, refusals: &[u16]) -> Value {
    let mut answers = Map::new();
    answers.insert("200".to_owned(), good);
    for (status, name, _) in REFUSALS {
        if refusals.contains(&status) {
            let response = json!({ "$ref": format!("#/components/responses/{name}") });
            answers.insert(status.to_string(), response);
        }
    }
    Value::Object(answers)
}

fn health() -> Value {
    let answer = |description: &str| json!({ "description": description, "content": content(&reference("HealthReport")) });
    json!({
        "operationId": "health",
        "summary": "Whether the plugin works, at once. Open to everybody.",
        "security": [],
        "responses": {
            "200": answer("Healthy, or degraded: it works in part."),
            "503": answer("Starting, stopping or unhealthy."),
        },
    })
}

fn command() -> Value {
    let good = json!({ "description": "Carried out.", "content": content(&reference("CommandResponse")) });
    let mut answers = answers(
        good,
        &[400, 401, 404, 408, 409, 413, 415, 422, 429, 500, 503, 504],
    );
    let any = json!({
        "description": "A refusal with a status of the plugin's choice.",
        "content": content(&reference("Refusal")),
    });
    if let Some(answers) = answers.as_object_mut() {
        answers.insert("default".to_owned(), any);
    }
    json!({
        "operationId": "command",
        "summary": "Carries out a command. Absent, null and empty parameters mean the same.",
        "parameters": [{
            "name": "x-request-timeout-ms",
            "in": "header",
            "description": "How long the caller waits for the answer.",
            "schema": { "type": "integer", "minimum": 0 },
        }],
        "requestBody": { "required": true, "content": content(&reference("Command")) },
        "responses": answers,
    })
}

fn config() -> Value {
    let good = json!({ "description": "In force.", "content": content(&reference("ConfigAck")) });
    json!({
        "operationId": "config",
        "summary": "Replaces the configuration; what is refused leaves the old one in force.",
        "requestBody": { "required": true, "content": content(&reference("Config")) },
        "responses": answers(good, &[400, 401, 408, 413, 415, 422, 429, 500, 503, 504]),
    })
}

fn read(id: &str, summary: &str, schema: &Value, refusals: &[u16]) -> Value {
    let good = json!({ "description": summary, "content": content(schema) });
    json!({ "operationId": id, "summary": summary, "responses": answers(good, refusals) })
}

fn metrics() -> Value {
    let text = json!({ "text/plain": { "schema": { "type": "string" } } });
    let good = json!({ "description": "Prometheus text format.", "content": text });
    json!({ "operationId": "metrics", "summary": "Counters.", "responses": answers(good, &[401]) })
}

/// What the plugin sends to its platform.
fn events() -> Value {
    let header = |name: &str, description: &str| json!({ "name": name, "in": "header", "description": description, "schema": { "type": "string" } });
    json!({
        "operationId": "events",
        "summary": "Events of the plugin, posted to PLATFORM_API_URL/events until they are acknowledged.",
        "parameters": [
            header("webhook-id", "The same at every attempt."),
            header("webhook-timestamp", "Seconds since 1970."),
            header("webhook-signature", "`v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64, with HAP_WEBHOOK_SECRET."),
        ],
        "requestBody": {
            "required": true,
            "content": {
                "application/cloudevents+json": { "schema": reference("Event") },
                "application/cloudevents-batch+json": {
                    "schema": { "type": "array", "items": reference("Event"), "maxItems": 500 },
                },
            },
        },
        "responses": {
            "202": { "description": "The events are on the platform's disk." },
            "default": { "description": "Anything else: the same events are sent again." },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_become_components_that_are_referred_to() {
        let mut components = Components::default();
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {"a": {"$ref": "#/$defs/Pair%3Cu8%3E"}, "$ref": {"type": "string"}},
            "$defs": {"Pair<u8>": {"items": {"$ref": "#/$defs/a~1b"}}, "a/b": true},
        });
        components.add("Status", schema);
        assert_eq!(
            Value::Object(components.0),
            json!({
                "Status": {"properties": {
                    "a": {"$ref": "#/components/schemas/Status.Pair_u8_"},
                    "$ref": {"type": "string"},
                }},
                "Status.Pair_u8_": {"items": {"$ref": "#/components/schemas/Status.a_b"}},
                "Status.a_b": true,
            })
        );
    }
}
