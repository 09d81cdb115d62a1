//! A supervisor that a configuration file describes.

use hap_host::{ErrorKind, Supervisor, SupervisorConfig, engine::FakeEngine};
use hap_tests::spans::Spans;

use crate::manifest_with;

fn config(state: &std::path::Path, rest: &str) -> SupervisorConfig {
    let folder = state.join("state");
    SupervisorConfig::from_json(&format!(r#"{{"state_folder":{folder:?}{rest}}}"#)).unwrap()
}

async fn started(state: &std::path::Path, rest: &str) -> Supervisor {
    config(state, rest)
        .builder(FakeEngine::new())
        .start()
        .await
        .unwrap()
}

#[tokio::test]
async fn the_policy_of_the_file_holds_for_what_is_installed() {
    let state = tempfile::tempdir().unwrap();
    let rest = r#","policy":{"preset":"strict","network":"by_grant","max_memory":"64m"}"#;
    let supervisor = started(state.path(), rest).await;
    let asks = manifest_with("meter", r#","memory_limit":"128m","capabilities":["NET_RAW"]"#);
    let error = supervisor
        .install(asks)
        .grant_all_requested(true)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotPermitted);
    let told = error.to_string();
    assert!(told.contains("NET_RAW") && told.contains("at most 64m"), "{told}");
    let modest = manifest_with("meter", r#","network_access":true"#);
    supervisor
        .install(modest)
        .grant_all_requested(true)
        .await
        .unwrap();
}

// One thread, so that the start speaks to this test's subscriber.
#[tokio::test]
async fn what_of_a_policy_cannot_be_meant_is_in_the_log_of_the_start() {
    let spans = Spans::default();
    let _default = tracing::subscriber::set_default(spans.subscriber());
    let state = tempfile::tempdir().unwrap();
    let told = || -> Vec<String> {
        let events = spans.named("hap_host::supervisor::builder::start");
        let messages = events
            .into_iter()
            .filter_map(|event| event.fields.get("message").cloned());
        messages
            .filter(|message| message.starts_with("of the policy"))
            .collect()
    };
    let rest = r#","policy":{"allow_devices":["/dev/sda"],"unsigned_packages":false}"#;
    let supervisor = started(state.path(), rest).await;
    let told_first = told();
    assert_eq!(told_first.len(), 2, "{told_first:?}");
    assert!(told_first[0].contains("no key is trusted"), "{told_first:?}");
    assert!(told_first[1].contains("/dev/sda"), "{told_first:?}");
    drop(supervisor);
    let other = tempfile::tempdir().unwrap();
    started(other.path(), "").await;
    assert_eq!(told().len(), 2, "a policy that is meant is not warned of");
}
