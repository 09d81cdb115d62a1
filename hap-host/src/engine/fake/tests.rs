use futures_util::StreamExt;
use hap_manifest::PluginId;

use super::*;
use crate::engine::{
    Engine,
    spec::ResourceLimits,
    stream::{EngineStream, LogOptions, LogSource},
};

fn spec(instance: &str, plugin: &str) -> ContainerSpec {
    let id = PluginId::new(plugin).unwrap();
    let instance = InstanceName::new(instance).unwrap();
    let limits = ResourceLimits::new(64 << 20, 1_000_000_000, 64);
    ContainerSpec::new(
        format!("{instance}.{plugin}"),
        id,
        instance,
        "image".to_owned(),
        limits,
        8000,
    )
}

async fn runs(engine: &FakeEngine, id: &ContainerId) -> bool {
    engine.inspect(id).await.unwrap().exit.is_none()
}

#[tokio::test]
async fn two_instances_with_the_same_plugin_do_not_meet() {
    let engine = FakeEngine::new();
    let (a, b) = (spec("a", "light"), spec("b", "light"));
    let (ours, theirs) = (engine.create(&a).await.unwrap(), engine.create(&b).await.unwrap());
    let mut heard = engine.events(&a.instance);
    engine.start(&theirs).await.unwrap();
    engine.start(&ours).await.unwrap();
    engine.stop(&theirs, Duration::ZERO).await.unwrap();
    assert!(runs(&engine, &ours).await);
    assert_eq!(heard.next().await.unwrap().unwrap().container, ours);
    assert_eq!(engine.list(&a.instance).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_engine_that_answers_nothing_answers_nothing_and_keeps_its_faults() {
    let engine = FakeEngine::new();
    let id = ContainerId::new("unknown");
    engine.fail_next(FakeOperation::Start, EngineErrorKind::Rejected);
    engine.set_unavailable(true);
    assert_eq!(
        engine.start(&id).await.unwrap_err().kind(),
        EngineErrorKind::Unavailable
    );
    assert_eq!(
        engine.remove(&id).await.unwrap_err().kind(),
        EngineErrorKind::Unavailable
    );
    engine.set_unavailable(false);
    assert_eq!(
        engine.start(&id).await.unwrap_err().kind(),
        EngineErrorKind::Rejected
    );
    assert_eq!(engine.calls().len(), 3);
}

#[tokio::test]
async fn a_reader_that_falls_behind_is_told() {
    let engine = FakeEngine::new();
    let spec = spec("a", "light");
    let id = engine.create(&spec).await.unwrap();
    let mut heard = engine.events(&spec.instance);
    for _ in 0..=EVENTS {
        engine.start(&id).await.unwrap();
        engine.stop(&id, Duration::ZERO).await.unwrap();
    }
    assert!(heard.next().await.unwrap().is_err());
}

async fn printed(lines: EngineStream<LogLine>) -> Vec<String> {
    lines.map(|line| line.unwrap().text).collect().await
}

#[tokio::test]
async fn what_a_plugin_prints_is_kept_and_followed_to_the_end_of_its_run() {
    let engine = FakeEngine::new();
    let spec = spec("a", "light");
    let id = engine.create(&spec).await.unwrap();
    engine.start(&id).await.unwrap();
    for text in ["one", "two"] {
        engine.print(&spec.plugin, LogSource::Stdout, text);
    }
    let options = LogOptions::default().tail(1);
    assert_eq!(printed(engine.logs(&id, &options)).await, ["two"]);
    let followed = engine.logs(&id, &options.follow(true));
    engine.print(&spec.plugin, LogSource::Stderr, "three");
    engine.crash(&spec.plugin, Exit::code(1));
    engine.print(&spec.plugin, LogSource::Stderr, "nobody prints this");
    assert_eq!(printed(followed).await, ["two", "three"]);
    let all = printed(engine.logs(&id, &LogOptions::default())).await;
    assert_eq!(all, ["one", "two", "three"]);
}
