use std::time::Duration;

use hap_host::{
    ErrorKind, FailureCause, Phase,
    engine::{EngineErrorKind, FakeEngine, FakeOperation},
};

use crate::{manifest, supervisor, until};

#[tokio::test]
async fn an_engine_that_fails_for_a_while_is_asked_again() {
    for operation in [
        FakeOperation::Prepare,
        FakeOperation::Create,
        FakeOperation::Start,
        FakeOperation::Inspect,
    ] {
        let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
        let supervisor = supervisor(&engine, state.path()).await;
        let plugin = supervisor.install(manifest("light")).await.unwrap();
        for _ in 0..3 {
            engine.fail_next(operation, EngineErrorKind::Unavailable);
        }
        plugin.start().await.unwrap();
        assert_eq!(
            plugin.state().restarts,
            0,
            "{operation:?}: the engine's fault is not the plugin's"
        );
        assert!(engine.concurrent_operations().is_empty());
    }
}

#[tokio::test]
async fn an_engine_that_goes_away_and_comes_back_finds_its_plugins_as_they_were() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let plugin = supervisor.install(manifest("light")).await.unwrap();
    plugin.start().await.unwrap();
    let before = plugin.state().container;
    engine.set_unavailable(true);
    let stopping = tokio::spawn({
        let plugin = plugin.clone();
        async move { plugin.stop().await }
    });
    let told = until(&plugin, |state| state.failure.is_some()).await;
    assert_eq!(told.failure.unwrap().cause, FailureCause::Engine);
    engine.set_unavailable(false);
    stopping.await.unwrap().unwrap();
    assert_eq!(plugin.state().container, before);
    assert_eq!(plugin.state().failure, None);
}

#[tokio::test]
async fn a_container_that_the_engine_refuses_for_good_is_failed_and_says_why() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let plugin = supervisor.install(manifest("light")).await.unwrap();
    engine.fail_next(FakeOperation::Create, EngineErrorKind::Rejected);
    let error = plugin.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert_eq!(plugin.state().phase, Phase::Failed);
    plugin.start().await.unwrap();
}

#[tokio::test]
async fn somebody_elses_container_of_our_name_is_not_touched() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let plugin = supervisor.install(manifest("light")).await.unwrap();
    engine.add_foreign("hap.default.light");
    let error = plugin.start().await.unwrap_err();
    assert!(error.to_string().contains("rename or remove it"), "{error}");
    assert_eq!(engine.foreign(), ["hap.default.light"]);
}

#[tokio::test(start_paused = true)]
async fn whether_the_engine_answers_is_said_in_seconds() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    assert_eq!(supervisor.ask_engine().await.unwrap(), supervisor.engine_info());
    assert_eq!(supervisor.engine_info().to_string(), "fake fake");
    engine.hang_next(FakeOperation::Info);
    let asked = tokio::time::Instant::now();
    let error = supervisor.ask_engine().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(asked.elapsed() <= Duration::from_secs(5));
    engine.set_unavailable(true);
    let error = supervisor.ask_engine().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine, "{error}");
}
