use super::*;
use crate::engine::{error::EngineErrorKind, process::folder::write_json};

#[tokio::test]
async fn a_second_value_sees_the_process_and_may_kill_it() {
    let bench = Bench::new();
    let mut events = bench.engine.events(&InstanceName::default());
    let id = bench.started("light", "exec sleep 600").await;
    let other = bench.second();
    assert_eq!(
        other.inspect(&id).await.unwrap(),
        bench.engine.inspect(&id).await.unwrap()
    );
    other.start(&id).await.unwrap();
    other.kill(&id).await.unwrap();
    for engine in [&other, &bench.engine] {
        let seen = engine.inspect(&id).await.unwrap();
        // The host that started it heard how it ended.
        assert_eq!(
            (seen.status, seen.exit.unwrap().signal()),
            (ContainerStatus::Exited, Some(9))
        );
    }
    assert_eq!(event(&mut events, EngineEventKind::Died).await.container, id);
}

#[tokio::test]
async fn a_kill_from_elsewhere_spares_the_run_that_follows_it() {
    let bench = Bench::new();
    let other = bench.second();
    let id = bench.started("light", "exec sleep 600").await;
    let mut events = bench.engine.events(&InstanceName::default());
    for _ in 0..10 {
        let restarted = async {
            event(&mut events, EngineEventKind::Died).await;
            bench.engine.start(&id).await.unwrap();
        };
        let (killed, ()) = tokio::join!(other.kill(&id), restarted);
        killed.unwrap();
        assert_eq!(
            bench.engine.inspect(&id).await.unwrap().status,
            ContainerStatus::Running
        );
    }
}

#[tokio::test]
async fn what_another_value_does_is_told_as_well() {
    let bench = Bench::new();
    let other = bench.second();
    let mut events = other.events(&InstanceName::default());
    let id = bench.started("light", "exec sleep 600").await;
    assert_eq!(event(&mut events, EngineEventKind::Started).await.container, id);
    bench.engine.stop(&id, GRACE).await.unwrap();
    assert_eq!(event(&mut events, EngineEventKind::Died).await.container, id);
    bench.engine.remove(&id).await.unwrap();
    assert_eq!(event(&mut events, EngineEventKind::Removed).await.container, id);
}

/// Starts a plugin on a runtime and an engine that then end without a word, as those of a
/// killed host do.
fn left_running(bench: &Bench, commands: &str) -> ContainerId {
    let first = bench.second();
    let spec = bench.spec("light", commands);
    let host = tokio::runtime::Runtime::new().unwrap();
    let id = host.block_on(async {
        let id = first.create(&spec).await.unwrap();
        first.start(&id).await.unwrap();
        id
    });
    host.shutdown_background();
    id
}

#[test]
fn a_process_outlives_its_host_with_its_output() {
    let bench = Bench::new();
    let id = left_running(&bench, "n=0; while :; do n=$((n+1)); echo $n; sleep 0.02; done");
    let pid = bench.pid("light");
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        // Lines that are written now would end a process that writes to a pipe.
        bench.said(&id, "50").await;
        let seen = bench.engine.inspect(&id).await.unwrap();
        assert_eq!(seen.status, ContainerStatus::Running);
        bench.engine.start(&id).await.unwrap();
        assert_eq!(bench.pid("light"), pid);
        bench.engine.stop(&id, GRACE).await.unwrap();
        let written = lines(&bench.engine, &id, &LogOptions::default()).await;
        let numbers: Vec<usize> = written.iter().map(|line| line.parse().unwrap()).collect();
        let expected: Vec<usize> = (1..=numbers.len()).collect();
        assert_eq!(numbers, expected);
    });
}

/// Tells the test below, in a process of its own, to be the host of a folder.
const HOST_OF: &str = "HAP_TEST_HOST_OF";

#[tokio::test]
async fn a_process_outlives_the_kill_of_its_host() {
    if let Some(folder) = std::env::var_os(HOST_OF) {
        return be_the_host(folder.into()).await;
    }
    let bench = Bench::new();
    let mut events = bench.engine.events(&InstanceName::default());
    let test = "engine::process::tests::adoption::a_process_outlives_the_kill_of_its_host";
    let mut host = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact"])
        .env(HOST_OF, &bench.folder)
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let id = event(&mut events, EngineEventKind::Started).await.container;
    host.kill().await.unwrap();
    let pid = bench.pid("light");
    // Lines that are written from now on have no other reader.
    let before = lines(&bench.engine, &id, &LogOptions::default()).await.len();
    bench.said(&id, &(before + 20).to_string()).await;
    assert_eq!(
        bench.engine.inspect(&id).await.unwrap().status,
        ContainerStatus::Running
    );
    bench.engine.start(&id).await.unwrap();
    assert_eq!(bench.pid("light"), pid);
    crate::engine::process::identity::kill(pid);
    assert_eq!(event(&mut events, EngineEventKind::Died).await.container, id);
    assert_eq!(bench.engine.inspect(&id).await.unwrap().exit.unwrap().code, -1);
}

async fn be_the_host(folder: PathBuf) {
    let bench = Bench::over(folder);
    let commands = "n=0; while :; do n=$((n+1)); echo $n; echo >&2; sleep 0.02; done";
    bench.started("light", commands).await;
    std::future::pending().await
}

#[test]
fn an_adopted_process_that_ends_is_told_of_without_a_code() {
    let bench = Bench::new();
    let id = left_running(&bench, "exec sleep 600");
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let engine = bench.second();
        let mut events = engine.events(&InstanceName::default());
        crate::engine::process::identity::kill(bench.pid("light"));
        assert_eq!(event(&mut events, EngineEventKind::Died).await.container, id);
        let exit = engine.inspect(&id).await.unwrap().exit.unwrap();
        assert_eq!((exit.code, exit.signal()), (-1, None));
        assert!(exit.error.contains("no host was watching"), "{exit}");
        let error = engine.start(&id).await.unwrap_err();
        assert_eq!(error.kind(), EngineErrorKind::NotFound, "its secret is not known");
        assert!(error.to_string().contains("HAP_API_TOKEN"), "{error}");
    });
}

#[tokio::test]
async fn a_process_of_a_reused_number_is_neither_seen_nor_killed() {
    let bench = Bench::new();
    let id = bench.started("light", "exec sleep 600").await;
    let pid = bench.pid("light");
    // As if the number had been given to this process after the container's own had ended.
    let mut record: serde_json::Value =
        serde_json::from_slice(&fs::read(bench.record("light")).unwrap()).unwrap();
    record["run"]["process"]["start_ticks"] = 1.into();
    record["run"]["owner"] = serde_json::Value::Null;
    let stranger = bench.folder.join("state/containers/hap.default.light/stdout");
    // The process must not count as one of the container's by its output either.
    fs::rename(&stranger, bench.folder.join("elsewhere")).unwrap();
    fs::rename(
        stranger.with_file_name("stderr"),
        bench.folder.join("elsewhere too"),
    )
    .unwrap();
    write_json(&bench.record("light"), &record).unwrap();
    let other = bench.second();
    assert_eq!(other.inspect(&id).await.unwrap().status, ContainerStatus::Exited);
    other.stop(&id, GRACE).await.unwrap();
    other.kill(&id).await.unwrap();
    other.remove(&id).await.unwrap();
    assert!(lives(pid));
    crate::engine::process::identity::kill(pid);
}

#[tokio::test]
async fn a_process_whose_host_was_killed_right_after_making_it_is_found() {
    let bench = Bench::new();
    let id = bench.started("light", "exec sleep 600").await;
    let pid = bench.pid("light");
    let mut record: serde_json::Value =
        serde_json::from_slice(&fs::read(bench.record("light")).unwrap()).unwrap();
    let at = record["run"]["at"].clone();
    record["run"] = serde_json::json!({ "state": "starting", "at": at });
    write_json(&bench.record("light"), &record).unwrap();
    let other = bench.second();
    assert_eq!(other.inspect(&id).await.unwrap().status, ContainerStatus::Running);
    assert_eq!(bench.pid("light"), pid);
    other.stop(&id, GRACE).await.unwrap();
    assert!(!lives(pid));
}

#[tokio::test]
async fn a_start_that_its_host_did_not_finish_counts_as_ended() {
    let bench = Bench::new();
    let id = bench
        .engine
        .create(&bench.spec("light", "exec sleep 600"))
        .await
        .unwrap();
    let mut record: serde_json::Value =
        serde_json::from_slice(&fs::read(bench.record("light")).unwrap()).unwrap();
    record["run"] = serde_json::json!({ "state": "starting", "at": "2024-01-01T00:00:00Z" });
    write_json(&bench.record("light"), &record).unwrap();
    let seen = bench.engine.inspect(&id).await.unwrap();
    assert_eq!(
        (seen.status, seen.exit.unwrap().code),
        (ContainerStatus::Exited, -1)
    );
    bench.engine.start(&id).await.unwrap();
    assert_eq!(
        bench.engine.inspect(&id).await.unwrap().status,
        ContainerStatus::Running
    );
}

#[tokio::test]
async fn a_record_that_cannot_be_read_hides_no_other_and_frees_its_name() {
    let bench = Bench::new();
    bench.engine.create(&bench.spec("light", "")).await.unwrap();
    let lamp = bench.engine.create(&bench.spec("lamp", "")).await.unwrap();
    fs::write(bench.record("light"), "").unwrap();
    let listed = bench.engine.list(&InstanceName::default()).await.unwrap();
    assert_eq!(listed.iter().map(|seen| &seen.id).collect::<Vec<_>>(), [&lamp]);
    bench.engine.create(&bench.spec("light", "")).await.unwrap();
}

#[tokio::test]
async fn a_process_that_ends_while_its_start_is_looked_at_keeps_its_exit_code() {
    let bench = Bench::new();
    let id = bench.started("light", "exit 4").await;
    bench.ended(&id).await;
    let ended = fs::read(bench.record("light")).unwrap();
    let write = |run: serde_json::Value| {
        let mut record: serde_json::Value = serde_json::from_slice(&ended).unwrap();
        record["run"] = run;
        write_json(&bench.record("light"), &record).unwrap();
    };
    let at = "2024-01-01T00:00:00Z";
    let record: serde_json::Value = serde_json::from_slice(&ended).unwrap();
    let owner = crate::engine::process::identity::Identity::of(std::process::id());
    // As its own host leaves it step by step, with looks at each of them.
    let lock = bench.engine.shared.folder.lock("test", &id).await.unwrap();
    write(serde_json::json!({ "state": "starting", "at": at }));
    let looker = bench.second();
    let looked = tokio::spawn({
        let id = id.clone();
        async move { looker.inspect(&id).await.unwrap() }
    });
    sleep(Duration::from_millis(50)).await;
    let process = &record["run"]["process"];
    write(serde_json::json!({ "state": "running", "process": process, "owner": owner, "at": at }));
    drop(lock);
    sleep(Duration::from_millis(50)).await;
    let lock = bench.engine.shared.folder.lock("test", &id).await.unwrap();
    let now: serde_json::Value = serde_json::from_slice(&fs::read(bench.record("light")).unwrap()).unwrap();
    assert_eq!(
        now["run"]["state"], "running",
        "its host has time to tell the code"
    );
    write_json(&bench.record("light"), &record).unwrap();
    drop(lock);
    assert_eq!(looked.await.unwrap().exit.unwrap().code, 4);
}
