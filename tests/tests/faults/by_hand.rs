use std::time::Instant;

use bollard::{
    Docker,
    query_parameters::{
        KillContainerOptions, RemoveContainerOptionsBuilder, RenameContainerOptions, StopContainerOptions,
    },
};

use crate::{
    bed::Bed,
    report::{BY_HAND, Row, record},
    victim::Victim,
};

fn bystander(bed: &Bed) -> Docker {
    Docker::connect_with_host(bed.instance.engine().uri()).unwrap()
}

fn container(victim: &Victim) -> String {
    victim.plugin.state().container.unwrap().as_str().to_owned()
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn what_somebody_does_to_a_container_by_hand_is_put_right() {
    let bed = Bed::new().await;
    let docker = bystander(&bed);
    let mut victims = Vec::new();
    for id in ["stopped", "killed", "removed", "renamed"] {
        victims.push(bed.victim(id, "").await);
    }
    let [stopped, killed, removed, renamed] = &victims[..] else {
        panic!("four victims");
    };
    let again =
        "started again in the same container; what somebody does by hand changes nothing of what is wanted";

    let since = Instant::now();
    docker
        .stop_container(&container(stopped), None::<StopContainerOptions>)
        .await
        .unwrap();
    bed.healed(stopped, since, (BY_HAND, "container stopped", again))
        .await;
    assert_eq!(stopped.plugin.state().container, stopped.before.container);

    let since = Instant::now();
    docker
        .kill_container(&container(killed), None::<KillContainerOptions>)
        .await
        .unwrap();
    bed.healed(killed, since, (BY_HAND, "container killed", again))
        .await;
    assert_eq!(killed.plugin.state().container, killed.before.container);

    let since = Instant::now();
    let forced = RemoveContainerOptionsBuilder::default().force(true).build();
    docker
        .remove_container(&container(removed), Some(forced))
        .await
        .unwrap();
    let anew = "made anew with the same image, volume and settings";
    bed.healed(removed, since, (BY_HAND, "container removed", anew))
        .await;

    let name = format!("renamed-by-hand-{}", bed.instance.name());
    let options = RenameContainerOptions { name: name.clone() };
    docker
        .rename_container(&container(renamed), options)
        .await
        .unwrap();
    renamed.plugin.restart().await.unwrap();
    renamed.lost_nothing().await;
    let state = renamed.plugin.state();
    assert_ne!(state.container, renamed.before.container);
    assert_eq!(state.restarts, 0);
    record(&Row {
        table: BY_HAND,
        fault: "container renamed",
        expected: "at the next restart it is stopped, and another made under the plugin's name, with the same image, volume and settings",
        seen: format!("`{}`, no failure", state.phase),
        detected: None,
        healthy: None,
    });
    bed.end(&victims).await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_container_that_somebody_paused_is_started_again() {
    let bed = Bed::new().await;
    let victim = bed.victim("paused", "").await;
    let since = Instant::now();
    bystander(&bed)
        .pause_container(&container(&victim))
        .await
        .unwrap();
    bed.healed(
        &victim,
        since,
        (
            BY_HAND,
            "container paused",
            "started again after three missed health checks",
        ),
    )
    .await;
    assert_eq!(victim.plugin.state().container, victim.before.container);
    bed.end(&[victim]).await;
}
