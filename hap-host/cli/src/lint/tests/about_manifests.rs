use serde_json::json;

use super::Fixture;

pub(super) const FIXTURES: &[Fixture] = &[
    (
        "HAP101",
        |p| p.write("manifest.json", format!("{{\"x\": \"{}\"}}", "x".repeat(300_000))),
        |p| p.set("description", json!("x".repeat(9_000))),
    ),
    (
        "HAP102",
        |p| p.write("manifest.json", b"{\"name\": \"T\xfcr\"}"),
        |p| p.set("name", json!("Tür")),
    ),
    (
        "HAP103",
        |p| p.write("manifest.json", "{\"id\": \"bell\",}"),
        |p| p.set("id", json!("bell-2")),
    ),
    (
        "HAP104",
        |p| p.replace("manifest.json", "\"id\"", "\"id\": \"bell\", \"id\""),
        |p| p.set("id", json!("door")),
    ),
    ("HAP105", |p| p.unset("author"), |p| p.unset("api_port")),
    (
        "HAP106",
        |p| p.set("volume", json!(["/x"])),
        |p| p.set("$schema", json!("manifest.schema.json")),
    ),
    (
        "HAP107",
        |p| p.set("api_port", json!("8000")),
        |p| p.set("cpu_limit", json!(0.5)),
    ),
    (
        "HAP108",
        |p| p.set("memory_limit", json!("512mb")),
        |p| p.set("memory_limit", json!("512m")),
    ),
    (
        "HAP109",
        |p| p.set("tags", (0..300).map(|n| json!(n.to_string())).collect()),
        |p| p.set("tags", (0..200).map(|n| json!(n.to_string())).collect()),
    ),
    (
        "HAP110",
        |p| {
            p.set("device_access", json!(true))
                .set("devices", json!(["/dev/ttyS0", "/dev/ttyS0"]))
        },
        |p| {
            p.set("device_access", json!(true))
                .set("devices", json!(["/dev/ttyS0", "/dev/ttyS1"]))
        },
    ),
    (
        "HAP111",
        |p| p.set("env_vars", json!({"PORT": "80"})),
        |p| p.set("env_vars", json!({"BELL_PORT": "80"})),
    ),
    (
        "HAP112",
        |p| p.set("volumes", json!(["/data", "/usr"])),
        |p| p.set("volumes", json!(["/data", "/usr-data"])),
    ),
    (
        "HAP113",
        |p| p.set("volumes", json!(["/data", "/data/cache"])),
        |p| p.set("volumes", json!(["/data", "/cache"])),
    ),
    (
        "HAP114",
        |p| p.set("config_endpoint", json!("/command")),
        |p| p.set("config_endpoint", json!("/settings")),
    ),
    (
        "HAP115",
        |p| p.set("depends_on", json!(["bell"])),
        |p| p.set("depends_on", json!(["bridge"])),
    ),
    (
        "HAP116",
        |p| p.set("platform", json!(">=2, <1")),
        |p| p.set("platform", json!(">=1, <2")),
    ),
    (
        "HAP117",
        |p| {
            p.set("config_schema", secret(&json!({})))
                .set("secrets", json!(["pasword"]))
        },
        |p| {
            p.set("config_schema", secret(&json!({})))
                .set("secrets", json!(["password"]))
        },
    ),
    (
        "HAP118",
        |p| p.set("health_check", json!({"interval": "5s", "timeout": "10s"})),
        |p| p.set("health_check", json!({"interval": "10s", "timeout": "5s"})),
    ),
    (
        "HAP119",
        |p| p.set("config_schema", json!({"type": "sting"})),
        |p| p.set("config_schema", json!({"type": "object"})),
    ),
    (
        "HAP120",
        |p| p.set("config_schema", level(&json!({"minimum": 1, "default": 0}))),
        |p| p.set("config_schema", level(&json!({"minimum": 1, "default": 1}))),
    ),
    (
        "HAP121",
        |p| p.set("config_schema", level(&json!({"mininum": 1, "default": 1}))),
        |p| {
            p.set(
                "config_schema",
                level(&json!({"x-unit": "percent", "default": 1})),
            )
        },
    ),
    (
        "HAP122",
        |p| {
            p.set("device_access", json!(false))
                .set("devices", json!(["/dev/ttyS0"]))
        },
        |p| {
            p.set("device_access", json!(true))
                .set("devices", json!(["/dev/ttyS0"]))
        },
    ),
    (
        "HAP123",
        |p| p.set("capabilities", json!(["NET_RAWW"])),
        |p| p.set("capabilities", json!(["NET_RAW"])),
    ),
    (
        "HAP124",
        |p| p.set("env_vars", json!({"mqtt-host": "broker"})),
        |p| p.set("env_vars", json!({"MQTT_HOST": "broker"})),
    ),
    (
        "HAP125",
        |p| {
            for number in 0..150 {
                p.set(&format!("x{number}"), json!(1));
            }
            p
        },
        |p| p.set("name", json!("Another")),
    ),
    (
        "HAP131",
        |p| {
            p.set(
                "health_check",
                json!({"interval": "10m", "timeout": "5s", "retries": 10}),
            )
        },
        |p| {
            p.set(
                "health_check",
                json!({"interval": "1m", "timeout": "5s", "retries": 10}),
            )
        },
    ),
    (
        "HAP132",
        |p| p.set("health_check", json!({"timeout": "5s", "start_period": "1s"})),
        |p| p.set("health_check", json!({"timeout": "5s", "start_period": "5s"})),
    ),
    (
        "HAP133",
        |p| p.set("stop_timeout", json!("100ms")),
        |p| p.set("stop_timeout", json!("1s")),
    ),
    (
        "HAP323",
        |p| p.set("image", json!("example/bell")),
        |p| p.set("image", json!("localhost:5000/bell:1")),
    ),
    (
        "HAP402",
        |p| p.unset("license"),
        |p| p.set("license", json!("0BSD")),
    ),
    (
        "HAP403",
        |p| p.set("license", json!("Apache 2")),
        |p| p.set("license", json!("Apache-2.0 OR LicenseRef-Acme")),
    ),
    (
        "HAP404",
        |p| p.set("description", json!("")),
        |p| p.set("description", json!("Rings")),
    ),
    (
        "HAP405",
        |p| p.set("author", json!("")),
        |p| p.set("author", json!("A")),
    ),
    (
        "HAP406",
        |p| {
            p.set("version", json!("0.0.0"))
                .write("CHANGELOG.md", "## 0.0.0\n")
        },
        |p| {
            p.set("version", json!("0.0.1"))
                .write("CHANGELOG.md", "## v0.0.1\n")
        },
    ),
    (
        "HAP407",
        |p| p.unset("tags"),
        |p| p.unset("tags").set("category", json!("safety")),
    ),
    (
        "HAP411",
        |p| {
            p.set(
                "config_schema",
                json!({"properties": {"level": {"type": "integer", "default": 1}}}),
            )
        },
        |p| p.set("config_schema", level(&json!({"default": 1}))),
    ),
    (
        "HAP412",
        |p| p.set("config_schema", level(&json!({}))),
        |p| {
            let mut schema = level(&json!({}));
            schema["required"] = json!(["level"]);
            p.set("config_schema", schema)
        },
    ),
    (
        "HAP416",
        |p| p.set("author", json!("Your Name <you@example.com>")),
        |p| p.set("author", json!("Todor <todor@example.com>")),
    ),
    (
        "HAP503",
        |p| p.set("env_vars", json!({"MQTT_PASSWORD": "hunter2"})),
        |p| {
            p.set(
                "env_vars",
                json!({"MQTT_PASSWORD_FILE": "/data/password", "MQTT_TOKEN": ""}),
            )
        },
    ),
    (
        "HAP504",
        |p| {
            let mut schema = secret(&json!({}));
            schema["properties"]["password"]["writeOnly"] = json!(false);
            p.set("config_schema", schema)
        },
        |p| p.set("config_schema", secret(&json!({}))),
    ),
    (
        "HAP506",
        |p| p.set("config_schema", secret(&json!({"default": "admin"}))),
        |p| p.set("config_schema", secret(&json!({"default": ""}))),
    ),
];

/// A schema with a setting.
fn level(more: &serde_json::Value) -> serde_json::Value {
    let mut level = json!({"type": "integer", "description": "How loud it rings."});
    level
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({"type": "object", "properties": {"level": level}})
}

/// A schema with a secret.
fn secret(more: &serde_json::Value) -> serde_json::Value {
    let mut password = json!({"type": "string", "writeOnly": true, "description": "Of the broker."});
    password
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({"type": "object", "properties": {"password": password}, "required": ["password"]})
}
