use std::{collections::HashMap, time::Instant};

use bollard::{
    Docker,
    models::{ContainerCreateBody, HostConfig, Mount, MountType, VolumeCreateRequest},
    query_parameters::{
        CreateContainerOptions, InspectContainerOptions, ListVolumesOptionsBuilder, RemoveVolumeOptions,
        StartContainerOptions,
    },
};
use hap_host::{Phase, engine::labels};
use hap_tests::docker::{self, Fixture};

use crate::{
    bed::Bed,
    report::{LIMITS, Row, record},
    victim::{explained, until},
};

/// What rotation keeps, and a little for what is written while it turns.
const MOST_LOG: u64 = 35_000_000;

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_plugin_that_floods_its_log_fills_no_disk_and_disturbs_nobody() {
    let bed = Bed::new().await;
    let victim = bed.victim("flood", "").await;
    let since = Instant::now();
    let address = victim.address().await;
    let written = tokio::spawn(async move {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client
            .get(format!("http://{address}/do?flood:200"))
            .send()
            .await
            .unwrap();
    });
    tokio::time::timeout(crate::DEADLINE, written)
        .await
        .unwrap()
        .unwrap();
    let took = since.elapsed();
    let state = victim.plugin.state();
    assert_eq!((state.phase, state.restarts), (Phase::Healthy, 0));
    let kept = log_bytes(&bed, state.container.unwrap().as_str()).await;
    assert!(kept < MOST_LOG, "{kept} bytes of log are on the disk");
    victim.lost_nothing().await;
    record(&Row {
        table: LIMITS,
        fault: "writes 200 MiB of log",
        expected: "stays healthy; no more than three files of 10 MB are kept",
        seen: format!("`{}`, no failure", state.phase),
        detected: None,
        healthy: None,
    });
    println!("the flood took {took:?}");
    bed.end(&[victim]).await;
}

/// The size of a container's log with what was rotated away, by the files of the engine.
async fn log_bytes(bed: &Bed, container: &str) -> u64 {
    let docker = bystander(bed);
    let found = docker
        .inspect_container(container, None::<InspectContainerOptions>)
        .await;
    let path = found.unwrap().log_path.unwrap();
    let size = |path: &str| std::fs::metadata(path).map_or(0, |file| file.len());
    assert!(size(&path) > 0, "the log is read on the engine's own machine");
    (1..10).map(|n| size(&format!("{path}.{n}"))).sum::<u64>() + size(&path)
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_plugin_that_starts_processes_without_end_meets_its_limit_alone() {
    let bed = Bed::new().await;
    let victim = bed
        .victim("bomb", r#","pids_limit":32,"stop_timeout":"1s""#)
        .await;
    let since = Instant::now();
    victim.end_by("bomb").await;
    bed.healed(
        &victim,
        since,
        (
            LIMITS,
            "starts processes without end",
            "held at its limit of processes; started again when it no longer answers",
        ),
    )
    .await;
    bed.end(&[victim]).await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_plugin_that_fills_what_it_may_write_to_is_told_so() {
    let bed = Bed::new().await;
    // Room for 64 MiB of files in memory, which count as the plugin's.
    let memory = bed.victim("memory", r#","memory_limit":"128m""#).await;
    // A volume on a disk of its own, small enough to be filled.
    small_volume(&bed, "disk").await;
    let disk = bed.victim("disk", "").await;
    let full = "started again, in the same container where it was full, and told that it was";
    for (victim, path, fault) in [
        (&memory, "/tmp/full", "fills its memory file system"),
        (&disk, "/data/full", "fills the disk of its volume"),
    ] {
        let since = Instant::now();
        victim.end_by(&format!("fill:{path}")).await;
        bed.healed(victim, since, (LIMITS, fault, full)).await;
    }
    bed.end(&[memory, disk]).await;
}

/// Installs the plugin once to learn its volume's name, and puts a small one in its place, in memory. What is in it
/// stays as long as a container that uses it runs, so there is one that does nothing else.
async fn small_volume(bed: &Bed, id: &str) {
    let engine = bystander(bed);
    let plugin = bed.install(id, Fixture::Faulty, "").await;
    plugin.start().await.unwrap();
    plugin.uninstall().await.unwrap();
    let filters = HashMap::from([(
        "label",
        vec![
            format!("{}={}", labels::INSTANCE, bed.instance.name()),
            format!("{}={id}", labels::PLUGIN_ID),
        ],
    )]);
    let options = ListVolumesOptionsBuilder::default().filters(&filters).build();
    let mut found = engine.list_volumes(Some(options)).await.unwrap().volumes.unwrap();
    let volume = found.remove(0);
    engine
        .remove_volume(&volume.name, None::<RemoveVolumeOptions>)
        .await
        .unwrap();
    let small = HashMap::from([
        ("type".to_owned(), "tmpfs".to_owned()),
        ("device".to_owned(), "tmpfs".to_owned()),
        ("o".to_owned(), "size=4m".to_owned()),
    ]);
    engine
        .create_volume(VolumeCreateRequest {
            name: Some(volume.name.clone()),
            driver_opts: Some(small),
            labels: Some(volume.labels),
            ..Default::default()
        })
        .await
        .unwrap();
    let image = docker::image(bed.instance.engine(), Fixture::Faulty).await;
    let mount = Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume.name),
        target: Some("/data".to_owned()),
        ..Default::default()
    };
    let keeper = ContainerCreateBody {
        image: Some(image.to_string()),
        labels: Some(HashMap::from([(
            docker::OWNER.to_owned(),
            bed.instance.name().to_string(),
        )])),
        host_config: Some(HostConfig {
            mounts: Some(vec![mount]),
            network_mode: Some("none".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let keeper = engine
        .create_container(None::<CreateContainerOptions>, keeper)
        .await
        .unwrap();
    engine
        .start_container(&keeper.id, None::<StartContainerOptions>)
        .await
        .unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_plugin_that_may_not_write_or_open_something_is_told_why() {
    let bed = Bed::new().await;
    for (id, says, fault, hint) in [
        (
            "readonly",
            "/etc/x: Read-only file system (os error 30)",
            "writes to its read-only root",
            "read-only",
        ),
        (
            "denied",
            "/dev/ttyUSB0: Permission denied (os error 13)",
            "may not open a file",
            "file modes",
        ),
    ] {
        let extra = format!(r#","env_vars":{{"FAULT":"complain:cannot open {says}"}}"#);
        let plugin = bed.install(id, Fixture::Faulty, &extra).await;
        let since = Instant::now();
        let error = plugin.start().await.unwrap_err();
        assert!(error.to_string().contains(hint), "{error}");
        let detected = bed.timeline.failed(plugin.id(), since).await;
        until(&plugin, |state| state.phase == Phase::CrashLoop).await;
        record(&Row {
            table: LIMITS,
            fault,
            expected: "started again after growing pauses, with a hint from its last line",
            seen: explained(&plugin).await,
            detected: Some(detected - since),
            healthy: None,
        });
    }
    bed.end(&[]).await;
}

fn bystander(bed: &Bed) -> Docker {
    Docker::connect_with_host(bed.instance.engine().uri()).unwrap()
}
