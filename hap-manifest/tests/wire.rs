//! Shapes on the wire: read tolerantly, written strictly.

use std::time::SystemTime;

use hap_manifest::PluginId;
use hap_manifest::wire::{
    CommandRequest, CommandResponse, CommandSet, ConfigAck, DecodeError, Event, EventBody, EventDraft,
    HealthReport, HealthStatus, StatusReport, WireError,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Command {
    TurnOn,
    SetLevel {
        level: u8,
    },
    Blink {
        #[serde(default)]
        times: u8,
    },
    Name(String),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
enum Untagged {
    TurnOn,
    SetLevel { level: u8 },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Single {
    Only,
}

#[test]
fn every_shape_of_parameters_is_decoded() {
    let set = CommandSet::of::<Command>().unwrap();
    let rows = [
        (json!({"command": "turn_on"}), Command::TurnOn),
        (json!({"command": "turn_on", "params": null}), Command::TurnOn),
        (json!({"command": "turn_on", "params": {}}), Command::TurnOn),
        (json!({"command": "blink"}), Command::Blink { times: 0 }),
        (
            json!({"command": "blink", "params": null}),
            Command::Blink { times: 0 },
        ),
        (
            json!({"command": "blink", "params": {}}),
            Command::Blink { times: 0 },
        ),
        (
            json!({"command": "blink", "params": {"times": 2, "more": 1}}),
            Command::Blink { times: 2 },
        ),
        (
            json!({"command": "set_level", "params": {"level": 7}, "trace": 1}),
            Command::SetLevel { level: 7 },
        ),
        (
            json!({"command": "name", "params": "hall"}),
            Command::Name("hall".to_owned()),
        ),
    ];
    for (json, expected) in rows {
        let request: CommandRequest = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(
            request.clone().decode::<Command>(),
            Ok(expected.clone()),
            "{json}"
        );
        assert_eq!(set.decode::<Command>(request), Ok(expected), "{json}");
    }
}

#[test]
fn bad_commands_say_where_and_what() {
    let set = CommandSet::of::<Command>().unwrap();
    let decode = |json: Value| {
        set.decode::<Command>(serde_json::from_value(json).unwrap())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        decode(json!({"command": "turn_off"})),
        "unknown command \"turn_off\"; known commands: turn_on, set_level, blink, name"
    );
    assert_eq!(
        decode(json!({"command": "set_level", "params": {"level": 300}})),
        "bad parameters of command \"set_level\" at `params.level`: invalid value: integer `300`, expected u8"
    );
    assert_eq!(
        decode(json!({"command": "set_level"})),
        "bad parameters of command \"set_level\" at `params`: missing field `level`"
    );
}

#[test]
fn a_command_type_says_its_names() {
    assert_eq!(CommandSet::of::<CommandRequest>().unwrap().names(), None);
    assert_eq!(CommandSet::of::<Value>().unwrap().names(), None);
    assert_eq!(CommandSet::of::<Single>().unwrap().names().unwrap(), ["only"]);
    let error = CommandSet::of::<Untagged>().unwrap_err().to_string();
    assert!(
        error.contains(r#"#[serde(tag = "command", content = "params", rename_all = "snake_case")]"#),
        "{error}"
    );
    assert!(CommandSet::of::<String>().is_err());
}

#[test]
fn a_dynamic_plugin_gets_the_request_itself() {
    let set = CommandSet::of::<CommandRequest>().unwrap();
    let request: CommandRequest =
        serde_json::from_value(json!({"command": "x", "params": {"a": 1}, "trace": "t"})).unwrap();
    assert_eq!(set.decode::<CommandRequest>(request.clone()).unwrap(), request);
    let error = set.decode::<Command>(CommandRequest::new("x")).unwrap_err();
    assert!(matches!(error, DecodeError::BadParams { .. }));
}

#[test]
fn replies_in_the_wild_are_read_and_kept() {
    let health: HealthReport =
        serde_json::from_value(json!({"status": "OK", "plugin_name": "Light", "mqtt_connected": true}))
            .unwrap();
    assert_eq!(health.status_kind(), HealthStatus::Healthy);
    assert_eq!(health.extra["mqtt_connected"], true);
    let health: HealthReport = serde_json::from_str("{}").unwrap();
    assert_eq!(health.status_kind(), HealthStatus::Healthy);

    let response: CommandResponse = serde_json::from_value(json!({"result": 5, "device": "a"})).unwrap();
    assert!(response.success);
    assert_eq!(response.extra["device"], "a");
    let response: CommandResponse = serde_json::from_value(json!({"success": false, "error": "x"})).unwrap();
    assert!(!response.success);

    let status: StatusReport = serde_json::from_str(r#"{"topic": "t"}"#).unwrap();
    assert_eq!((status.status.as_str(), &status.data), ("unknown", &json!({})));
    let error: WireError = serde_json::from_value(json!({"detail": "Not Found"})).unwrap();
    assert_eq!((error.success, error.error.as_str()), (false, ""));
}

#[test]
fn what_is_written_has_the_documented_shape() {
    let id = PluginId::new("light").unwrap();
    let rows = [
        (
            serde_json::to_value(CommandRequest::new("turn_on")).unwrap(),
            json!({"command": "turn_on", "params": {}}),
        ),
        (
            serde_json::to_value(CommandResponse::ok("Device turned on")).unwrap(),
            json!({"success": true, "result": "Device turned on"}),
        ),
        (
            serde_json::to_value(HealthReport::healthy(&id)).unwrap(),
            json!({"status": "healthy", "plugin_id": "light"}),
        ),
        (
            serde_json::to_value(StatusReport::new(&id, "running", json!({}))).unwrap(),
            json!({"plugin_id": "light", "status": "running", "data": {}}),
        ),
        (
            serde_json::to_value(ConfigAck::default()).unwrap(),
            json!({"success": true, "message": "Configuration updated"}),
        ),
    ];
    for (written, expected) in rows {
        assert_eq!(written, expected);
    }
}

#[test]
fn a_short_event_is_completed() {
    let body = br#" [{"type": "motion"}, {"type": "status", "data": {"on": true}, "room": "hall"}]"#;
    let EventBody::Batch(drafts) = EventBody::from_slice(body).unwrap() else {
        panic!("not a batch")
    };
    let id = PluginId::new("sensor").unwrap();
    let event = drafts[1]
        .clone()
        .complete(&id, "e-1".to_owned(), SystemTime::UNIX_EPOCH);
    assert_eq!(
        serde_json::to_value(&event).unwrap(),
        json!({
            "specversion": "1.0",
            "id": "e-1",
            "source": "/plugins/sensor",
            "type": "status",
            "time": "1970-01-01T00:00:00Z",
            "data": {"on": true},
            "room": "hall",
        })
    );
    let error = EventBody::from_slice(br#"{"data": 1}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid event: missing field `type` at line 1 column 11"
    );
    let long = format!(r#"{{"type": ["{}"]}}"#, "x".repeat(10_000));
    assert!(
        EventBody::from_slice(long.as_bytes())
            .unwrap_err()
            .message()
            .len()
            < 330
    );
    let long = format!(r#"{{"type": "x", "time": {{"{}": 1}}}}"#, "x".repeat(10_000));
    assert!(
        EventBody::from_slice(long.as_bytes())
            .unwrap_err()
            .message()
            .len()
            < 330
    );
    assert!(matches!(
        EventBody::from_slice(br#"{"type": "x"}"#),
        Ok(EventBody::One(_))
    ));
}

#[test]
fn a_sender_keeps_its_id_and_its_own_source_only() {
    let id = PluginId::new("sensor").unwrap();
    let complete = |source: &str, time: &str| {
        let draft: EventDraft =
            serde_json::from_value(json!({"type": "t", "id": "mine", "source": source, "time": time}))
                .unwrap();
        draft.complete(&id, "host".to_owned(), SystemTime::UNIX_EPOCH)
    };
    let rows = [
        ("", "/plugins/sensor"),
        ("/plugins/other", "/plugins/sensor"),
        ("/plugins/sensor2", "/plugins/sensor"),
        ("/plugins/sensor/hall", "/plugins/sensor/hall"),
        ("/rooms/hall", "/rooms/hall"),
    ];
    for (source, expected) in rows {
        let event = complete(source, "yesterday");
        assert_eq!((event.source.as_str(), event.id.as_str()), (expected, "mine"));
        assert_eq!(event.time.as_deref(), Some("1970-01-01T00:00:00Z"));
    }
    assert_eq!(
        complete("", "2024-02-29T12:00:00.5+01:00").time.as_deref(),
        Some("2024-02-29T12:00:00.5+01:00")
    );
}

#[test]
fn an_event_survives_its_json() {
    let id = PluginId::new("sensor").unwrap();
    let event = Event::new(&id, "e-1", "motion", SystemTime::UNIX_EPOCH, json!([1]));
    let again: Event = serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap();
    assert_eq!(again, event);
    assert_eq!(
        EventDraft::from(event.clone()).complete(&id, String::new(), SystemTime::now()),
        event
    );
}
