use std::{os::unix::fs::MetadataExt as _, time::SystemTime};

use super::*;
use crate::engine::{
    error::EngineErrorKind,
    spec::LogRotation,
    stream::{LogLine, LogSource},
};

#[tokio::test]
async fn lines_of_both_streams_are_kept_with_their_time() {
    let bench = Bench::new();
    let id = bench
        .started("light", "echo out; echo err >&2; printf begun")
        .await;
    bench.ended(&id).await;
    let mut lines: Vec<LogLine> = bench
        .engine
        .logs(&id, &LogOptions::default())
        .map(|line| line.unwrap())
        .collect()
        .await;
    lines.sort_by_key(|line| line.source == LogSource::Stderr);
    let texts: Vec<_> = lines
        .iter()
        .map(|line| (line.text.as_str(), line.source))
        .collect();
    assert_eq!(
        texts,
        [
            ("out", LogSource::Stdout),
            ("begun", LogSource::Stdout),
            ("err", LogSource::Stderr)
        ]
    );
    assert!(lines.iter().all(|line| line.time.is_some() && !line.partial));
}

#[tokio::test]
async fn the_last_lines_and_those_since_a_time_can_be_asked_for() {
    let bench = Bench::new();
    let id = bench
        .engine
        .create(&bench.spec("light", "seq 1 5"))
        .await
        .unwrap();
    bench.engine.start(&id).await.unwrap();
    bench.ended(&id).await;
    let first = LogOptions::default().tail(2);
    assert_eq!(lines(&bench.engine, &id, &first).await, ["4", "5"]);
    sleep(Duration::from_millis(5)).await;
    let since = SystemTime::now();
    bench.engine.start(&id).await.unwrap();
    bench.ended(&id).await;
    let second = LogOptions::default().since(since);
    assert_eq!(
        lines(&bench.engine, &id, &second).await,
        ["1", "2", "3", "4", "5"]
    );
    assert_eq!(lines(&bench.engine, &id, &second.tail(1)).await, ["5"]);
    let future = LogOptions::default().since(SystemTime::now() + Duration::from_secs(60));
    assert!(lines(&bench.engine, &id, &future).await.is_empty());
}

#[tokio::test]
async fn a_stream_that_follows_ends_with_the_run() {
    let bench = Bench::new();
    let id = bench
        .started(
            "light",
            "echo one; until [ -e go ]; do sleep 0.01; done; echo two",
        )
        .await;
    let mut stream = bench.engine.logs(&id, &LogOptions::default().follow(true));
    let first = timeout(PATIENCE, stream.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(first.text, "one");
    let work = bench
        .engine
        .state_folder()
        .join("containers/hap.default.light/work");
    fs::write(work.join("go"), "").unwrap();
    let rest: Vec<_> = timeout(PATIENCE, stream.collect()).await.unwrap();
    let rest: Vec<String> = rest.into_iter().map(|line| line.unwrap().text).collect();
    assert_eq!(rest, ["two"]);
}

#[tokio::test]
async fn logs_of_no_container_are_an_error() {
    let bench = Bench::new();
    for id in ["", "x", "1.light", "1.../../etc", "1./etc"] {
        let mut stream = bench.engine.logs(&ContainerId::new(id), &LogOptions::default());
        let error = stream.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), EngineErrorKind::NotFound);
    }
}

#[tokio::test]
async fn a_flood_of_output_fills_neither_the_log_nor_the_disk() {
    let bench = Bench::new();
    let mut spec = bench.spec(
        "light",
        "yes 'a line of a plugin that has lost all measure, again and again and again and again' | head -n 500000; \
         echo done; exec sleep 600",
    );
    spec.log = LogRotation {
        max_bytes: 100_000,
        files: 2,
    };
    let id = bench.engine.create(&spec).await.unwrap();
    bench.engine.start(&id).await.unwrap();
    bench.said(&id, "done").await;
    let container = bench.engine.state_folder().join("containers/hap.default.light");
    eventually("the space to be given back", async || {
        let used: u64 = files(&container)
            .iter()
            .filter_map(|file| fs::metadata(file).ok())
            .map(|meta| meta.blocks() * 512)
            .sum();
        (used < 3_000_000).then_some(())
    })
    .await;
    assert!(fs::metadata(container.join("stdout")).unwrap().len() > 40_000_000);
    assert_eq!(
        bench.engine.inspect(&id).await.unwrap().status,
        ContainerStatus::Running
    );
}
