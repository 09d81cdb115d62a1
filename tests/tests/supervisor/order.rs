//! Plugins that depend on each other.

use std::time::Duration;

use hap_host::{
    Desired, ErrorKind, EventKind, FailureCause, Phase, ShutdownMode, StreamItem, UnmetDependencyReason,
    engine::{Exit, FakeEnd, FakeEngine, FakeOperation, SimulatedHealth},
};

use crate::{DEADLINE, builder, count, manifest, manifest_with, supervisor, until};

const NEEDS_BROKER: &str = r#","depends_on":["broker"]"#;

#[tokio::test]
async fn a_plugin_starts_as_soon_as_what_it_depends_on_is_healthy_and_not_before() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor
        .install(manifest_with("light", NEEDS_BROKER))
        .await
        .unwrap();
    light.set_desired(Desired::Running).await.unwrap();
    let waiting = until(&light, |state| state.phase == Phase::Waiting).await;
    assert_eq!(
        waiting.unmet_dependencies[0].reason,
        UnmetDependencyReason::NotInstalled
    );
    assert!(
        light
            .command("on", ())
            .await
            .unwrap_err()
            .to_string()
            .contains("not installed")
    );

    let broker = supervisor.install(manifest("broker")).await.unwrap();
    until(&light, |state| {
        state.unmet_dependencies[0].reason == UnmetDependencyReason::NotWanted
    })
    .await;
    engine.set_health(broker.id(), SimulatedHealth::Failing("not yet".to_owned()));
    broker.set_desired(Desired::Running).await.unwrap();
    until(&broker, |state| state.container.is_some()).await;
    until(&light, |state| {
        matches!(
            state.unmet_dependencies[0].reason,
            UnmetDependencyReason::NotHealthy { .. }
        )
    })
    .await;
    assert!(engine.containers().iter().all(|one| one.plugin == *broker.id()));

    engine.set_health(broker.id(), SimulatedHealth::Healthy);
    light.start().await.unwrap();
    assert_eq!(
        (light.state().restarts, light.state().unmet_dependencies),
        (0, vec![])
    );
}

#[tokio::test]
async fn another_version_than_the_one_that_is_needed_is_told_and_waited_for() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    supervisor
        .install(manifest("broker"))
        .await
        .unwrap()
        .start()
        .await
        .unwrap();
    let needs = r#","depends_on":[{"id":"broker","version":"^2"}]"#;
    let light = supervisor.install(manifest_with("light", needs)).await.unwrap();
    light.set_desired(Desired::Running).await.unwrap();
    let waiting = until(&light, |state| state.phase == Phase::Waiting).await;
    assert_eq!(
        waiting.unmet_dependencies[0].to_string(),
        "broker ^2, of which 1.0.0 is installed"
    );
}

#[tokio::test(start_paused = true)]
async fn waiting_for_too_long_fails_the_start_visibly_and_goes_on() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let builder = builder(&engine, state.path()).dependency_wait(Duration::from_secs(20));
    let supervisor = builder.start().await.unwrap();
    let light = supervisor
        .install(manifest_with("light", NEEDS_BROKER))
        .await
        .unwrap();
    let error = light.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Dependency);
    assert!(
        error.to_string().contains("broker, which is not installed"),
        "{error}"
    );
    assert_eq!(light.state().failure.unwrap().cause, FailureCause::Dependency);
    assert_eq!(light.state().phase, Phase::Waiting);
    let broker = supervisor.install(manifest("broker")).await.unwrap();
    broker.start().await.unwrap();
    until(&light, |state| state.phase == Phase::Healthy).await;
}

#[tokio::test]
async fn losing_a_dependency_degrades_and_its_return_mends_without_a_restart() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let broker = supervisor.install(manifest("broker")).await.unwrap();
    broker.start().await.unwrap();
    let light = supervisor
        .install(manifest_with("light", NEEDS_BROKER))
        .await
        .unwrap();
    light.start().await.unwrap();
    let mut events = supervisor.events();
    engine.crash_at_start(broker.id(), Some(Exit::code(1)));
    engine.crash(broker.id(), Exit::code(1));
    let degraded = until(&light, |state| state.phase == Phase::Degraded).await;
    assert_eq!(degraded.unmet_dependencies[0].plugin, *broker.id());
    engine.crash_at_start(broker.id(), None);
    until(&light, |state| state.phase == Phase::Healthy).await;
    assert_eq!(light.state().restarts, 0);
    let mut told = Vec::new();
    while told.last() != Some(&"back") {
        let notice = tokio::time::timeout(DEADLINE, events.next())
            .await
            .unwrap()
            .unwrap();
        let StreamItem::Event(event) = notice else {
            panic!("{notice:?}")
        };
        match event.kind {
            EventKind::DependenciesLost(_) => told.push("lost"),
            EventKind::DependenciesBack => told.push("back"),
            _ => {}
        }
        assert!(matches!(told[..], [] | ["lost", ..]), "{told:?}");
    }
}

#[tokio::test]
async fn a_circle_is_refused_and_printed() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    for (id, needs) in [("a", r#","depends_on":["b"]"#), ("b", r#","depends_on":["c"]"#)] {
        supervisor.install(manifest_with(id, needs)).await.unwrap();
    }
    let error = supervisor
        .install(manifest_with("c", r#","depends_on":["a"]"#))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Dependency);
    assert!(error.to_string().contains("c -> a -> b -> c"), "{error}");
    assert_eq!(supervisor.plugins().len(), 2);
}

#[tokio::test]
async fn a_circle_that_came_to_be_all_the_same_holds_its_plugins_until_it_is_broken() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    engine.set_delay(FakeOperation::Image, Duration::from_millis(50));
    // Each is admitted before the other is entered.
    let (one, two) = tokio::join!(
        supervisor.install(manifest_with("one", r#","depends_on":["two"]"#)),
        supervisor.install(manifest_with("two", r#","depends_on":["one"]"#)),
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    let error = one.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Dependency);
    assert!(error.to_string().contains("one -> two -> one"), "{error}");
    assert_eq!(one.state().phase, Phase::Failed);
    let refused = two.uninstall().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Dependency);
    two.uninstall().ignore_dependents(true).await.unwrap();
    until(&one, |state| state.phase == Phase::Waiting).await;
}

#[tokio::test]
async fn one_that_others_need_is_uninstalled_only_when_told_so() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let broker = supervisor.install(manifest("broker")).await.unwrap();
    broker.start().await.unwrap();
    let light = supervisor
        .install(manifest_with("light", NEEDS_BROKER))
        .await
        .unwrap();
    light.start().await.unwrap();
    let error = broker.uninstall().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Dependency);
    assert!(error.to_string().contains("needed by light"), "{error}");
    assert_eq!(broker.state().phase, Phase::Healthy);
    broker.uninstall().ignore_dependents(true).await.unwrap();
    let degraded = until(&light, |state| state.phase == Phase::Degraded).await;
    assert_eq!(
        degraded.unmet_dependencies[0].reason,
        UnmetDependencyReason::NotInstalled
    );
}

/// `p0` to `p5`, each of which needs the one before, and two that need nobody.
async fn chain(supervisor: &hap_host::Supervisor) {
    for index in (0..6).rev() {
        let needs = match index {
            0 => String::new(),
            _ => format!(r#","depends_on":["p{}"]"#, index - 1),
        };
        let plugin = supervisor
            .install(manifest_with(&format!("p{index}"), &needs))
            .await
            .unwrap();
        plugin.set_desired(Desired::Running).await.unwrap();
    }
    for id in ["alone", "lonely"] {
        let plugin = supervisor.install(manifest(id)).await.unwrap();
        plugin.set_desired(Desired::Running).await.unwrap();
    }
}

async fn all_healthy(supervisor: &hap_host::Supervisor) {
    for plugin in supervisor.plugins() {
        until(&plugin, |state| state.phase == Phase::Healthy).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_starts_in_order_and_a_shutdown_stops_it_the_other_way_round() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    for operation in [FakeOperation::Create, FakeOperation::Start, FakeOperation::Stop] {
        engine.set_delay(operation, Duration::from_millis(100));
    }
    let first = supervisor(&engine, state.path()).await;
    chain(&first).await;
    all_healthy(&first).await;
    first.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    drop(first);
    let runs = engine.runs();
    let of = |id: &str| runs.iter().find(|run| run.plugin.as_str() == id).unwrap();
    for index in 1..6 {
        let (needed, needs) = (of(&format!("p{}", index - 1)), of(&format!("p{index}")));
        assert!(needed.started < needs.started, "p{index} did not wait");
        let (ended, after) = (needs.ended.as_ref().unwrap(), needed.ended.as_ref().unwrap());
        assert!(ended.0 < after.0, "p{index} was stopped after what it needs");
        assert_eq!(after.1, FakeEnd::Stopped);
    }
    // Who needs nobody waits for nobody.
    assert!(of("alone").ended.as_ref().unwrap().0 <= of("p5").ended.as_ref().unwrap().0);

    // The next host starts them in order again.
    let second = supervisor(&engine, state.path()).await;
    all_healthy(&second).await;
    let runs = engine.runs();
    let again: Vec<_> = runs[8..]
        .iter()
        .map(|run| run.plugin.as_str())
        .filter(|id| id.starts_with('p'))
        .collect();
    assert_eq!(again, ["p0", "p1", "p2", "p3", "p4", "p5"]);
}

#[tokio::test(start_paused = true)]
async fn twenty_that_need_nobody_start_together_within_the_cap() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    engine.set_delay(FakeOperation::Start, Duration::from_secs(1));
    let builder = builder(&engine, state.path()).parallel_starts(8);
    let supervisor = builder.start().await.unwrap();
    let begun = tokio::time::Instant::now();
    for index in 0..20 {
        let plugin = supervisor.install(manifest(&format!("p{index}"))).await.unwrap();
        plugin.set_desired(Desired::Running).await.unwrap();
    }
    all_healthy(&supervisor).await;
    assert_eq!(begun.elapsed().as_secs(), 3);
    assert_eq!(count(&engine, FakeOperation::Start), 20);
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_stopped_delays_the_others_only_for_a_while() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    chain(&supervisor).await;
    all_healthy(&supervisor).await;
    engine.hang_next(FakeOperation::Stop);
    let begun = tokio::time::Instant::now();
    let _ = supervisor.shutdown(ShutdownMode::StopPlugins).await;
    let up: Vec<_> = engine
        .containers()
        .into_iter()
        .filter(|one| one.exit.is_none())
        .collect();
    assert!(up.len() <= 1, "{up:?}");
    assert!(
        begun.elapsed() < Duration::from_secs(120),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_removal_that_is_wanted_and_not_waited_for_asks_those_that_need_the_plugin_too() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let broker = supervisor.install(manifest("broker")).await.unwrap();
    let light = supervisor
        .install(manifest_with("light", NEEDS_BROKER))
        .await
        .unwrap();
    broker.start().await.unwrap();
    for with_data in [false, true] {
        let error = broker
            .set_desired(Desired::Removed { with_data })
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Dependency);
        assert!(error.to_string().contains("light"), "{error}");
    }
    assert_eq!(broker.state().desired, Desired::Running);
    light.uninstall().await.unwrap();
    let with_data = false;
    broker.set_desired(Desired::Removed { with_data }).await.unwrap();
    until(&broker, |state| state.phase == Phase::Removed).await;
}
