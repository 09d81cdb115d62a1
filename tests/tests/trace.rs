//! One trace through all of the platform, with a plugin that is a real process.

use std::time::Duration;

use hap_host::{Delivery, LogForwarding, ShutdownMode, SubscribeOptions, Supervisor, engine::ProcessEngine};
use hap_manifest::{Manifest, TraceParent};
use hap_tests::spans::Spans;
use serde_json::json;
use tracing::Instrument as _;

/// Longest wait for anything here. Generous, because the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);

// One thread, so that every task speaks to this test's subscriber.
#[tokio::test]
async fn one_trace_leads_from_a_call_through_the_plugins_log_to_the_event_that_it_sends() {
    let spans = Spans::default();
    let _default = tracing::subscriber::set_default(spans.subscriber());
    let folder = tempfile::tempdir().unwrap();
    let engine = ProcessEngine::new(folder.path().join("processes")).unwrap();
    let builder = Supervisor::builder(engine, folder.path().join("state"));
    let supervisor = builder
        .forward_logs(LogForwarding::default())
        .start()
        .await
        .unwrap();
    let manifest = Manifest::builder("teller", "Teller", "1.0.0", "teller:1").build();
    let teller = supervisor
        .install(manifest.unwrap())
        .process_program(env!("CARGO_BIN_EXE_teller"))
        .await
        .unwrap();
    teller.start().await.unwrap();
    let mut events = supervisor.plugin_events(SubscribeOptions::default());

    let trace = TraceParent::new([7; 16], [1; 8], true);
    let command = json!({"command": "say", "params": {"text": "good evening"}});
    let said = teller
        .command_typed(command)
        .traceparent(trace)
        .result_as::<String>()
        .into_future()
        .instrument(tracing::info_span!("the embedder's"))
        .await;
    assert_eq!(said.unwrap(), "said");

    // Back to the embedder, in the trace that it began.
    let event = tokio::time::timeout(DEADLINE, events.next()).await.unwrap();
    let Delivery::Event(event) = event.unwrap().unwrap() else {
        panic!("an event was lost")
    };
    assert_eq!(event.event.data, json!("good evening"));
    let told = event.traceparent().unwrap();
    assert_eq!(told.trace_id(), trace.trace_id());

    // The host's span of the call is the one that the plugin was told of.
    let [call] = &spans.named("plugin call")[..] else {
        panic!("{:?}", spans.named("plugin call"))
    };
    assert_eq!(call.around, ["the embedder's"]);
    let field = |name: &str| call.fields.get(name).cloned().unwrap_or_default();
    assert_eq!(
        [field("plugin"), field("trace_id"), field("span_id")],
        ["teller".to_owned(), trace.trace_id(), told.span_id()]
    );
    assert!(call.ended);

    // What the plugin logged meanwhile is in the same trace.
    let line = async {
        loop {
            let lines = spans.named("hap_host::plugin");
            let found = lines.into_iter().find(|line| {
                line.fields
                    .get("message")
                    .is_some_and(|text| text == "good evening")
            });
            if let Some(line) = found {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let Ok(line) = tokio::time::timeout(DEADLINE, line).await else {
        panic!("it is not among {:?}", spans.named("hap_host::plugin"))
    };
    assert_eq!(line.fields.get("trace_id"), Some(&trace.trace_id()));
    assert_eq!(line.fields.get("plugin").map(String::as_str), Some("teller"));

    // And so is the request that brought the event, with its plugin.
    let intake = spans.named("event intake");
    assert!(!intake.is_empty());
    assert!(intake.iter().all(|intake| intake.fields["plugin"] == "teller"));
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
