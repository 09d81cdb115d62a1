use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use hap_host::engine::{
    BuildContext, ContainerStatus, DockerEngine, Engine, EngineErrorKind, EnvVar, Exit, LogOptions,
    ProgressSink,
};
use hap_tests::docker::{Instance, ask, probe_image};

use super::{ended, run};

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn every_step_of_a_life_may_be_repeated() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let spec = instance.spec("light", &probe_image().await);

    let id = engine.create(&spec).await.unwrap();
    let created = engine.inspect(&id).await.unwrap();
    assert_eq!(
        (created.status, created.exit, created.address),
        (ContainerStatus::Created, None, None)
    );
    assert_eq!(created.started_at, None);
    let again = engine.create(&spec).await.unwrap_err();
    assert_eq!(again.kind(), EngineErrorKind::Conflict, "{again}");

    engine.start(&id).await.unwrap();
    engine.start(&id).await.unwrap();
    let running = engine.inspect(&id).await.unwrap();
    assert_eq!((running.status, &running.exit), (ContainerStatus::Running, &None));
    assert!(running.started_at.is_some());
    hap_tests::docker::until_up(running.address.unwrap()).await;

    engine.stop(&id, Duration::from_secs(5)).await.unwrap();
    engine.stop(&id, Duration::from_secs(5)).await.unwrap();
    engine.kill(&id).await.unwrap();
    let exited = engine.inspect(&id).await.unwrap();
    assert_eq!((exited.status, exited.address), (ContainerStatus::Exited, None));
    assert_eq!(exited.exit.unwrap().signal(), Some(15));

    engine.remove(&id).await.unwrap();
    engine.remove(&id).await.unwrap();
    engine.stop(&id, Duration::ZERO).await.unwrap();
    engine.kill(&id).await.unwrap();
    for gone in [engine.inspect(&id).await.map(|_| ()), engine.start(&id).await] {
        assert_eq!(gone.unwrap_err().kind(), EngineErrorKind::NotFound);
    }
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn of_many_that_remove_one_container_at_once_all_succeed() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let (id, _) = run(&instance, &instance.spec("light", &probe_image().await)).await;
    // All but the first are told that a removal is under way, and wait for its end.
    let removals = (0..4).map(|_| engine.remove(&id));
    for removed in futures_util::future::join_all(removals).await {
        removed.unwrap();
    }
    let gone = engine.inspect(&id).await.unwrap_err();
    assert_eq!(gone.kind(), EngineErrorKind::NotFound);
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_running_container_is_removed_at_once_and_a_killed_one_says_so() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let image = probe_image().await;
    let (killed, _) = run(&instance, &instance.spec("killed", &image)).await;
    engine.kill(&killed).await.unwrap();
    let exit = ended(&instance, &killed).await.exit.unwrap();
    assert_eq!((exit.signal(), exit.oom_killed), (Some(9), false));

    let (running, _) = run(&instance, &instance.spec("running", &image)).await;
    let (one, two) = tokio::join!(engine.remove(&running), engine.remove(&running));
    one.unwrap();
    two.unwrap();
    assert_eq!(
        engine.inspect(&running).await.unwrap_err().kind(),
        EngineErrorKind::NotFound
    );
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn the_exit_code_and_memory_as_the_cause_of_an_end_are_told() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let image = probe_image().await;
    let mut spec = instance.spec("quitter", &image);
    spec.env.push(EnvVar::plain("PROBE_EXIT", "78"));
    let quitter = engine.create(&spec).await.unwrap();
    engine.start(&quitter).await.unwrap();
    assert_eq!(ended(&instance, &quitter).await.exit, Some(Exit::code(78)));

    let (hungry, address) = run(&instance, &instance.spec("hungry", &image)).await;
    ask(address, "/allocate?100").await.unwrap_err();
    let exit = ended(&instance, &hungry).await.exit.unwrap();
    assert!(exit.oom_killed, "{exit}");
    assert_eq!(exit.code, 137);
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_program_that_is_missing_ends_the_run_and_the_log_says_why() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = "FROM scratch\nENTRYPOINT [\"/missing\"]\nLABEL a=b\n";
    std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
    let tag = format!("hap-tests-empty:{}", instance.name()).parse().unwrap();
    let context = BuildContext::new(folder.path(), "Dockerfile");
    engine.build(&context, &tag, ProgressSink::none()).await.unwrap();
    let id = engine.create(&instance.spec("empty", &tag)).await.unwrap();
    // The engine starts `init`, which only then finds no program: the start itself succeeds.
    engine.start(&id).await.unwrap();
    let exit = ended(&instance, &id).await.exit.unwrap();
    let lines: Vec<_> = engine
        .logs(&id, &LogOptions::default())
        .try_collect()
        .await
        .unwrap();
    engine.remove(&id).await.unwrap();
    hap_tests::docker::remove_image(&instance, &tag).await;
    assert_eq!(exit.code, 127);
    assert!(
        lines
            .iter()
            .any(|line| line.text.contains("exec /missing failed: No such file")),
        "{lines:?}"
    );
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn an_image_that_is_not_there_is_named() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let image = "hap-tests-nowhere:1".parse().unwrap();
    let looked = engine.image(&image).await.unwrap_err();
    let created = engine.create(&instance.spec("light", &image)).await.unwrap_err();
    for error in [looked, created] {
        assert_eq!(error.kind(), EngineErrorKind::NotFound);
        assert!(
            error
                .to_string()
                .contains("image hap-tests-nowhere:1 is not on this machine"),
            "{error}"
        );
    }
    // Nothing listens on port 1, so this registry fails at once and needs no network.
    let unreachable = "127.0.0.1:1/light:1".parse().unwrap();
    let error = engine.pull(&unreachable, ProgressSink::none()).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert!(
        error.to_string().starts_with("pull 127.0.0.1:1/light:1: "),
        "{error}"
    );
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn an_image_is_found_by_reference_and_runs_by_its_id() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let image = probe_image().await;
    let id = engine.image(&image).await.unwrap();
    assert!(id.as_str().starts_with("sha256:"), "{id}");
    let mut spec = instance.spec("light", &image);
    spec.image = id.to_string();
    run(&instance, &spec).await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_missing_network_asks_to_prepare() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let error = instance
        .engine()
        .create(&instance.spec("light", &probe_image().await))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::NotFound);
    assert!(error.to_string().contains("prepare instance"), "{error}");
}

#[tokio::test]
async fn an_engine_that_does_not_answer_says_what_to_do() {
    let error = DockerEngine::connect_to("unix:///nowhere/docker.sock")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::Unavailable);
    assert!(
        error
            .to_string()
            .contains("is it running, and may this user open the socket?"),
        "{error}"
    );
    let error = DockerEngine::connect_to("ssh://box").await.unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::Unsupported);
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_plugin_that_ends_by_itself_stops_within_its_grace() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let (id, _) = run(&instance, &instance.spec("light", &probe_image().await)).await;
    let begun = Instant::now();
    engine.stop(&id, Duration::from_millis(19_500)).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
