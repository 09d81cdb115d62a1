//! What the operator chooses for a plugin.

use super::*;
use crate::{engine::observed::Exit, policy::Policy};

const LIMITS: &str = "/v1/plugins/light/limits";
const ENV: &str = "/v1/plugins/light/env";

#[tokio::test]
async fn limits_are_given_shown_and_taken_back() {
    let policy = Policy::default().max_memory("128m".parse().unwrap());
    let bed = Bed::with(|builder| builder.policy(policy)).await;
    let light = bed.installed_with("light", r#","memory_limit":"96m""#).await;
    light.start().await.unwrap();
    let before = bed.get(LIMITS).await;
    assert_eq!(before.good()["in_force"]["memory_bytes"], 96 << 20);
    assert_eq!(before.json["overrides"]["memory_limit"], Value::Null);

    let wanted = json!({"memory_limit": "64m", "cpu_limit": 0.5});
    let answer = bed.put(LIMITS, &wanted).await;
    assert_eq!(answer.good()["in_force"]["memory_bytes"], 64 << 20);
    assert_eq!(answer.json["in_force"]["nano_cpus"], 500_000_000);
    assert_eq!(light.limits().memory_bytes, 64 << 20);
    // What is read can be written back.
    let again = bed.put(LIMITS, &answer.json["overrides"]).await;
    assert_eq!(*again.good(), answer.json);

    let answer = bed.put(LIMITS, &json!({"memory_limit": "1g"})).await;
    assert_eq!(answer.refused(403), "not_permitted");
    for wrong in [
        json!({"memory_limit": "64q"}),
        json!({"memory": "64m"}),
        json!({"pids_limit": 0}),
        json!("64m"),
    ] {
        let answer = bed.put(LIMITS, &wrong).await;
        assert_eq!(answer.refused(422), "invalid_body", "{wrong}");
    }
    assert_eq!(light.limits().memory_bytes, 64 << 20);
    assert_eq!(*bed.put(LIMITS, &json!({})).await.good(), before.json);
}

#[tokio::test]
async fn what_becomes_of_a_plugin_at_a_boot_is_chosen_and_shown() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    let answer = bed.get("/v1/plugins/light").await;
    assert_eq!(answer.good()["state"]["boot"], "as_wanted");
    let path = "/v1/plugins/light/boot";
    for boot in ["never", "always", "as_wanted"] {
        let answer = bed.put(path, &json!({"boot": boot})).await;
        assert_eq!(answer.good()["boot"], boot);
        assert_eq!(serde_json::to_value(light.state().autostart).unwrap(), boot);
    }
    for wrong in [
        json!({}),
        json!({"boot": "sometimes"}),
        json!({"boot": "never", "now": true}),
    ] {
        assert_eq!(
            bed.put(path, &wrong).await.refused(422),
            "invalid_body",
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn the_operators_variables_reach_the_plugin_and_secret_ones_nobody_else() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    light.start().await.unwrap();
    let value = |name: &str| {
        let spec = bed.engine.spec(light.id()).unwrap();
        let found = spec.env.iter().find(|var| var.name() == name);
        found.map(|var| var.expose_value().to_owned())
    };
    let wanted = json!({"variables": {"TZ": "UTC"}, "secrets": {"KEY": "hunter2"}});
    let answer = bed.put(ENV, &wanted).await;
    let shown = json!({"variables": {"TZ": "UTC"}, "secrets": {"KEY": "[REDACTED]"}});
    assert_eq!(*answer.good(), shown);
    assert_eq!(*bed.get(ENV).await.good(), shown);
    assert_eq!(light.state().phase, Phase::Healthy);
    assert_eq!(value("KEY").unwrap(), "hunter2");

    // What is read can be changed and written back.
    let answer = bed
        .put(
            ENV,
            &json!({"variables": {"TZ": "CET"}, "secrets": shown["secrets"]}),
        )
        .await;
    assert_eq!(answer.good()["variables"]["TZ"], "CET");
    assert_eq!(value("KEY").unwrap(), "hunter2");
    assert_eq!(value("TZ").unwrap(), "CET");

    let rows = [
        (json!({"secrets": {"OTHER": "[REDACTED]"}}), "invalid_input"),
        (json!({"variables": {"PORT": "1"}}), "invalid_input"),
        (
            json!({"variables": {"A": "1"}, "secrets": {"A": "hunter3"}}),
            "invalid_body",
        ),
        (json!({"variables": {"A": 1}}), "invalid_body"),
        (json!({"env": {}}), "invalid_body"),
    ];
    for (wrong, code) in rows {
        let answer = bed.put(ENV, &wrong).await;
        assert_eq!(answer.refused(422), code, "{wrong}");
        assert!(!answer.text.contains("hunter"), "{}", answer.text);
    }
    let none = json!({"variables": {}, "secrets": {}});
    assert_eq!(*bed.put(ENV, &json!({})).await.good(), none);
    assert_eq!(value("KEY"), None);
}

#[tokio::test]
async fn a_plugin_that_fails_with_its_new_variables_says_why() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    light.start().await.unwrap();
    bed.engine.crash_at_start(light.id(), Some(Exit::code(78)));
    let answer = bed.put(ENV, &json!({"variables": {"TZ": "UTC"}})).await;
    assert_eq!(answer.refused(502), "failed");
    assert_eq!(answer.json["details"]["failure"]["cause"], "configuration");
    assert_eq!(bed.get(ENV).await.good()["variables"]["TZ"], "UTC");
}
