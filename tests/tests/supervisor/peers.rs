//! What other supervisors are known to get wrong.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{Router, routing::get};
use hap_host::{
    ErrorKind, EventStream, HealthPolicy, OperationKind, Phase, ShutdownMode, StreamItem, Supervisor,
    engine::{EngineError, FakeEngine, FakeOperation},
};
use hap_tests::between::{Between, Watched};

use crate::{DEADLINE, count, manifest, supervisor, until};

/// Lets everything pass. The engine behind it pretends no health, so plugins are asked for real.
#[derive(Debug)]
struct Nobody;

#[async_trait]
impl Between for Nobody {
    async fn come(&self, _: &'static str) -> Result<(), EngineError> {
        Ok(())
    }

    async fn go(&self, _: &'static str) -> Result<(), EngineError> {
        Ok(())
    }
}

/// Counts its health checks, and answers them as long as it does not hang.
#[derive(Clone, Default)]
struct Lamp {
    asked: Arc<AtomicUsize>,
    hangs: Arc<AtomicBool>,
}

impl Lamp {
    async fn serve(&self) -> std::net::SocketAddr {
        let lamp = self.clone();
        let health = move || {
            let lamp = lamp.clone();
            async move {
                lamp.asked.fetch_add(1, Ordering::SeqCst);
                if lamp.hangs.load(Ordering::SeqCst) {
                    std::future::pending::<()>().await;
                }
                r#"{"status":"healthy"}"#
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/health", get(health));
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }
}

#[tokio::test]
async fn plugins_that_hang_delay_no_health_check_of_the_others() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let watched = Watched::new(Arc::new(engine.clone()), Arc::new(Nobody));
    let mut health = HealthPolicy::default();
    health.interval = Duration::from_millis(50);
    // One after the other, those that hang would take twenty seconds for each round.
    health.timeout = Duration::from_secs(2);
    let builder = Supervisor::builder(watched, state.path()).health_policy(health);
    let supervisor = builder.start().await.unwrap();
    let mut plugins = Vec::new();
    for n in 0..20 {
        let lamp = Lamp::default();
        let plugin = supervisor.install(manifest(&format!("lamp-{n}"))).await.unwrap();
        engine.set_address(plugin.id(), lamp.serve().await);
        plugin.start().await.unwrap();
        plugins.push((plugin, lamp));
    }
    let (hang, well) = plugins.split_at(10);
    for (_, lamp) in hang {
        lamp.hangs.store(true, Ordering::SeqCst);
    }
    let before: Vec<_> = well
        .iter()
        .map(|(_, lamp)| lamp.asked.load(Ordering::SeqCst))
        .collect();
    let asked_on = async {
        let behind = || {
            let mut counts = well.iter().zip(&before);
            counts.any(|((_, lamp), before)| lamp.asked.load(Ordering::SeqCst) < before + 10)
        };
        while behind() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, asked_on).await.unwrap();
    assert!(
        well.iter()
            .all(|(plugin, _)| plugin.state().phase == Phase::Healthy)
    );
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
async fn a_host_starts_at_once_though_a_plugin_of_it_hangs() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let first = supervisor(&engine, state.path()).await;
    for id in ["one", "other"] {
        first.install(manifest(id)).await.unwrap().start().await.unwrap();
    }
    first.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    drop(first);
    // The engine never answers whoever asks first.
    engine.hang_next(FakeOperation::Start);
    let second = tokio::time::timeout(DEADLINE, supervisor(&engine, state.path()));
    let second = second.await.unwrap();
    let [one, other] = &second.plugins()[..] else {
        panic!("two plugins")
    };
    let healthy = |state: &hap_host::PluginState| state.phase == Phase::Healthy;
    tokio::select! {
        _ = until(one, healthy) => {}
        _ = until(other, healthy) => {}
    }
    let held = [one, other].map(|plugin| plugin.state().operation.map(|now| now.kind));
    assert!(held.contains(&Some(OperationKind::Start)), "{held:?}");
    second.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
}

#[tokio::test]
async fn an_image_that_is_there_is_asked_of_no_registry() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    engine.hang_next(FakeOperation::Pull);
    let light = supervisor.install(manifest("light")).await.unwrap();
    light.start().await.unwrap();
    assert_eq!(count(&engine, FakeOperation::Pull), 0);
}

#[tokio::test]
async fn a_slow_reader_of_events_is_told_what_it_missed_and_delays_nobody() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    let mut slow = supervisor.events();
    // Four phases each.
    for _ in 0..EventStream::CAPACITY / 4 + 8 {
        light.start().await.unwrap();
        light.stop().await.unwrap();
    }
    let first = tokio::time::timeout(DEADLINE, slow.next()).await.unwrap();
    let Some(StreamItem::Lagged(missed)) = first else {
        panic!("{first:?}")
    };
    assert!(missed > 0);
    assert!(
        matches!(slow.next().await, Some(StreamItem::Event(_))),
        "and it goes on"
    );
}

#[tokio::test]
async fn a_state_is_followed_to_its_newest_and_to_its_end() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    let mut watch = light.watch();
    light.start().await.unwrap();
    let up = async {
        while watch.state().phase != Phase::Healthy {
            watch.changed().await.unwrap();
        }
    };
    tokio::time::timeout(DEADLINE, up).await.unwrap();
    let changed = tokio::time::timeout(Duration::from_millis(50), async {
        loop {
            let before = watch.state().clone();
            assert_ne!(*watch.changed().await.unwrap(), before, "each is another one");
        }
    });
    assert!(changed.await.is_err(), "and then nothing more happens");
    light.uninstall().await.unwrap();
    let end = async {
        loop {
            if let Err(error) = watch.changed().await {
                return error.kind();
            }
        }
    };
    assert_eq!(
        tokio::time::timeout(DEADLINE, end).await.unwrap(),
        ErrorKind::Gone
    );
    assert_eq!(watch.state().phase, Phase::Removed);
}
