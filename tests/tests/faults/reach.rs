use std::time::{Duration, Instant};

use hap_host::{ErrorKind, Phase};
use hap_tests::docker::Fixture;

use crate::{
    bed::Bed,
    report::{REACH, Row, record},
    victim::explained,
};

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_plugin_that_listens_late_is_waited_for() {
    let bed = Bed::new().await;
    let late = bed
        .install("late", Fixture::Faulty, r#","env_vars":{"FAULT":"late:20"}"#)
        .await;
    let since = Instant::now();
    late.start().await.unwrap();
    let took = since.elapsed();
    assert!(took >= Duration::from_secs(20), "{took:?}");
    let state = late.state();
    assert_eq!(
        (state.phase, state.restarts, &state.last_failure),
        (Phase::Healthy, 0, &None)
    );
    record(&Row {
        table: REACH,
        fault: "listens after 20 s",
        expected: "waited for, up to 60 s unless its manifest says otherwise; no restart",
        seen: format!("`{}`, no failure", state.phase),
        detected: None,
        healthy: Some(took),
    });
    bed.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_plugin_that_cannot_be_reached_is_told_where_it_listens() {
    let bed = Bed::new().await;
    for (id, fault, name, hint) in [
        (
            "loopback",
            "loopback",
            "listens on 127.0.0.1 only",
            "it listens on 127.0.0.1:8000 only",
        ),
        (
            "elsewhere",
            "port:9000",
            "listens on another port",
            "it listens on 0.0.0.0:9000, and not on port 8000",
        ),
        (
            "nowhere",
            "late:3600",
            "listens on nothing",
            "it runs and listens on no TCP port",
        ),
    ] {
        let extra = format!(
            r#","env_vars":{{"FAULT":"{fault}"}},"health_check":{{"start_period":"3s"}},"stop_timeout":"1s""#
        );
        let plugin = bed.install(id, Fixture::Faulty, &extra).await;
        let since = Instant::now();
        let error = plugin.start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert!(error.to_string().contains(hint), "{error}");
        let detected = bed.timeline.failed(plugin.id(), since).await;
        record(&Row {
            table: REACH,
            fault: name,
            expected: "started again after its `start_period`, here 3 s, and told where it listens",
            seen: explained(&plugin).await,
            detected: Some(detected - since),
            healthy: None,
        });
        plugin.stop().await.unwrap();
    }
    bed.end(&[]).await;
}
