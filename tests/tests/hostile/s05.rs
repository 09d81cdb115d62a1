//! Disk without asking.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use bollard::query_parameters::{InspectContainerOptions, ListVolumesOptionsBuilder};
use hap_host::{
    ErrorKind, ImageVolumes, PluginSource, Policy, PolicyViolation,
    engine::{Progress, ProgressSink},
};
use hap_tests::docker::{Fixture, Instance, ask, until_up};

use crate::{address, docker, folder, forget, modest, supervisor};

const DEADLINE: Duration = Duration::from_secs(60);
const PROBE: [(Fixture, &str); 1] = [(Fixture::Probe, "probe")];
const DOCKERFILE: &str = "FROM scratch\nCOPY probe /probe\nVOLUME [\"/bin\", \"/scratch/\", \"/tmp\"]\nUSER 65534:65534\nENTRYPOINT [\"/probe\"]\n";

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s05_volumes_of_an_image_are_bounded_memory_and_told_with_the_line_to_write() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let policy = Policy::default().image_volumes(ImageVolumes::Cover(1 << 20));
    let supervisor = supervisor(&instance, state.path(), policy).await;
    let folder = folder(&modest("greedy", "greedy:1"), DOCKERFILE, &PROBE);
    let (sink, mut progress) = ProgressSink::stream();
    let plugin = supervisor
        .install(PluginSource::folder(folder.path()))
        .progress(sink)
        .await
        .unwrap();
    let mut told = false;
    while let Some(report) = progress.next().await {
        told |= matches!(report, Progress::Step(line) if line.contains(r#""volumes": ["/scratch"]"#));
    }
    assert!(told);

    plugin.start().await.unwrap();
    let container = plugin.state().container.unwrap();
    let seen = docker(&instance)
        .inspect_container(container.as_str(), None::<InspectContainerOptions>)
        .await
        .unwrap();
    let volumes = seen
        .mounts
        .unwrap_or_default()
        .into_iter()
        .filter_map(|mount| mount.name);
    for name in volumes {
        let volume = docker(&instance).inspect_volume(&name).await.unwrap();
        assert_eq!(
            volume.options["type"], "tmpfs",
            "no volume on the disk: {volume:?}"
        );
    }
    let address = address(&instance, container.as_str()).await;
    until_up(address).await;
    let mounts = ask(address, "/read?/proc/mounts").await.unwrap();
    for path in ["/bin", "/scratch", "/tmp"] {
        let mount = mounts.lines().find(|line| line.split(' ').nth(1) == Some(path));
        let mount = mount.unwrap_or_else(|| panic!("{path} is no mount of its own: {mounts}"));
        assert!(mount.starts_with("tmpfs "), "{mount}");
        let size = if path == "/tmp" {
            "size=65536k"
        } else {
            "size=1024k"
        };
        for option in ["noexec", "nosuid", "nodev", size] {
            assert!(mount.contains(option), "{option}: {mount}");
        }
        ask(address, &format!("/write?{path}/file")).await.unwrap();
    }
    plugin.stop().await.unwrap();
    forget(&supervisor, "greedy").await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s05_a_host_may_refuse_images_with_volumes_that_nobody_asked_for() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let policy = Policy::default().image_volumes(ImageVolumes::Refuse);
    let supervisor = supervisor(&instance, state.path(), policy).await;
    let manifest = modest("greedy", "greedy:1");
    // None in the place of programs, which no manifest may name.
    let dockerfile = DOCKERFILE.replace("/bin", "/cache");
    let greedy = folder(&manifest, &dockerfile, &PROBE);
    let error = supervisor
        .install(PluginSource::folder(greedy.path()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotPermitted);
    assert!(
        matches!(error.violations(), [PolicyViolation::ImageVolumes { paths, volumes }] if paths == volumes && paths == &["/cache", "/scratch"]),
        "{error}"
    );
    // The manifest may name them.
    let named = manifest
        .to_builder()
        .volume("/scratch")
        .tmpfs("/cache")
        .build()
        .unwrap();
    let named = folder(&named, &dockerfile, &PROBE);
    supervisor
        .install(PluginSource::folder(named.path()))
        .await
        .unwrap();
    forget(&supervisor, "greedy").await;
}

/// As the engine's own volume would be: older runtimes give memory the mode of the folder that the image has there, and
/// everything in an image that its author did not think of is root's.
#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s05_memory_in_place_of_a_volume_is_writable_for_whatever_user_the_image_names() {
    let instance = Instance::new().await.unwrap();
    let before = nameless(&instance).await;
    let state = tempfile::tempdir().unwrap();
    let supervisor = supervisor(&instance, state.path(), Policy::default()).await;
    for (id, user) in [
        ("nobody", "65534:65534"),
        ("number", "1000"),
        ("named", "plugin"),
        ("zero", "0"),
    ] {
        let manifest = modest(id, "writes:1");
        let manifest = if user == "0" {
            manifest.to_builder().user("0").build().unwrap()
        } else {
            manifest
        };
        let dockerfile = format!(
            "FROM scratch\nCOPY probe /probe\nCOPY file /tmp/there\nCOPY file /scratch/there\nCOPY passwd /etc/passwd\n\
             VOLUME [\"/scratch\", \"/absent\"]\nUSER {user}\nENTRYPOINT [\"/probe\"]\n"
        );
        let folder = folder(&manifest, &dockerfile, &PROBE);
        std::fs::write(
            folder.path().join("passwd"),
            "plugin:x:1234:1234::/:/none\nroot:x:0:0::/:/none\n",
        )
        .unwrap();
        let plugin = supervisor
            .install(PluginSource::folder(folder.path()))
            .grant_all_requested(true)
            .await
            .unwrap();
        plugin.start().await.unwrap();
        let container = plugin.state().container.unwrap();
        let address = address(&instance, container.as_str()).await;
        until_up(address).await;
        for path in ["/scratch", "/absent", "/tmp"] {
            let written = ask(address, &format!("/write?{path}/file")).await;
            assert_eq!(written.as_deref(), Ok("written"), "{user} at {path}");
        }
        forget(&supervisor, id).await;
    }
    // Other tests have some for a moment.
    let gone = async {
        while !nameless(&instance).await.is_subset(&before) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    assert!(
        tokio::time::timeout(DEADLINE, gone).await.is_ok(),
        "{:?}",
        nameless(&instance).await
    );
}

/// Volumes without a name of their own that no container has.
async fn nameless(instance: &Instance) -> BTreeSet<String> {
    let dangling = HashMap::from([("dangling", vec!["true"])]);
    let options = ListVolumesOptionsBuilder::default().filters(&dangling).build();
    let found = docker(instance).list_volumes(Some(options)).await.unwrap();
    let names = found.volumes.into_iter().flatten().map(|volume| volume.name);
    let is_made_up = |name: &String| name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
    names.filter(is_made_up).collect()
}
