use super::*;

#[tokio::test]
async fn how_a_process_ended_is_told_with_its_code_or_signal() {
    let bench = Bench::new();
    let id = bench.started("light", "exit 78").await;
    let seen = bench.ended(&id).await;
    assert_eq!(seen.exit.unwrap().code, 78);
    assert_eq!(seen.address, None);
    assert!(seen.started_at.is_some());
    let id = bench.started("lamp", "kill -SEGV $$").await;
    let exit = bench.ended(&id).await.exit.unwrap();
    assert_eq!((exit.code, exit.signal()), (139, Some(11)));
}

#[tokio::test]
async fn a_plugin_has_its_grace_to_end_well() {
    let bench = Bench::new();
    let id = bench
        .started(
            "light",
            "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done",
        )
        .await;
    bench.said(&id, "up").await;
    bench.engine.stop(&id, GRACE).await.unwrap();
    let seen = bench.engine.inspect(&id).await.unwrap();
    assert_eq!(
        (seen.status, seen.exit.unwrap().code),
        (ContainerStatus::Exited, 3)
    );
    let mut written = lines(&bench.engine, &id, &LogOptions::default()).await;
    // Some shells add that their child was terminated.
    written.truncate(2);
    assert_eq!(written, ["up", "bye"]);
}

#[tokio::test]
async fn one_that_ignores_the_request_is_killed_after_its_grace() {
    let bench = Bench::new();
    let id = bench
        .started("light", "trap '' TERM; echo up; while :; do sleep 0.05; done")
        .await;
    bench.said(&id, "up").await;
    let grace = Duration::from_millis(300);
    let begun = Instant::now();
    bench.engine.stop(&id, grace).await.unwrap();
    assert!(begun.elapsed() >= grace);
    let exit = bench.engine.inspect(&id).await.unwrap().exit.unwrap();
    assert_eq!(exit.signal(), Some(9));
}

#[tokio::test]
async fn a_frozen_process_shows_as_paused_and_can_be_stopped() {
    let bench = Bench::new();
    let id = bench.started("light", "kill -STOP $$; exec sleep 600").await;
    eventually("the frozen process", async || {
        let seen = bench.engine.inspect(&id).await.unwrap();
        (seen.status == ContainerStatus::Paused).then_some(())
    })
    .await;
    bench.engine.stop(&id, GRACE).await.unwrap();
    let exit = bench.engine.inspect(&id).await.unwrap().exit.unwrap();
    assert_eq!(exit.signal(), Some(15));
}

/// A shell with a child in its group and one in a session of its own, each of which
/// tells its number.
const FAMILY: &str = "sh -c 'echo $$ > inside; exec sleep 600' & setsid sh -c 'echo $$ > outside; exec sleep 600' & \
                      until [ -s inside ] && [ -s outside ]; do sleep 0.01; done; echo up; ";

fn children(bench: &Bench) -> Vec<u32> {
    let work = bench
        .engine
        .state_folder()
        .join("containers/hap.default.light/work");
    ["inside", "outside"]
        .map(|name| {
            fs::read_to_string(work.join(name))
                .unwrap()
                .trim()
                .parse()
                .unwrap()
        })
        .to_vec()
}

#[tokio::test]
async fn a_stop_leaves_no_child_behind() {
    let bench = Bench::new();
    let id = bench.started("light", &format!("{FAMILY} wait")).await;
    bench.said(&id, "up").await;
    let children = children(&bench);
    assert!(children.iter().all(|pid| lives(*pid)));
    bench.engine.stop(&id, GRACE).await.unwrap();
    assert_eq!(children.iter().find(|pid| lives(**pid)), None);
}

#[tokio::test]
async fn the_rest_of_the_group_has_its_grace_when_the_first_process_ends_at_once() {
    let bench = Bench::new();
    let id = bench
        .started(
            "light",
            "sh -c 'trap \"sleep 0.3; echo drained; exit\" TERM; echo up; while :; do sleep 0.05; done'; exit 1",
        )
        .await;
    bench.said(&id, "up").await;
    bench.engine.stop(&id, GRACE).await.unwrap();
    bench.said(&id, "drained").await;
}

#[tokio::test]
async fn a_crash_takes_the_children_along() {
    let bench = Bench::new();
    let id = bench.started("light", &format!("{FAMILY} exit 5")).await;
    assert_eq!(bench.ended(&id).await.exit.unwrap().code, 5);
    let children = children(&bench);
    eventually("the end of the child", async || {
        (!lives(children[0])).then_some(())
    })
    .await;
    // The one that left the group goes at the latest when the container is removed.
    bench.engine.remove(&id).await.unwrap();
    eventually("the end of the other", async || {
        (!lives(children[1])).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_running_container_is_removed_with_its_process() {
    let bench = Bench::new();
    let id = bench.started("light", "exec sleep 600").await;
    let pid = bench.pid("light");
    bench.engine.remove(&id).await.unwrap();
    assert!(!lives(pid));
    assert!(
        bench
            .engine
            .list(&InstanceName::default())
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_container_may_run_many_times() {
    let bench = Bench::new();
    let id = bench
        .engine
        .create(&bench.spec("light", "echo run; exit 4"))
        .await
        .unwrap();
    for _ in 0..3 {
        bench.engine.start(&id).await.unwrap();
        assert_eq!(bench.ended(&id).await.exit.unwrap().code, 4);
    }
    assert_eq!(
        lines(&bench.engine, &id, &LogOptions::default()).await,
        ["run"; 3]
    );
}

#[tokio::test]
async fn events_tell_of_the_life_of_the_instances_containers() {
    let bench = Bench::new();
    let mut events = bench.engine.events(&InstanceName::default());
    let mut elsewhere = bench.engine.events(&InstanceName::new("other").unwrap());
    let id = bench.started("light", "exec sleep 600").await;
    let started = event(&mut events, EngineEventKind::Started).await;
    assert_eq!((&started.container, started.plugin.as_str()), (&id, "light"));
    bench.engine.kill(&id).await.unwrap();
    assert_eq!(event(&mut events, EngineEventKind::Died).await.container, id);
    bench.engine.remove(&id).await.unwrap();
    assert_eq!(event(&mut events, EngineEventKind::Removed).await.container, id);
    let nothing = timeout(Duration::from_millis(300), elsewhere.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

#[tokio::test]
async fn the_death_of_an_own_process_is_told_at_once() {
    let bench = Bench::new();
    let id = bench.started("light", "exec sleep 600").await;
    let mut events = bench.engine.events(&InstanceName::default());
    crate::engine::process::identity::kill(bench.pid("light"));
    assert_eq!(event(&mut events, EngineEventKind::Died).await.container, id);
    // Whoever hears of the end finds it on record.
    assert_eq!(
        bench.engine.inspect(&id).await.unwrap().exit.unwrap().signal(),
        Some(9)
    );
}
