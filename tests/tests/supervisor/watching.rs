//! What a host sees of its plugins: figures, and their output in its own log.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use hap_host::{
    LogForwarding, Phase, Supervisor,
    engine::{Exit, FakeEngine, LogSource},
};
use tracing::{Level, Metadata, field::Field, span};

use crate::{DEADLINE, manifest, supervisor, until};

#[tokio::test]
async fn the_metrics_tell_what_a_plugin_went_through_until_it_is_uninstalled() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    light.start().await.unwrap();
    engine.crash(light.id(), Exit::code(1));
    until(&light, |state| {
        state.restarts == 1 && state.phase == Phase::Healthy
    })
    .await;
    light.status().await.unwrap_err();
    light.usage().await.unwrap();
    let _reader = supervisor.plugin_events(hap_host::SubscribeOptions::default());

    let text = supervisor.metrics();
    for line in [
        r#"hap_plugins{phase="healthy"} 1.0"#,
        r#"hap_plugin_restarts_total{plugin="light"} 1.0"#,
        r#"hap_plugin_failures_total{plugin="light",cause="exited"} 1.0"#,
        r#"hap_plugin_calls_total{plugin="light",call="status",outcome="unreachable"} 1.0"#,
        r#"hap_engine_operation_duration_seconds_count{operation="create",outcome="done"} 1"#,
        r#"hap_plugin_memory_bytes{plugin="light"} 0.0"#,
        "hap_event_readers 1.0",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
    light.uninstall().await.unwrap();
    assert!(!supervisor.metrics().contains("light"));
}

#[tokio::test]
async fn refused_requests_are_counted_without_the_name_that_they_claim() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let port = supervisor.events_port();
    for name in ["nobody", "somebody"] {
        let url = format!("http://127.0.0.1:{port}/plugins/{name}/api/v1/events");
        let sent = reqwest::Client::new()
            .post(url)
            .bearer_auth("hap_guess")
            .body("{}");
        assert_eq!(sent.send().await.unwrap().status().as_u16(), 401);
    }
    let text = supervisor.metrics();
    assert!(
        text.contains(r#"hap_event_requests_refused_total{code="unauthorized"} 2.0"#),
        "{text}"
    );
    assert!(!text.contains("body"), "{text}");
}

#[tokio::test]
async fn every_family_is_described_in_the_operators_guide() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let text = supervisor.metrics();
    let types: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .collect();
    assert!(types.len() > 20, "{text}");
    for (family, kind) in types {
        let name = if kind == "counter" {
            format!("{family}_total")
        } else {
            family.to_owned()
        };
        let row = format!("| `{name}` | {kind} |");
        assert!(guide.contains(&row), "no row begins with {row}");
    }
}

/// An event of the log: its level and its fields.
type Told = (Level, BTreeMap<String, String>);

/// Remembers the events of one target.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Told>>>);

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl tracing::field::Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl tracing::Subscriber for Heard {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "hap_host::plugin"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        self.0.lock().unwrap().push((*event.metadata().level(), fields));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Heard {
    async fn until(&self, count: usize) -> Vec<Told> {
        let enough = async {
            while self.0.lock().unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(DEADLINE, enough).await.unwrap();
        self.0.lock().unwrap().clone()
    }
}

// One thread, so that every task speaks to this test's subscriber.
#[tokio::test]
async fn what_plugins_print_goes_into_the_hosts_log_without_secrets_and_floods() {
    let heard = Heard::default();
    let _default = tracing::subscriber::set_default(heard.clone());
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let forwarding = LogForwarding::default().burst(3).lines_per_second(1);
    let builder = Supervisor::builder(engine.clone(), state.path()).forward_logs(forwarding);
    let supervisor = builder.start().await.unwrap();
    let manifest = hap_manifest::Manifest::builder("light", "Light", "1.0.0", "light:1").secret("password");
    let light = supervisor.install(manifest.build().unwrap()).await.unwrap();
    let unsent = light.configure(serde_json::json!({"password": "hunter2"})).await;
    unsent.unwrap_err();
    light.start().await.unwrap();
    engine.print(
        light.id(),
        LogSource::Stderr,
        r#"{"level":"WARN","message":"wrong hunter2","target":"lamp","device":"d1"}"#,
    );
    let first = heard.until(1).await;
    let (level, fields) = &first[0];
    assert_eq!(*level, Level::WARN);
    let field = |name: &str| fields.get(name).map(String::as_str);
    assert_eq!(field("message"), Some("wrong [REDACTED]"));
    assert_eq!(
        (field("plugin"), field("source"), field("origin"), field("fields")),
        (
            Some("light"),
            Some("stderr"),
            Some("lamp"),
            Some(r#"{"device":"d1"}"#)
        )
    );
    for n in 0..10 {
        engine.print(light.id(), LogSource::Stdout, &format!("line {n}"));
    }
    heard.until(3).await;
    // Its end is also the end of its output, so what was left out is told.
    light.stop().await.unwrap();
    let all = heard.until(4).await;
    assert_eq!(all[3].1.get("lost").map(String::as_str), Some("8"), "{all:?}");
    assert!(
        supervisor
            .metrics()
            .contains(r#"hap_log_lines_suppressed_total{plugin="light"} 8.0"#)
    );
    // The next run is followed too.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    light.start().await.unwrap();
    engine.print(light.id(), LogSource::Stdout, "again");
    let all = heard.until(5).await;
    assert_eq!(all[4].1.get("message").map(String::as_str), Some("again"));
}
