use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use hap_host::{
    Desired, Phase,
    engine::{DockerEngine, EngineError, EngineErrorKind},
};
use hap_tests::{
    between::{Between, Watched},
    docker::{Instance, Manner, Proxy},
};

use crate::{
    bed::Bed,
    report::{ENGINE, Row, record},
    victim::Victim,
};

/// A supervisor that reaches the engine through a proxy, while the test reaches it without.
async fn bed() -> (Bed, Proxy) {
    let instance = Instance::new().await.unwrap();
    let proxy = Proxy::before(instance.engine().uri());
    let engine = DockerEngine::connect_to(&proxy.uri()).await.unwrap();
    (Bed::over(instance, Arc::new(engine)).await, proxy)
}

/// Waits and checks that nothing happens to a plugin meanwhile, whatever the engine does.
async fn undisturbed(victim: &Victim, time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        victim.plugin.command("look", ()).await.unwrap();
        let state = victim.plugin.state();
        assert_eq!((state.phase, state.restarts), (Phase::Healthy, 0));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn row(fault: &'static str, expected: &'static str, seen: &str) -> Row {
    Row {
        table: ENGINE,
        fault,
        expected,
        seen: seen.to_owned(),
        detected: None,
        healthy: None,
    }
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn an_engine_that_cannot_be_reached_for_a_while_changes_nothing() {
    let (bed, proxy) = bed().await;
    let victim = bed.victim("victim", "").await;
    let away = Duration::from_secs(30);

    proxy.set(Manner::Refuse);
    undisturbed(&victim, away).await;
    proxy.set(Manner::Pass);
    // What was said of the engine is taken back once it answers.
    let state = victim.until(|state| state.failure.is_none()).await;
    assert_eq!(state.container, victim.before.container);
    let nothing = "nothing: the plugin runs on, and answers commands all the time";
    record(&row(
        "engine unreachable for 30 s",
        nothing,
        "`healthy`, no restart",
    ));

    proxy.set(Manner::Freeze);
    undisturbed(&victim, away).await;
    proxy.set(Manner::Pass);
    let state = victim.until(|state| state.failure.is_none()).await;
    assert_eq!(state.container, victim.before.container);
    record(&row(
        "engine takes requests and does not answer for 30 s",
        nothing,
        "`healthy`, no restart",
    ));

    // Nobody can be told of this end: the engine is away.
    proxy.set(Manner::Refuse);
    victim.end_by("exit:1").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let since = Instant::now();
    proxy.set(Manner::Pass);
    let fault = "plugin ends while the engine is unreachable";
    let expected = "noticed by the list that follows each reconnection, and started again; times from the engine's return";
    bed.healed(&victim, since, (ENGINE, fault, expected)).await;
    bed.end(&[victim]).await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn an_event_stream_that_breaks_is_opened_again_and_misses_no_end() {
    let (bed, proxy) = bed().await;
    let victim = bed.victim("victim", "").await;
    for _ in 0..20 {
        proxy.cut().await;
    }
    let since = Instant::now();
    proxy.cut().await;
    victim.end_by("exit:1").await;
    let fault = "event stream cut twenty times, and once more when a plugin ends";
    let expected = "opened again each time; the end is noticed by event or by list";
    bed.healed(&victim, since, (ENGINE, fault, expected)).await;
    bed.end(&[victim]).await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_slow_engine_makes_things_slow_and_nothing_else() {
    let (bed, proxy) = bed().await;
    let victim = bed.victim("victim", "").await;
    proxy.set(Manner::Delay(Duration::from_secs(1)));
    let since = Instant::now();
    victim.end_by("exit:1").await;
    let fault = "every piece of an answer of the engine comes 1 s late, and a plugin ends";
    bed.healed(&victim, since, (ENGINE, fault, "started again, later"))
        .await;
    let state = victim.plugin.state();
    assert_eq!(
        (state.container, state.restarts),
        (victim.before.container.clone(), 1)
    );
    bed.end(&[victim]).await;
}

/// Answers that are not true, or none, as long as it is set.
#[derive(Debug, Default)]
struct Liar {
    fails: AtomicBool,
}

#[async_trait]
impl Between for Liar {
    async fn come(&self, operation: &'static str) -> Result<(), EngineError> {
        if self.fails.load(Ordering::Relaxed) && matches!(operation, "start" | "create" | "stop") {
            let message = "the disk on fire: input/output error";
            return Err(EngineError::new(
                EngineErrorKind::Failed,
                operation,
                "it",
                message,
            ));
        }
        Ok(())
    }

    async fn go(&self, _operation: &'static str) -> Result<(), EngineError> {
        Ok(())
    }
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn an_engine_that_fails_at_every_start_is_asked_again_after_pauses() {
    let instance = Instance::new().await.unwrap();
    let liar = Arc::new(Liar::default());
    let engine = Watched::new(instance.dyn_engine(), Arc::clone(&liar));
    let bed = Bed::over(instance, Arc::new(engine)).await;
    let victim = bed.victim("victim", "").await;
    liar.fails.store(true, Ordering::Relaxed);
    victim.end_by("exit:1").await;
    let since = Instant::now();
    victim.until(|state| state.phase == Phase::CrashLoop).await;
    liar.fails.store(false, Ordering::Relaxed);
    let fault = "engine fails at every start for a while";
    let expected = "tried again after growing pauses until it succeeds";
    bed.healed(&victim, since, (ENGINE, fault, expected)).await;
    assert_eq!(victim.plugin.state().desired, Desired::Running);
    bed.end(&[victim]).await;
}
