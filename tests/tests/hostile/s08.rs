//! The user number is the host's.

use std::{fs, net::SocketAddr, os::unix::process::CommandExt as _, process::Command};

use bollard::query_parameters::InspectContainerOptions;
use hap_host::{
    ErrorKind, ImageUsers, PluginHandle, PluginSource, Policy, PolicyViolation, RunsAs,
    engine::{Progress, ProgressSink},
};
use hap_manifest::{Manifest, permission::Permission};
use hap_tests::docker::{Fixture, Instance, ask, until_up};

use crate::{address, docker, folder, forget, modest, supervisor};

const PROBE: [(Fixture, &str); 1] = [(Fixture::Probe, "probe")];
const PLAIN: &str = "FROM scratch\nCOPY probe /probe\nENTRYPOINT [\"/probe\"]\n";
/// Numbers that neither systemd nor shadow, SSSD or FreeIPA hand out.
const NUMBERS: std::ops::RangeInclusive<u32> = 2_010_000_000..=2_109_999_999;

fn as_user(user: &str) -> String {
    PLAIN.replace("ENTRYPOINT", &format!("USER {user}\nENTRYPOINT"))
}

fn with_data(id: &str) -> Manifest {
    let manifest = modest(id, "numbers:1").to_builder();
    manifest.volume("/data").build().unwrap()
}

/// What the machine says of a running plugin.
struct Seen {
    process: i64,
    /// Real, effective, saved and of the file system, of user and of group.
    numbers: Vec<u32>,
    api: SocketAddr,
}

impl Seen {
    async fn of(instance: &Instance, plugin: &PluginHandle) -> Self {
        plugin.start().await.unwrap();
        let container = plugin.state().container.unwrap();
        let seen = docker(instance)
            .inspect_container(container.as_str(), None::<InspectContainerOptions>)
            .await
            .unwrap();
        let process = seen.state.unwrap().pid.unwrap();
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let lines = status
            .lines()
            .filter_map(|line| line.strip_prefix("Uid:").or_else(|| line.strip_prefix("Gid:")));
        let numbers = lines
            .flat_map(str::split_whitespace)
            .map(|one| one.parse().unwrap());
        let api = address(instance, container.as_str()).await;
        until_up(api).await;
        Self {
            process,
            numbers: numbers.collect(),
            api,
        }
    }

    /// The one number that it is all of.
    fn own(&self) -> u32 {
        let first = self.numbers[0];
        assert_eq!(self.numbers, [first; 8], "user and group");
        first
    }

    async fn writes(&self, path: &str) {
        let written = ask(self.api, &format!("/write?{path}")).await;
        assert_eq!(written.as_deref(), Ok("written"), "{path} as {:?}", self.numbers);
    }
}

/// Whether a user of the machine can read the keys of a plugin.
fn reads_keys(user: u32, process: i64) -> bool {
    let environment = format!("/proc/{process}/environ");
    let read = Command::new("cat")
        .arg(environment)
        .uid(user)
        .gid(user)
        .output()
        .unwrap();
    String::from_utf8_lossy(&read.stdout).contains("HAP_API_TOKEN")
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s08_each_plugin_runs_as_a_number_that_nobody_else_has_and_keeps_it_and_its_data() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let host = supervisor(&instance, state.path(), Policy::default()).await;
    let mut numbers = Vec::new();
    for id in ["one", "two"] {
        let folder = folder(&with_data(id), PLAIN, &PROBE);
        let plugin = host.install(PluginSource::folder(folder.path())).await.unwrap();
        let seen = Seen::of(&instance, &plugin).await;
        let number = seen.own();
        assert!(NUMBERS.contains(&number), "{number}");
        assert_eq!(plugin.state().runs_as, RunsAs::Own(number));
        for path in ["/data/file", "/tmp/file"] {
            seen.writes(path).await;
        }
        assert!(!reads_keys(1000, seen.process), "the first person of the machine");
        assert!(reads_keys(number, seen.process), "the test sees nothing");
        numbers.push(number);
    }
    assert_ne!(numbers[0], numbers[1]);
    assert!(!numbers.contains(&0));

    // Another version, another host, and another installation over the same data.
    let next = with_data("one").to_builder().version("1.1.0").build().unwrap();
    let next = folder(&next, PLAIN, &PROBE);
    let one = host.plugin(&"one".parse().unwrap()).unwrap();
    one.update(PluginSource::folder(next.path())).await.unwrap();
    let seen = Seen::of(&instance, &one).await;
    assert_eq!(seen.own(), numbers[0]);
    assert_eq!(ask(seen.api, "/read?/data/file").await.as_deref(), Ok("written"));
    seen.writes("/data/file").await;
    host.shutdown(hap_host::ShutdownMode::LeaveRunning).await.unwrap();
    drop((one, host));
    let host = supervisor(&instance, state.path(), Policy::default()).await;
    let one = host.plugin(&"one".parse().unwrap()).unwrap();
    assert_eq!(Seen::of(&instance, &one).await.process, seen.process, "adopted");
    one.uninstall().await.unwrap();
    let again = host.install(PluginSource::folder(next.path())).await.unwrap();
    let seen = Seen::of(&instance, &again).await;
    assert_eq!(seen.own(), numbers[0]);
    seen.writes("/data/file").await;
    for id in ["one", "two"] {
        forget(&host, id).await;
    }
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s08_no_image_makes_a_plugin_root_and_a_manifest_only_with_consent() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let host = supervisor(&instance, state.path(), Policy::default()).await;
    for (id, user) in [("says-root", "root"), ("says-zero", "0:0"), ("says-zeros", "00")] {
        let folder = folder(&modest(id, "numbers:1"), &as_user(user), &PROBE);
        let plugin = host.install(PluginSource::folder(folder.path())).await.unwrap();
        let seen = Seen::of(&instance, &plugin).await;
        assert!(NUMBERS.contains(&seen.own()), "{user}: {}", seen.own());
        forget(&host, id).await;
    }
    let manifest = modest("asks", "numbers:1")
        .to_builder()
        .user("0")
        .build()
        .unwrap();
    let folder = folder(&manifest, PLAIN, &PROBE);
    let error = host
        .install(PluginSource::folder(folder.path()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotPermitted);
    let granted = host
        .install(PluginSource::folder(folder.path()))
        .grant(Permission::Root);
    let plugin = granted.await.unwrap();
    assert_eq!(Seen::of(&instance, &plugin).await.numbers[0], 0);
    assert_eq!(plugin.state().runs_as, RunsAs::Manifest("0".to_owned()));
    forget(&host, "asks").await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s08_a_user_of_the_image_is_kept_told_replaced_or_refused_as_the_policy_says() {
    let instance = Instance::new().await.unwrap();
    let dockerfile = as_user("1000:1000").replace("USER", "COPY --chown=1000:1000 file /data/there\nUSER");
    let folder = folder(&with_data("person"), &dockerfile, &PROBE);
    for (users, is_own) in [(ImageUsers::Keep, false), (ImageUsers::Replace, true)] {
        let state = tempfile::tempdir().unwrap();
        let host = supervisor(&instance, state.path(), Policy::default().image_users(users)).await;
        let (sink, mut progress) = ProgressSink::stream();
        let installed = host.install(PluginSource::folder(folder.path())).progress(sink);
        let plugin = installed.await.unwrap();
        let mut told = false;
        while let Some(report) = progress.next().await {
            told |= matches!(report, Progress::Step(line) if line.contains("number 1000 is one that people have"));
        }
        assert_eq!(told, !is_own);
        let seen = Seen::of(&instance, &plugin).await;
        assert_eq!(NUMBERS.contains(&seen.own()), is_own);
        assert_eq!(reads_keys(1000, seen.process), !is_own);
        // What the image has there came along, and is as writable as the rest.
        for path in ["/data/file", "/data/there"] {
            seen.writes(path).await;
        }
        plugin.uninstall().remove_data(true).await.unwrap();
        forget(&host, "person").await;
        host.shutdown(hap_host::ShutdownMode::StopPlugins).await.unwrap();
    }
    let state = tempfile::tempdir().unwrap();
    let policy = Policy::default().image_users(ImageUsers::Refuse);
    let host = supervisor(&instance, state.path(), policy).await;
    let error = host
        .install(PluginSource::folder(folder.path()))
        .await
        .unwrap_err();
    assert!(
        matches!(error.violations(), [PolicyViolation::ImageUser { user }] if user == "1000:1000"),
        "{error}"
    );
    host.prune_images().await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s08_root_by_another_name_does_not_run() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let host = supervisor(&instance, state.path(), Policy::default()).await;
    let dockerfile = as_user("app").replace("USER", "COPY passwd /etc/passwd\nUSER");
    for (id, list, runs) in [
        ("alias", "app:x:0:0::/:/none\n", false),
        ("honest", "root:x:0:0::/:/none\napp:x:4711:4711::/:/none\n", true),
    ] {
        let folder = folder(&modest(id, "numbers:1"), &dockerfile, &PROBE);
        fs::write(folder.path().join("passwd"), list).unwrap();
        let plugin = host.install(PluginSource::folder(folder.path())).await.unwrap();
        let started = plugin.start().await;
        if runs {
            started.unwrap();
            assert_eq!(Seen::of(&instance, &plugin).await.own(), 4711);
        } else {
            let error = started.unwrap_err().to_string();
            assert!(error.contains("calls root \"app\""), "{error}");
            assert_eq!(plugin.state().container, None);
        }
        forget(&host, id).await;
    }
}

/// The data follows, whichever way the user changes.
#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s08_data_is_writable_after_an_update_to_another_user_and_after_going_back() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let host = supervisor(&instance, state.path(), Policy::default()).await;
    let dockerfile = as_user("1000:1000").replace("USER", "COPY --chown=1000:1000 file /data/there\nUSER");
    let first = folder(&with_data("moves"), &dockerfile, &PROBE);
    let plugin = host.install(PluginSource::folder(first.path())).await.unwrap();
    let seen = Seen::of(&instance, &plugin).await;
    assert_eq!(seen.own(), 1000);
    seen.writes("/data/file").await;
    let next = with_data("moves").to_builder().version("1.1.0").build().unwrap();
    let next = folder(&next, PLAIN, &PROBE);
    plugin.update(PluginSource::folder(next.path())).await.unwrap();
    let seen = Seen::of(&instance, &plugin).await;
    assert!(NUMBERS.contains(&seen.own()));
    seen.writes("/data/file").await;
    plugin.roll_back().await.unwrap();
    let seen = Seen::of(&instance, &plugin).await;
    assert_eq!(seen.own(), 1000);
    for path in ["/data/file", "/data/other"] {
        seen.writes(path).await;
    }
    forget(&host, "moves").await;
}
