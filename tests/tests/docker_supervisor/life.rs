use std::collections::HashMap;

use bollard::{
    Docker,
    query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder},
};
use hap_host::{
    Delivery, Desired, ErrorKind, Phase, PluginSource, ShutdownMode, SubscribeOptions,
    engine::{Engine as _, LogOptions, labels},
};
use hap_tests::docker::Instance;
use serde_json::json;

use crate::{DEADLINE, light, supervisor, until};

/// Containers, networks and volumes with the instance's label, as the engine itself counts them.
async fn left(instance: &Instance) -> (usize, usize, usize) {
    let docker = Docker::connect_with_host(instance.engine().uri()).unwrap();
    let filters = HashMap::from([("label", vec![format!("{}={}", labels::INSTANCE, instance.name())])]);
    let containers = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters)
        .build();
    let networks = ListNetworksOptionsBuilder::default().filters(&filters).build();
    let volumes = ListVolumesOptionsBuilder::default().filters(&filters).build();
    (
        docker.list_containers(Some(containers)).await.unwrap().len(),
        docker.list_networks(Some(networks)).await.unwrap().len(),
        docker
            .list_volumes(Some(volumes))
            .await
            .unwrap()
            .volumes
            .unwrap_or_default()
            .len(),
    )
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_light_lives_its_whole_life_and_leaves_nothing() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let supervisor = supervisor(&instance, state.path()).await;
    let mut events = supervisor.plugin_events(SubscribeOptions::default());

    let folder = light::folder().await;
    let light = supervisor
        .install(PluginSource::folder(folder.path()))
        .await
        .unwrap();
    assert_eq!(light.state().desired, Desired::Stopped);
    assert_eq!(
        light.command("turn_on", ()).await.unwrap_err().kind(),
        ErrorKind::NotRunning
    );

    light.start().await.unwrap();
    light.start().await.unwrap();
    let reply = light
        .command("set_brightness", json!({"level": 40}))
        .await
        .unwrap();
    assert!(reply.success);
    let refused = light
        .command("set_brightness", json!({"level": 400}))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    assert!(refused.wire().unwrap().error.contains("level"), "{refused}");
    let unknown = light.command("explode", json!({})).await.unwrap_err();
    assert!(
        unknown.to_string().contains("turn_on"),
        "it names what there is: {unknown}"
    );

    light
        .configure(json!({"default_brightness": 70, "transition_ms": 100}))
        .await
        .unwrap();
    let status = light.status().await.unwrap();
    assert_eq!(status.plugin_id, "light");
    assert!(status.data.to_string().contains("70"), "{}", status.data);

    let item = tokio::time::timeout(DEADLINE, events.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let Delivery::Event(event) = item else {
        panic!("{item:?}")
    };
    assert_eq!(event.plugin.as_str(), "light");
    assert_eq!(event.event.source, "/plugins/light");

    // Killed behind the supervisor's back: the same container runs again, with its config.
    let before = light.state();
    instance
        .engine()
        .kill(before.container.as_ref().unwrap())
        .await
        .unwrap();
    let healed = until(&light, |state| {
        state.restarts == 1 && state.phase == Phase::Healthy
    })
    .await;
    assert_eq!(healed.container, before.container);
    assert_eq!(healed.last_exit.unwrap().code, 137);
    assert!(healed.time_to_healthy.is_some());
    let status = light.status().await.unwrap();
    assert!(status.data.to_string().contains("70"), "{}", status.data);

    let mut logs = light.logs(&LogOptions::default());
    let mut lines = 0;
    while let Some(line) = logs.next().await {
        line.unwrap();
        lines += 1;
    }
    assert!(lines > 0);
    let stats = light.stats().await.unwrap();
    assert!(
        stats.memory_bytes > 0 && stats.memory_bytes < 64 << 20,
        "{stats:?}"
    );

    light.restart().await.unwrap();
    light.stop().await.unwrap();
    let stopped = light.state();
    assert_eq!((stopped.phase, stopped.failure), (Phase::Stopped, None));

    light.uninstall().await.unwrap();
    assert_eq!(
        left(&instance).await,
        (0, 2, 1),
        "the volume stays unless told otherwise"
    );
    assert!(supervisor.plugin(light.id()).is_none());
    assert_eq!(light.start().await.unwrap_err().kind(), ErrorKind::Gone);

    let light = supervisor
        .install(PluginSource::folder(folder.path()))
        .await
        .unwrap();
    light.start().await.unwrap();
    let status = light.status().await.unwrap();
    assert!(
        status.data.to_string().contains("70"),
        "its data was still there: {}",
        status.data
    );
    light.uninstall().remove_data(true).await.unwrap();
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    assert_eq!(left(&instance).await, (0, 0, 0));
}
