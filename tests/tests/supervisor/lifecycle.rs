use hap_host::{
    Desired, ErrorKind, EventKind, Phase, ShutdownMode, StreamItem,
    engine::{FakeEngine, FakeImage, FakeOperation},
};

use crate::{DEADLINE, count, manifest, supervisor, until};

#[tokio::test]
async fn install_start_stop_and_uninstall_leave_nothing_but_what_was_there() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    engine.add_foreign("somebody-elses");
    let supervisor = supervisor(&engine, state.path()).await;
    let mut events = supervisor.events();
    let plugin = supervisor.install(manifest("light")).await.unwrap();
    assert!(engine.containers().is_empty(), "installing starts nothing");
    plugin.start().await.unwrap();
    assert_eq!(engine.containers().len(), 1);
    plugin.stop().await.unwrap();
    plugin.stop().await.unwrap();
    plugin.uninstall().await.unwrap();
    assert!(engine.containers().is_empty());
    assert_eq!(engine.foreign(), ["somebody-elses"]);
    assert!(engine.concurrent_operations().is_empty());
    let mut phases = Vec::new();
    while phases.last() != Some(&Phase::Removed) {
        match tokio::time::timeout(DEADLINE, events.next())
            .await
            .unwrap()
            .unwrap()
        {
            StreamItem::Event(event) => {
                if let EventKind::Phase { to, .. } = event.kind {
                    phases.push(to);
                }
            }
            other => panic!("{other:?}"),
        }
    }
    let expected = [
        Phase::Stopped,
        Phase::Preparing,
        Phase::Starting,
        Phase::Healthy,
        Phase::Stopping,
        Phase::Stopped,
        Phase::Stopping,
        Phase::Removed,
    ];
    assert_eq!(phases, expected);
}

#[tokio::test]
async fn the_same_id_is_installed_once_even_by_two_calls_at_once() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let (one, two) = tokio::join!(
        supervisor.install(manifest("light")),
        supervisor.install(manifest("light"))
    );
    let kinds = [one.err(), two.err()].map(|error| error.map(|error| error.kind()));
    assert!(kinds.contains(&None), "{kinds:?}");
    let refused = kinds.into_iter().flatten().next().unwrap();
    assert!(
        matches!(refused, ErrorKind::Busy | ErrorKind::AlreadyInstalled),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_image_that_is_not_there_is_pulled_once_and_a_denied_one_is_refused() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let image = manifest("light").image().clone();
    engine.set_image(&image, FakeImage::Denied);
    let error = supervisor.install(manifest("light")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Image);
    assert!(supervisor.plugins().is_empty());
    engine.set_image(&image, FakeImage::Pullable);
    supervisor.install(manifest("light")).await.unwrap();
    assert_eq!(count(&engine, FakeOperation::Pull), 2);
}

#[tokio::test]
async fn what_was_wanted_is_wanted_after_a_host_that_ended_without_a_word() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let first = supervisor(&engine, state.path()).await;
    let running = first.install(manifest("running")).await.unwrap();
    running.start().await.unwrap();
    first.install(manifest("stopped")).await.unwrap();
    let leaving = first.install(manifest("leaving")).await.unwrap();
    leaving.start().await.unwrap();
    // The removal is recorded, and the host ends while the engine hangs in the middle of it.
    engine.hang_next(FakeOperation::Stop);
    leaving
        .set_desired(Desired::Removed { with_data: true })
        .await
        .unwrap();
    let before = running.state().container;
    first.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop((first, running, leaving));

    let second = supervisor(&engine, state.path()).await;
    let adopted = second.plugin(manifest("running").id()).unwrap();
    let adopted = until(&adopted, |state| state.phase == Phase::Healthy).await;
    assert_eq!(adopted.container, before);
    let stopped = second.plugin(manifest("stopped").id()).unwrap();
    until(&stopped, |state| state.phase == Phase::Stopped).await;
    let gone = async {
        while second.plugin(manifest("leaving").id()).is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.unwrap();
    assert_eq!(engine.containers().len(), 1);
    assert_eq!(count(&engine, FakeOperation::RemoveVolumes), 1);
}

#[tokio::test]
async fn a_stop_is_recorded_at_once_while_a_container_takes_for_ever_to_be_made() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let slow = supervisor.install(manifest("slow")).await.unwrap();
    let quick = supervisor.install(manifest("quick")).await.unwrap();
    engine.hang_next(FakeOperation::Create);
    slow.set_desired(Desired::Running).await.unwrap();
    until(&slow, |state| state.phase == Phase::Preparing).await;
    // Another plugin does not notice.
    quick.start().await.unwrap();
    slow.stop().await.unwrap();
    assert_eq!(slow.state().phase, Phase::Stopped);
    assert!(engine.concurrent_operations().is_empty());
}

#[tokio::test]
async fn after_a_shutdown_every_call_says_so() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let plugin = supervisor.install(manifest("light")).await.unwrap();
    plugin.start().await.unwrap();
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    assert!(
        engine
            .containers()
            .iter()
            .all(|container| container.exit.is_some())
    );
    assert_eq!(plugin.start().await.unwrap_err().kind(), ErrorKind::ShuttingDown);
    let refused = supervisor.install(manifest("other")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ShuttingDown);
}
