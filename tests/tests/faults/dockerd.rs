use std::time::{Duration, Instant};

use hap_host::{Phase, engine::Engine};
use hap_tests::docker::{Instance, PrivateDocker, in_private_network};
use rustix::process::Signal;

use crate::{
    bed::Bed,
    report::{DOCKERD, Row, record},
    victim::Victim,
};

/// A way in which an engine goes away and comes back.
struct Away {
    fault: &'static str,
    signal: Signal,
    time: Duration,
}

const TERMINATED: Away = Away {
    fault: "dockerd restarted",
    signal: Signal::TERM,
    time: Duration::ZERO,
};
const KILLED: Away = Away {
    fault: "dockerd killed with SIGKILL and started again",
    signal: Signal::KILL,
    time: Duration::ZERO,
};
const STOPPED: Away = Away {
    fault: "dockerd stopped for 30 s",
    signal: Signal::TERM,
    time: Duration::from_secs(30),
};

async fn bed(docker: &PrivateDocker) -> Bed {
    Bed::alone_on(Instance::on(docker.engine().await).unwrap()).await
}

/// Without live restore an engine takes its containers with it, or ends them when it is back.
async fn comes_back_without_its_containers(
    docker: &mut PrivateDocker,
    bed: &Bed,
    victim: &Victim,
    away: Away,
) {
    let since = Instant::now();
    docker.end(away.signal).await;
    tokio::time::sleep(away.time).await;
    docker.resume().await;
    let back = Instant::now();
    println!("the engine was back after {:?}", back - since);
    let healthy = bed.timeline.healthy(victim.plugin.id(), since).await;
    victim.lost_nothing().await;
    let state = victim.plugin.state();
    assert_eq!(state.container, victim.before.container);
    record(&Row {
        table: DOCKERD,
        fault: away.fault,
        expected: "its plugins, which end with the engine, are started again in the same containers; time from the engine's return",
        seen: format!("`{}`", state.phase),
        detected: None,
        healthy: Some(healthy.saturating_duration_since(back)),
    });
}

#[test]
#[ignore = "needs root and dockerd"]
fn an_engine_that_ends_its_containers_finds_them_started_again() {
    in_private_network(|| async {
        let mut docker = PrivateDocker::start(false).await;
        let bed = bed(&docker).await;
        let victim = bed.victim("victim", "").await;
        for away in [TERMINATED, KILLED, STOPPED] {
            comes_back_without_its_containers(&mut docker, &bed, &victim, away).await;
        }
        bed.end(&[victim]).await;
    });
}

/// An engine before 25.0 has an isolated network that a later one cannot take over: it is gone, and so is what was to run
/// on it. Under `.ci/engine` the older one is the machine's.
#[test]
#[ignore = "needs root and dockerd"]
fn an_engine_that_was_replaced_by_another_version_has_its_plugins_again() {
    in_private_network(|| async {
        let mut docker = PrivateDocker::start_older().await;
        let bed = bed(&docker).await;
        let victim = bed.victim("victim", "").await;
        let older = bed.supervisor.engine_info();
        docker.end(Signal::TERM).await;
        docker.resume().await;
        let newer = docker.engine().await.info().await.unwrap();
        println!("from {older} to {newer}");
        victim.lost_nothing().await;
        let learnt = async {
            while bed.supervisor.engine_info() != newer {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), learnt)
            .await
            .unwrap();
        bed.end(&[victim]).await;
    });
}

#[test]
#[ignore = "needs root and dockerd"]
fn an_engine_that_keeps_its_containers_is_not_missed() {
    in_private_network(|| async {
        let mut docker = PrivateDocker::start(true).await;
        let bed = bed(&docker).await;
        let victim = bed.victim("victim", "").await;
        let (before, address) = (started(&docker, &victim).await, victim.address().await);
        for (away, fault) in [
            (TERMINATED, "dockerd restarted, live restore on"),
            (
                KILLED,
                "dockerd killed with SIGKILL and started again, live restore on",
            ),
            (STOPPED, "dockerd stopped for 30 s, live restore on"),
        ] {
            docker.end(away.signal).await;
            let until = Instant::now() + away.time;
            loop {
                victim.plugin.command("look", ()).await.unwrap();
                assert_eq!(victim.plugin.state().phase, Phase::Healthy);
                tokio::time::sleep(Duration::from_millis(100)).await;
                if Instant::now() > until {
                    break;
                }
            }
            docker.resume().await;
            // Longer than a relist takes to come.
            tokio::time::sleep(Duration::from_secs(8)).await;
            victim.lost_nothing().await;
            assert_eq!(
                started(&docker, &victim).await,
                before,
                "it was never started again"
            );
            let state = victim.plugin.state();
            assert_eq!((state.restarts, &state.failure), (0, &None));
            record(&Row {
                table: DOCKERD,
                fault,
                expected: "nothing: the plugins run on, and answer commands all the time",
                seen: format!("`{}`, no restart", state.phase),
                detected: None,
                healthy: None,
            });
        }
        // Its end while the engine is away is nobody's to tell but the list's.
        docker.end(Signal::TERM).await;
        // Some engines do not know the code of such an end and say 255, so it is that one.
        victim.end_without_engine("exit:255", address).await;
        docker.resume().await;
        let since = Instant::now();
        let fault = "plugin ends while dockerd is stopped, live restore on";
        let expected = "noticed when the engine is back, and started again; times from the engine's return";
        bed.healed(&victim, since, (DOCKERD, fault, expected)).await;
        bed.end(&[victim]).await;
    });
}

async fn started(docker: &PrivateDocker, victim: &Victim) -> String {
    let container = victim.plugin.state().container.unwrap();
    let seen = docker.engine().await.inspect(&container).await.unwrap();
    format!("{:?}", (seen.id, seen.started_at))
}

#[test]
#[ignore = "needs root and dockerd"]
fn an_engine_that_hangs_is_not_missed_and_a_plugin_that_ends_meanwhile_is_started_again() {
    in_private_network(|| async {
        let docker = PrivateDocker::start(false).await;
        let bed = bed(&docker).await;
        let victim = bed.victim("victim", "").await;
        let address = victim.address().await;
        docker.signal(Signal::STOP);
        for _ in 0..100 {
            victim.plugin.command("look", ()).await.unwrap();
            assert_eq!(victim.plugin.state().phase, Phase::Healthy);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        victim.end_without_engine("exit:1", address).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let since = Instant::now();
        docker.signal(Signal::CONT);
        let fault = "dockerd hangs for 15 s, and a plugin ends meanwhile";
        let expected =
            "the plugin answers commands as long as it lives; its end is noticed when the engine goes on";
        bed.healed(&victim, since, (DOCKERD, fault, expected)).await;
        bed.end(&[victim]).await;
    });
}
