//! What a manifest says of its own restarts.

use hap_host::{
    Phase,
    engine::{Exit, FakeEngine, FakeOperation},
};

use crate::{count, manifest_with, supervisor, until};

#[tokio::test]
async fn one_that_ended_well_is_finished_where_its_manifest_says_so_and_starts_when_told() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let import = supervisor
        .install(manifest_with("import", r#","restart":"on-failure""#))
        .await
        .unwrap();
    import.start().await.unwrap();
    engine.crash(import.id(), Exit::code(1));
    until(&import, |state| {
        state.restarts == 1 && state.phase == Phase::Healthy
    })
    .await;
    engine.crash(import.id(), Exit::code(0));
    let finished = until(&import, |state| state.phase == Phase::Finished).await;
    assert_eq!(finished.failure, None);
    assert_eq!(count(&engine, FakeOperation::Start), 2);
    import.start().await.unwrap();
    assert_eq!(import.state().phase, Phase::Healthy);
}

#[tokio::test]
async fn one_that_ends_well_at_once_has_started() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let import = supervisor
        .install(manifest_with("import", r#","restart":"no""#))
        .await
        .unwrap();
    engine.crash_at_start(import.id(), Some(Exit::code(0)));
    import.start().await.unwrap();
    assert_eq!(import.state().phase, Phase::Finished);
    engine.crash_at_start(import.id(), Some(Exit::code(3)));
    let error = import.start().await.unwrap_err();
    assert!(error.to_string().contains("exit code 3"), "{error}");
    assert_eq!(import.state().phase, Phase::Failed);
    assert_eq!(count(&engine, FakeOperation::Start), 2);
}

#[tokio::test(start_paused = true)]
async fn a_plugins_own_pauses_are_kept() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let builder = hap_host::Supervisor::builder(engine.clone(), state.path());
    let supervisor = builder.start().await.unwrap();
    let patient = r#","restart":{"mode":"always","initial":"5s","max":"20s"}"#;
    let plugin = supervisor
        .install(manifest_with("patient", patient))
        .await
        .unwrap();
    engine.crash_at_start(plugin.id(), Some(Exit::code(1)));
    plugin.start().await.unwrap_err();
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    let runs = engine.runs();
    let pauses: Vec<_> = runs
        .windows(2)
        .map(|pair| (pair[1].started - pair[0].started).as_secs_f64())
        .collect();
    for (pause, wanted) in pauses.iter().zip([5.0, 10.0, 20.0, 20.0, 20.0]) {
        assert!((wanted * 0.79..wanted * 1.22).contains(pause), "{pauses:?}");
    }
    assert!(pauses.len() >= 5, "{pauses:?}");
}
