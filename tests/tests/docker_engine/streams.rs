use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, TryStreamExt};
use hap_host::engine::{
    ContainerId, DockerEngine, Engine, EngineErrorKind, EngineEventKind, EngineStream, LogLine, LogOptions,
    LogSource,
};
use hap_tests::docker::{Instance, ask, probe_image};
use tokio::{
    io::copy_bidirectional,
    net::{UnixListener, UnixStream},
};

use super::run;

const SOON: Duration = Duration::from_secs(60);

async fn next<T>(stream: &mut EngineStream<T>) -> T {
    tokio::time::timeout(SOON, stream.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn events_tell_what_a_plugin_goes_through_from_the_call_on() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let image = probe_image().await;
    let early = engine.create(&instance.spec("early", &image)).await.unwrap();
    engine.start(&early).await.unwrap();
    engine.remove(&early).await.unwrap();

    let mut events = engine.events(instance.name());
    // Nothing polls the stream yet, and nothing is lost for that.
    let (id, address) = run(&instance, &instance.spec("light", &image)).await;
    ask(address, "/exit?3").await.unwrap_err();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let event = next(&mut events).await;
        assert_eq!((event.plugin.as_str(), &event.container), ("light", &id));
        seen.push(event.kind);
    }
    engine.remove(&id).await.unwrap();
    seen.push(next(&mut events).await.kind);
    assert_eq!(
        seen,
        [
            EngineEventKind::Started,
            EngineEventKind::Died,
            EngineEventKind::Removed
        ]
    );
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn logs_are_lines_with_their_source_and_time() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let (id, address) = run(&instance, &instance.spec("light", &probe_image().await)).await;
    // What a plugin prints is on its way to the engine for a moment after the answer.
    let printed = async |count: usize| {
        let all = async {
            loop {
                let stream = engine.logs(&id, &LogOptions::default());
                let lines: Vec<LogLine> = stream.try_collect().await.unwrap();
                if lines.len() >= count {
                    return lines;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(SOON, all).await.unwrap()
    };
    for path in ["/print?one", "/complain?two", "/long?20000"] {
        ask(address, path).await.unwrap();
    }
    printed(5).await;
    // After the others have come: the engine reads both outputs, each at its own pace.
    ask(address, "/print?four").await.unwrap();
    let lines = printed(6).await;
    let of = |source: LogSource| lines.iter().filter(move |line| line.source == source);
    let texts: Vec<_> = of(LogSource::Stdout)
        .map(|line| (line.text.len(), line.partial))
        .collect();
    assert_eq!(
        texts,
        [
            (15, false),
            (3, false),
            (LogLine::MAX_BYTES, true),
            (20_000 - LogLine::MAX_BYTES, false),
            (4, false)
        ]
    );
    assert_eq!(
        of(LogSource::Stderr)
            .map(|line| line.text.as_str())
            .collect::<Vec<_>>(),
        ["two"]
    );
    assert!(lines.iter().all(|line| line.time.is_some()));

    let tail: Vec<LogLine> = engine
        .logs(&id, &LogOptions::default().tail(1))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        tail.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(),
        ["four"]
    );

    let since = SystemTime::now();
    ask(address, "/print?five").await.unwrap();
    let mut followed = engine.logs(&id, &LogOptions::default().follow(true).since(since));
    assert_eq!(next(&mut followed).await.text, "five");
    ask(address, "/print?six").await.unwrap();
    assert_eq!(next(&mut followed).await.text, "six");
    engine.kill(&id).await.unwrap();
    assert!(
        tokio::time::timeout(SOON, followed.next())
            .await
            .unwrap()
            .is_none()
    );

    let gone = engine
        .logs(&ContainerId::new("gone"), &LogOptions::default())
        .next()
        .await
        .unwrap();
    assert_eq!(gone.unwrap_err().kind(), EngineErrorKind::NotFound);
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn statistics_grow_with_what_the_plugin_does() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let (id, address) = run(&instance, &instance.spec("light", &probe_image().await)).await;
    let before = engine.stats(&id).await.unwrap();
    ask(address, "/spin?500").await.unwrap();
    let after = engine.stats(&id).await.unwrap();
    assert!(
        after.cpu_time >= before.cpu_time + Duration::from_millis(50),
        "{before:?} {after:?}"
    );
    assert!(
        after.memory_bytes > 0 && after.memory_bytes < after.memory_limit_bytes,
        "{after:?}"
    );
    assert_eq!(after.memory_limit_bytes, 64 << 20);
    assert!(
        after.pids >= 1 && after.network_received_bytes > before.network_received_bytes,
        "{after:?}"
    );
    engine.kill(&id).await.unwrap();
    let error = engine.stats(&id).await.unwrap_err();
    assert!(error.to_string().contains("not running"), "{error}");
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_lost_engine_ends_the_events_and_is_found_again() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let Some(real) = instance.engine().uri().strip_prefix("unix://").map(str::to_owned) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let proxy = |listener: UnixListener, real: String| {
        tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let mut engine = UnixStream::connect(&real).await.unwrap();
                connections.spawn(async move { copy_bidirectional(&mut client, &mut engine).await });
            }
        })
    };
    let serving = proxy(UnixListener::bind(&socket).unwrap(), real.clone());
    let engine = DockerEngine::connect_to(&format!("unix://{}", socket.display()))
        .await
        .unwrap();
    let mut events = engine.events(instance.name());
    assert!(
        tokio::time::timeout(Duration::from_millis(300), events.next())
            .await
            .is_err()
    );

    serving.abort();
    let lost = tokio::time::timeout(SOON, events.next()).await.unwrap();
    assert!(lost.is_none_or(|item| item.unwrap_err().kind() == EngineErrorKind::Unavailable));
    assert!(tokio::time::timeout(SOON, events.next()).await.unwrap().is_none());
    assert_eq!(
        engine.info().await.unwrap_err().kind(),
        EngineErrorKind::Unavailable
    );

    std::fs::remove_file(&socket).unwrap();
    let _serving = proxy(UnixListener::bind(&socket).unwrap(), real);
    engine.info().await.unwrap();
}
