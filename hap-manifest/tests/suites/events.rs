//! The examples of CloudEvents 1.0's JSON format (sections 2.4, 3 and 4 of the format, and the attributes of the core
//! specification), read as a plugin's events.

use std::time::SystemTime;

use hap_manifest::{
    PluginId,
    wire::{Event, EventBody},
};
use serde_json::{Value, json};

/// What the specification gives as valid events.
fn examples() -> [Value; 8] {
    [
        // A string as data, with an extension that is a text and one that is a number.
        json!({
            "specversion": "1.0", "type": "com.example.someevent", "source": "/mycontext", "subject": null,
            "id": "C234-1234-1234", "time": "2018-04-05T17:31:00Z", "comexampleextension1": "value",
            "comexampleothervalue": 5, "datacontenttype": "application/json",
            "data": {"appinfoA": "abc", "appinfoB": 123, "appinfoC": true},
        }),
        json!({
            "specversion": "1.0", "type": "com.example.someevent", "source": "/mycontext", "id": "A234-1234-1234",
            "time": "2018-04-05T17:31:00Z", "comexampleextension1": "value", "comexampleothervalue": 5,
            "unsetextension": null, "datacontenttype": "application/xml", "data": "<much wow=\"xml\"/>",
        }),
        // Binary data.
        json!({
            "specversion": "1.0", "type": "com.example.someevent", "source": "/mycontext", "id": "B234-1234-1234",
            "time": "2018-04-05T17:31:00Z", "comexampleextension1": "value", "comexampleothervalue": 5,
            "unsetextension": null, "datacontenttype": "application/vnd.apache.thrift.binary", "data_base64": "aGVsbG8=",
        }),
        // Data of other kinds, without a media type.
        json!({"specversion": "1.0", "type": "com.example.someevent", "source": "/mycontext", "id": "D1", "data": 1}),
        json!({"specversion": "1.0", "type": "com.example.someevent", "source": "/mycontext", "id": "D2", "data": true}),
        json!({"specversion": "1.0", "type": "com.example.someevent", "source": "/mycontext", "id": "D3", "data": [1, "a", null]}),
        // No data at all.
        json!({"specversion": "1.0", "type": "com.example.someevent", "source": "/mycontext", "id": "D4"}),
        // Sources and types as the core specification shows them.
        json!({
            "specversion": "1.0", "type": "com.github.pull_request.opened", "source": "https://github.com/cloudevents/spec/pull",
            "subject": "123", "id": "A234-1234-1234", "time": "2018-04-05T17:31:00.123456789+02:00", "datacontenttype": "text/xml",
            "data": "<much wow=\"xml\"/>", "dataschema": "https://example.com/schema",
        }),
    ]
}

fn sensor() -> PluginId {
    "sensor".parse().unwrap()
}

/// An event as it is stored, after it was read from a body.
fn stored(body: &Value) -> Event {
    let read = EventBody::from_slice(body.to_string().as_bytes()).unwrap();
    let mut drafts = read.into_drafts();
    assert_eq!(drafts.len(), 1);
    drafts
        .remove(0)
        .complete(&sensor(), "its-own".to_owned(), SystemTime::UNIX_EPOCH)
}

#[test]
fn each_example_is_read_and_written_again_without_a_loss() {
    for example in examples() {
        let written = serde_json::to_value(stored(&example)).unwrap();
        for (name, value) in example.as_object().unwrap() {
            // A null is an attribute that is not set.
            if !value.is_null() {
                assert_eq!(written[name], *value, "{name} of {example}");
            }
        }
        for name in ["specversion", "id", "source", "type", "time"] {
            assert!(written[name].is_string(), "{name} of {written}");
        }
        assert!(
            written["subject"] != Value::Null || written.get("subject").is_none(),
            "{written}"
        );
    }
}

/// Section 4 of the format: a batch is an array, also of none.
#[test]
fn batches_are_arrays() {
    let batch = Value::from(examples().to_vec());
    let read = EventBody::from_slice(batch.to_string().as_bytes()).unwrap();
    assert_eq!(read.into_drafts().len(), examples().len());
    assert!(EventBody::from_slice(b"[]").unwrap().into_drafts().is_empty());
}

/// Values that the specification does not allow for an attribute.
#[test]
fn attributes_of_other_types_are_refused() {
    for (name, value) in [
        ("type", json!(1)),
        ("type", Value::Null),
        ("id", json!(1)),
        ("source", json!({})),
        ("time", json!(1_522_949_460)),
        ("subject", json!(["a"])),
        ("datacontenttype", json!(true)),
        ("specversion", json!(1.0)),
    ] {
        let mut event = examples()[3].clone();
        event[name] = value.clone();
        let read = EventBody::from_slice(event.to_string().as_bytes());
        assert!(read.is_err(), "{name}: {value}");
    }
}
