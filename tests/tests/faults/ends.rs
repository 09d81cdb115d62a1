use std::time::{Duration, Instant};

use hap_host::{ErrorKind, Phase};
use hap_tests::docker::Fixture;

use crate::{
    DEADLINE,
    bed::Bed,
    report::{ENDS, Row, record},
    victim::{explained, until},
};

/// After that long in health the first start after a failure comes without a pause.
const CALM: Duration = Duration::from_secs(11);

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_plugin_that_ends_is_started_again_and_the_reason_is_told() {
    let bed = Bed::new().await;
    let mut victims = Vec::new();
    let again = "started again at once, in the same container";
    let faults = [
        ("exit-0", "exit:0", "exit code 0 while healthy", again),
        ("exit-1", "exit:1", "exit code 1 while healthy", again),
        ("sigkill", "kill", "SIGKILL while healthy", again),
        (
            "memory",
            "allocate:200",
            "out of memory",
            "started again at once, and told that it was the limit",
        ),
    ];
    for (id, ..) in faults {
        victims.push(bed.victim(id, "").await);
    }
    tokio::time::sleep(CALM).await;
    for (victim, (_, act, fault, expected)) in victims.iter().zip(faults) {
        let since = Instant::now();
        victim.end_by(act).await;
        bed.healed(victim, since, (ENDS, fault, expected)).await;
        let state = victim.plugin.state();
        assert_eq!(state.container, victim.before.container);
        assert_eq!((state.restarts, state.crash_loop), (1, false));
    }
    bed.end(&victims).await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_plugin_that_ends_at_every_start_is_a_crash_loop_and_a_wrong_configuration_is_held() {
    let bed = Bed::new().await;
    let looping = bed
        .install("looping", Fixture::Faulty, r#","env_vars":{"FAULT":"exit:1"}"#)
        .await;
    let since = Instant::now();
    let error = looping.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(error.to_string().contains("ends at once with 1"), "{error}");
    let detected = bed.timeline.failed(looping.id(), since).await;
    let state = until(&looping, |state| state.phase == Phase::CrashLoop).await;
    assert!(state.crash_loop && state.retry_in.is_some());
    record(&Row {
        table: ENDS,
        fault: "exit code 1 at every start",
        expected: "started again after growing pauses; from the third time on shown as a crash loop",
        seen: explained(&looping).await,
        detected: Some(detected - since),
        healthy: None,
    });

    let wrong = bed
        .install("wrong", Fixture::Faulty, r#","env_vars":{"FAULT":"exit:78"}"#)
        .await;
    let since = Instant::now();
    assert_eq!(wrong.start().await.unwrap_err().kind(), ErrorKind::Failed);
    let detected = bed.timeline.failed(wrong.id(), since).await;
    let state = wrong.state();
    assert_eq!((state.phase, state.restarts), (Phase::Failed, 0));
    record(&Row {
        table: ENDS,
        fault: "exit code 78",
        expected: "not started again until someone acts",
        seen: explained(&wrong).await,
        detected: Some(detected - since),
        healthy: None,
    });
    bed.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_plugin_that_ignores_the_request_to_stop_is_killed_after_its_grace() {
    let bed = Bed::new().await;
    let victim = bed.victim("stubborn", r#","stop_timeout":"2s""#).await;
    victim.act("stubborn").await;
    let since = Instant::now();
    tokio::time::timeout(DEADLINE, victim.plugin.stop())
        .await
        .unwrap()
        .unwrap();
    let took = since.elapsed();
    assert!(took >= Duration::from_secs(2), "it had its grace: {took:?}");
    let state = victim.plugin.state();
    assert_eq!((state.phase, &state.failure), (Phase::Stopped, &None));
    record(&Row {
        table: ENDS,
        fault: "ignores SIGTERM when it is stopped",
        expected: "killed after its grace of 2 s, which is no failure",
        seen: format!("`{}`, no failure", state.phase),
        detected: Some(took),
        healthy: None,
    });
    bed.end(&[victim]).await;
}
