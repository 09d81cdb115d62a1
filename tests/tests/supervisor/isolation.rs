//! Isolation is measured, and lost isolation is told.

use std::time::Duration;

use hap_host::{
    ErrorKind, EventStream, FailureCause, HostEventKind, IsolationState, LostIsolation, Phase, Policy,
    ShutdownMode, StreamItem, Supervisor,
    engine::{
        EngineErrorKind, FakeEngine, FakeOperation, HostEndpoints, IsolationLoss, IsolationSigns, NetworkMode,
    },
};

use crate::{DEADLINE, builder, count, manifest, manifest_with, until};

const SHORT: Duration = Duration::from_secs(1);
/// Never again in the time of a test.
const LONG: Duration = Duration::from_secs(3600);

fn between_isolated() -> IsolationLoss {
    let isolated = NetworkMode::Isolated;
    IsolationLoss::new(
        vec![(isolated, isolated)],
        "the isolated reach each other",
        "restart it",
    )
}

async fn until_state(supervisor: &Supervisor, wanted: impl Fn(&IsolationState) -> bool) -> IsolationState {
    let came = async {
        loop {
            let state = supervisor.isolation();
            if wanted(&state) {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    match tokio::time::timeout(DEADLINE, came).await {
        Ok(state) => state,
        Err(_) => panic!("never came to be: {:?}", supervisor.isolation()),
    }
}

/// The next event of the host; those of plugins are passed over.
async fn next(events: &mut EventStream) -> HostEventKind {
    let told = async {
        loop {
            if let Some(StreamItem::Host(event)) = events.next().await {
                return event.kind;
            }
        }
    };
    tokio::time::timeout(DEADLINE, told).await.unwrap()
}

#[tokio::test]
async fn isolation_is_not_said_to_hold_before_it_was_measured() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    engine.hang_next(FakeOperation::MeasureIsolation);
    let supervisor = builder(&engine, state.path()).start().await.unwrap();
    let IsolationState::Unknown { reason, .. } = supervisor.isolation() else {
        panic!("{:?}", supervisor.isolation());
    };
    assert_eq!(reason, "it is not measured yet");
    let metrics = supervisor.metrics();
    assert!(
        metrics.contains("hap_isolation{state=\"unknown\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("hap_isolation{state=\"holds\"} 0"), "{metrics}");
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();

    let never = builder(&engine, state.path()).measure_isolation_every(None);
    let supervisor = never.start().await.unwrap();
    let IsolationState::Unknown { reason, .. } = supervisor.isolation() else {
        panic!("{:?}", supervisor.isolation());
    };
    assert_eq!(reason, "this host is set up not to measure it");
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
async fn a_loss_and_its_end_are_told_once_and_plugins_go_on_unless_the_policy_says_otherwise() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = builder(&engine, state.path())
        .measure_isolation_every(Some(SHORT))
        .start()
        .await
        .unwrap();
    let plugin = supervisor
        .install(manifest_with("light", r#","network_access":false"#))
        .await
        .unwrap();
    plugin.start().await.unwrap();
    let mut events = supervisor.events();
    engine.set_isolation(Some(between_isolated()));
    assert_eq!(
        next(&mut events).await,
        HostEventKind::IsolationLost(between_isolated())
    );
    let measured = count(&engine, FakeOperation::MeasureIsolation);
    let again = async {
        while count(&engine, FakeOperation::MeasureIsolation) < measured + 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, again).await.unwrap();
    assert_eq!(plugin.state().phase, Phase::Healthy);
    assert_eq!(supervisor.isolation().loss(), Some(&between_isolated()));
    let metrics = supervisor.metrics();
    assert!(metrics.contains("hap_isolation{state=\"lost\"} 1"), "{metrics}");
    assert!(metrics.contains("hap_isolation_losses_total 1"), "{metrics}");
    engine.set_isolation(None);
    // Measured again and again meanwhile, it was told once.
    assert_eq!(next(&mut events).await, HostEventKind::IsolationRegained);
    assert!(supervisor.isolation().holds());
    assert_eq!(plugin.state().restarts, 0);
}

#[tokio::test]
async fn the_policy_stops_those_that_a_loss_concerns_and_they_start_again_afterwards() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = builder(&engine, state.path())
        .measure_isolation_every(Some(SHORT))
        .policy(Policy::default().lost_isolation(LostIsolation::StopPlugins))
        .start()
        .await
        .unwrap();
    let isolated = manifest_with("isolated", r#","network_access":false"#);
    let isolated = supervisor.install(isolated).await.unwrap();
    let outbound = supervisor.install(manifest("outbound")).await.unwrap();
    for plugin in [&isolated, &outbound] {
        plugin.start().await.unwrap();
    }
    engine.set_isolation(Some(between_isolated()));
    let stopped = until(&isolated, |state| state.phase == Phase::Failed).await;
    let failure = stopped.failure.unwrap();
    assert_eq!(failure.cause, FailureCause::IsolationLost);
    assert!(!failure.cause.is_permanent());
    assert!(
        failure.message.contains("the isolated reach each other"),
        "{failure}"
    );
    assert_eq!(failure.hint.as_deref(), Some("restart it"));
    assert_eq!(outbound.state().phase, Phase::Healthy);
    // A start says why, at once.
    let error = isolated.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(
        error.to_string().contains("the isolated reach each other"),
        "{error}"
    );
    engine.set_isolation(None);
    until(&isolated, |state| state.phase == Phase::Healthy).await;
    assert_eq!(isolated.state().failure, None);
}

#[tokio::test]
async fn what_cannot_be_measured_is_not_known_and_lost_isolation_stays_lost() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = builder(&engine, state.path())
        .measure_isolation_every(Some(LONG))
        .start()
        .await
        .unwrap();
    until_state(&supervisor, IsolationState::holds).await;
    engine.fail_next(FakeOperation::MeasureIsolation, EngineErrorKind::Failed);
    let error = supervisor.measure_isolation().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine);
    let IsolationState::Unknown { reason, .. } = supervisor.isolation() else {
        panic!("{:?}", supervisor.isolation());
    };
    assert!(reason.contains("the test wants it so"), "{reason}");
    engine.set_isolation(Some(between_isolated()));
    supervisor.measure_isolation().await.unwrap();
    engine.set_isolation(None);
    engine.fail_next(FakeOperation::MeasureIsolation, EngineErrorKind::Failed);
    supervisor.measure_isolation().await.unwrap_err();
    assert_eq!(supervisor.isolation().loss(), Some(&between_isolated()));
    supervisor.measure_isolation().await.unwrap();
    assert!(supervisor.isolation().holds());
    // Where it cannot be measured, what is plain to see counts.
    engine.set_isolation_signs(IsolationSigns::new(Vec::new(), Some(between_isolated())));
    engine.fail_next(FakeOperation::MeasureIsolation, EngineErrorKind::Unsupported);
    supervisor.measure_isolation().await.unwrap_err();
    assert_eq!(supervisor.isolation().loss(), Some(&between_isolated()));
}

#[tokio::test]
async fn it_is_measured_anew_when_the_networks_change_and_when_the_engine_comes_back() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = builder(&engine, state.path())
        .measure_isolation_every(Some(LONG))
        .start()
        .await
        .unwrap();
    let plugin = supervisor.install(manifest("light")).await.unwrap();
    until_state(&supervisor, IsolationState::holds).await;

    let lost = |word: &str| IsolationLoss::new(Vec::new(), word, "h");
    let told = async |loss: &IsolationLoss| {
        until_state(&supervisor, |state| state.loss() == Some(loss)).await;
        engine.set_isolation(None);
        supervisor.measure_isolation().await.unwrap();
    };
    // The engine comes back: the stream breaks, and it is listed and asked again.
    engine.set_isolation(Some(lost("back")));
    engine.break_event_stream();
    told(&lost("back")).await;
    // With the next list other networks are reported.
    engine.set_isolation(Some(lost("other networks")));
    engine.set_isolation_signs(IsolationSigns::new(vec!["network 2".to_owned()], None));
    engine.break_event_stream();
    told(&lost("other networks")).await;
    // A start finds the networks elsewhere.
    engine.set_isolation(Some(lost("elsewhere")));
    let elsewhere = "127.0.0.2".parse().unwrap();
    engine.set_host_endpoints(HostEndpoints::new(elsewhere, elsewhere));
    plugin.start().await.unwrap();
    told(&lost("elsewhere")).await;
}

#[tokio::test]
async fn no_start_waits_for_a_measurement() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    engine.hang_next(FakeOperation::MeasureIsolation);
    let supervisor = builder(&engine, state.path()).start().await.unwrap();
    let plugin = supervisor.install(manifest("light")).await.unwrap();
    let begun = async {
        while count(&engine, FakeOperation::MeasureIsolation) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, begun).await.unwrap();
    plugin.start().await.unwrap();
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
