//! Many calls on one plugin: they queue or come to the same, and who waits for what is seen.

use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use hap_host::{
    Desired, ErrorKind, OperationKind, Phase, ShutdownMode,
    engine::{Exit, FakeEngine, FakeImage, FakeOperation, Stage},
};

use crate::{DEADLINE, count, manifest, supervisor, until};

#[tokio::test]
async fn calls_that_want_the_same_share_one_operation() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    engine.set_delay(FakeOperation::Start, Duration::from_millis(20));
    engine.set_delay(FakeOperation::Stop, Duration::from_millis(20));
    for started in join_all((0..8).map(|_| light.start())).await {
        started.unwrap();
    }
    for started in join_all((0..8).map(|_| light.restart().into_future())).await {
        started.unwrap();
    }
    for stopped in join_all((0..8).map(|_| light.stop().into_future())).await {
        stopped.unwrap();
    }
    for removed in join_all((0..8).map(|_| light.uninstall().into_future())).await {
        removed.unwrap();
    }
    let made = [
        FakeOperation::Create,
        FakeOperation::Start,
        FakeOperation::Stop,
        FakeOperation::Remove,
    ];
    assert_eq!(made.map(|operation| count(&engine, operation)), [1, 2, 2, 1]);
    assert!(engine.concurrent_operations().is_empty());
}

#[tokio::test]
async fn the_last_wish_counts_whatever_is_under_way() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    engine.set_delay(FakeOperation::Start, Duration::from_millis(50));
    engine.set_delay(FakeOperation::Stop, Duration::from_millis(50));

    // A stop while it starts: the start says what became of it.
    let starting = tokio::spawn({
        let light = light.clone();
        async move { light.start().await }
    });
    until(&light, |state| {
        state
            .operation
            .is_some_and(|now| now.kind == OperationKind::Start)
    })
    .await;
    light.stop().await.unwrap();
    assert_eq!(starting.await.unwrap().unwrap_err().kind(), ErrorKind::Failed);
    assert_eq!(light.state().phase, Phase::Stopped);

    // A start while it stops: the stop is no longer wanted, so it has nothing to wait for.
    light.start().await.unwrap();
    let stopping = tokio::spawn({
        let light = light.clone();
        async move { light.stop().await }
    });
    until(&light, |state| {
        state.operation.is_some_and(|now| now.kind == OperationKind::Stop)
    })
    .await;
    light.start().await.unwrap();
    stopping.await.unwrap().unwrap();
    let state = light.state();
    assert_eq!(
        (state.phase, state.restarts, state.last_failure),
        (Phase::Healthy, 0, None)
    );
    assert!(engine.concurrent_operations().is_empty());
}

#[tokio::test]
async fn who_holds_a_plugin_and_since_when_is_seen() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    light.start().await.unwrap();
    assert_eq!(light.activity().calls, []);
    let before = SystemTime::now();
    engine.hang_next(FakeOperation::Stop);
    let waiting = ["stop", "restart"].map(|call| {
        let light = light.clone();
        tokio::spawn(async move {
            let waits = light.wait_for(|state| state.phase == Phase::Stopping);
            match call {
                "stop" => light.stop().await,
                _ => {
                    waits.await.unwrap();
                    light.with_deadline(DEADLINE).start().await
                }
            }
        })
    });
    let held = until(&light, |state| {
        state.operation.is_some_and(|now| now.kind == OperationKind::Stop)
    })
    .await;
    let told = async {
        while light.activity().calls.len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, told).await.unwrap();
    let now = light.activity();
    assert_eq!(now.operation, held.operation);
    let since = [
        now.operation.unwrap().since,
        now.calls[0].since,
        now.calls[1].since,
    ];
    assert!(
        since
            .iter()
            .all(|since| (before..=SystemTime::now()).contains(since))
    );
    assert_eq!(
        now.calls.iter().map(|call| call.name).collect::<Vec<_>>(),
        ["stop", "start"]
    );
    // Whoever gives up is no longer listed; what hangs still is.
    for call in waiting {
        call.abort();
        let _ = call.await;
    }
    assert_eq!(light.activity().calls, []);
    assert_eq!(light.activity().operation, held.operation);
    // Nothing else waits for it.
    let lock = supervisor.install(manifest("lock")).await.unwrap();
    lock.start().await.unwrap();
    supervisor.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
}

#[tokio::test]
async fn a_call_gives_up_when_its_caller_says_so_and_what_was_recorded_goes_on() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    engine.set_delay(FakeOperation::Start, Duration::from_millis(300));
    let soon = light.with_deadline(Duration::from_millis(50));
    let error = soon.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("within 50ms"), "{error}");
    until(&light, |state| state.phase == Phase::Healthy).await;
    // Dropped, it goes on too: the life of a container is not that of a call.
    light.stop().await.unwrap();
    let dropped = tokio::time::timeout(Duration::from_millis(50), light.start()).await;
    assert!(dropped.is_err());
    until(&light, |state| state.phase == Phase::Healthy).await;
}

#[tokio::test]
async fn an_installation_is_seen_and_given_up_after_its_deadline() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    engine.set_image(manifest("light").image(), FakeImage::Pullable);
    engine.hang_next(FakeOperation::Pull);
    let installing = tokio::spawn({
        let supervisor = supervisor.clone();
        async move {
            supervisor
                .install(manifest("light"))
                .deadline(Duration::from_millis(300))
                .await
        }
    });
    let seen = async {
        loop {
            match &supervisor.installing()[..] {
                [one] if one.stage == Some(Stage::Pulling) => return one.clone(),
                _ => tokio::task::yield_now().await,
            }
        }
    };
    let seen = tokio::time::timeout(DEADLINE, seen).await.unwrap();
    assert_eq!(&seen.plugin, manifest("light").id());
    let busy = supervisor.install(manifest("light")).await.unwrap_err();
    assert_eq!(busy.kind(), ErrorKind::Busy);
    assert!(busy.to_string().contains("s (pulling)"), "{busy}");
    let error = installing.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(supervisor.installing(), []);
    assert!(supervisor.plugins().is_empty());
    supervisor.install(manifest("light")).await.unwrap();
}

#[tokio::test]
async fn a_removal_is_not_taken_back_and_may_be_asked_for_again() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    light.start().await.unwrap();
    engine.set_delay(FakeOperation::Stop, Duration::from_millis(50));
    let with_data = Desired::Removed { with_data: true };
    light.set_desired(with_data).await.unwrap();
    for late in [light.start().await, light.stop().await] {
        assert_eq!(late.unwrap_err().kind(), ErrorKind::Gone);
    }
    // Whoever was promised that the data goes is not let down by the next one, who did not ask for it.
    light.uninstall().await.unwrap();
    assert_eq!(count(&engine, FakeOperation::RemoveVolumes), 1);
    light.uninstall().remove_data(true).await.unwrap();

    let lock = supervisor.install(manifest("lock")).await.unwrap();
    lock.uninstall().await.unwrap();
    lock.uninstall().await.unwrap();
    let left = lock.uninstall().remove_data(true).await;
    assert_eq!(left.unwrap_err().kind(), ErrorKind::Gone, "its data may be there");
}

#[tokio::test]
async fn one_in_a_crash_loop_is_stopped_at_once() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    engine.crash_at_start(light.id(), Some(Exit::code(1)));
    light.start().await.unwrap_err();
    until(&light, |state| state.phase == Phase::CrashLoop).await;
    light.stop().await.unwrap();
    let starts = count(&engine, FakeOperation::Start);
    engine.crash_at_start(light.id(), None);
    light.start().await.unwrap();
    assert_eq!(count(&engine, FakeOperation::Start), starts + 1);
    assert!(!light.state().crash_loop);
}
