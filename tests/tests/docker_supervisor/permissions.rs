//! What was granted is there, seen from inside the container, and nothing else is.

use std::process::Command;

use hap_host::{ErrorKind, FailureCause, PluginHandle, Policy, ShutdownMode, Supervisor};
use hap_manifest::{ImageRef, Manifest};
use hap_tests::docker::{Instance, ask, probe_image};

use crate::{address, until};

/// A device of the test's own under a name that nobody else has, with the numbers of one that the kernel has: opening it
/// does nothing, and the engine lets no container at it by itself. It belongs to a group that nobody is in.
struct Device(String);

const GROUP: &str = "4242";

/// What opens without doing anything, of drivers of which a kernel has some and lacks others.
const DRIVERS: [&str; 5] = ["autofs", "loop-control", "fuse", "vsock", "userfaultfd"];

/// Returns the minor number of the first of [`DRIVERS`] that the running kernel has. A node with another number is made all
/// the same, and cannot be opened.
fn minor() -> String {
    let misc = std::fs::read_to_string("/proc/misc").unwrap();
    let numbered: Vec<(&str, &str)> = misc
        .lines()
        .filter_map(|line| line.trim().split_once(' '))
        .collect();
    let found = DRIVERS
        .iter()
        .find_map(|driver| numbered.iter().find(|(_, name)| name == driver));
    found.expect("a kernel with one of DRIVERS").0.to_owned()
}

impl Device {
    fn new(instance: &Instance) -> Self {
        let device = Self(format!("/dev/hap-{}", instance.name()));
        device.plug_in();
        device
    }

    fn plug_in(&self) {
        run("mknod", &["-m", "660", &self.0, "c", "10", &minor()]);
        run("chown", &[&format!("root:{GROUP}"), &self.0]);
    }

    fn pull_out(&self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // Gone already where the test pulled it out.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(
        status.success(),
        "{program} {arguments:?}: this test makes a device, so it runs as root"
    );
}

fn asking(id: &str, image: &ImageRef, extra: &str) -> Manifest {
    let text = format!(
        r#"{{"id":"{id}","name":"Probe","version":"1.0.0","description":"d","author":"a","image":"{image}",
            "network_access":false,"memory_limit":"64m"{extra}}}"#
    );
    Manifest::from_json(&text).unwrap().manifest
}

async fn host(instance: &Instance, state: &std::path::Path, policy: Policy) -> Supervisor {
    let builder = Supervisor::builder(instance.engine().clone(), state).instance(instance.name().clone());
    builder.policy(policy).start().await.unwrap()
}

async fn granted(host: &Supervisor, manifest: Manifest) -> PluginHandle {
    host.install(manifest).grant_all_requested(true).await.unwrap()
}

async fn status_line(instance: &Instance, plugin: &PluginHandle, name: &str) -> String {
    let status = ask(address(instance, plugin).await, "/read?/proc/self/status")
        .await
        .unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim().to_owned()
}

#[tokio::test]
#[ignore = "needs a Docker engine and root"]
async fn a_granted_device_opens_for_its_plugin_alone_and_no_other_device_does() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let (state, image) = (tempfile::tempdir().unwrap(), probe_image().await);
    let device = Device::new(&instance);
    let named = format!(r#","device_access":true,"devices":["{}"]"#, device.0);
    let host = host(&instance, state.path(), Policy::default()).await;
    let refused = host.install(asking("asks", &image, &named)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotPermitted);
    let asks = granted(&host, asking("asks", &image, &named)).await;
    // Not root: the group of the device lets it in.
    let user = granted(
        &host,
        asking("user", &image, &format!(r#"{named},"user":"1000:1000""#)),
    )
    .await;
    let plain = host.install(asking("plain", &image, "")).await.unwrap();
    for plugin in [&asks, &user, &plain] {
        plugin.start().await.unwrap();
    }
    let open = format!("/open?{}", device.0);
    for plugin in [&asks, &user] {
        let at = address(&instance, plugin).await;
        ask(at, &open).await.unwrap();
        ask(at, &format!("/open-to-write?{}", device.0)).await.unwrap();
        for other in ["/dev/autofs", "/dev/fuse", "/dev/kmsg", "/dev/loop0"] {
            ask(at, &format!("/open?{other}")).await.unwrap_err();
        }
    }
    assert!(
        status_line(&instance, &user, "Groups:")
            .await
            .split(' ')
            .any(|group| group == GROUP)
    );
    ask(address(&instance, &plain).await, &open).await.unwrap_err();
    host.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine and root"]
async fn devices_of_the_host_are_for_whoever_names_none_and_may_be_read_only_or_missing() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let (state, image) = (tempfile::tempdir().unwrap(), probe_image().await);
    let device = Device::new(&instance);
    let policy = Policy::default()
        .host_device(device.0.parse().unwrap())
        .host_device("/dev/hap-nowhere".parse().unwrap())
        .device_writes(false);
    let host = host(&instance, state.path(), policy).await;
    let plugin = granted(&host, asking("asks", &image, r#","device_access":true"#)).await;
    plugin.start().await.unwrap();
    let at = address(&instance, &plugin).await;
    ask(at, &format!("/open?{}", device.0)).await.unwrap();
    let error = ask(at, &format!("/open-to-write?{}", device.0))
        .await
        .unwrap_err();
    assert!(error.contains("not permitted"), "{error}");
    host.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine and root"]
async fn a_device_that_is_not_there_is_named_and_the_plugin_runs_when_it_is_plugged_in() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let (state, image) = (tempfile::tempdir().unwrap(), probe_image().await);
    let device = Device::new(&instance);
    let named = format!(r#","device_access":true,"devices":["{}"]"#, device.0);
    let host = host(&instance, state.path(), Policy::default()).await;
    let plugin = granted(&host, asking("asks", &image, &named)).await;
    device.pull_out();
    let error = plugin.start().await.unwrap_err();
    assert!(error.to_string().contains(&device.0), "{error}");
    assert_eq!(plugin.state().failure.unwrap().cause, FailureCause::Device);
    device.plug_in();
    until(&plugin, |state| state.phase.is_reachable()).await;

    // The container exists already, and the engine finds out only when it starts.
    plugin.stop().await.unwrap();
    device.pull_out();
    let error = plugin.start().await.unwrap_err();
    assert!(error.to_string().contains(&device.0), "{error}");
    assert_eq!(plugin.state().failure.unwrap().cause, FailureCause::Device);
    device.plug_in();
    until(&plugin, |state| state.phase.is_reachable()).await;
    host.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn only_granted_capabilities_are_in_force_and_the_root_is_writable_only_when_granted() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let (state, image) = (tempfile::tempdir().unwrap(), probe_image().await);
    let host = host(&instance, state.path(), Policy::default()).await;
    // As root, which may write everywhere but for what is tried here.
    let extra = r#","user":"0:0","capabilities":["NET_RAW","CAP_CHOWN"],"writable_rootfs":true"#;
    let asks = granted(&host, asking("asks", &image, extra)).await;
    let plain = granted(&host, asking("plain", &image, r#","user":"0:0""#)).await;
    let extra = r#","capabilities":["NET_RAW","CAP_CHOWN"]"#;
    let nobody = granted(&host, asking("nobody", &image, extra)).await;
    for plugin in [&asks, &plain, &nobody] {
        plugin.start().await.unwrap();
    }
    // CAP_CHOWN is bit 0, CAP_NET_RAW bit 13. Docker puts them in force for root alone.
    let (both, none) = ("0000000000002001", "0000000000000000");
    for (plugin, allowed, in_force) in [(&asks, both, both), (&plain, none, none), (&nobody, both, none)] {
        for (name, set) in [("CapBnd:", allowed), ("CapPrm:", in_force), ("CapEff:", in_force)] {
            assert_eq!(
                status_line(&instance, plugin, name).await,
                set,
                "{name} {}",
                plugin.id()
            );
        }
        assert_eq!(status_line(&instance, plugin, "NoNewPrivs:").await, "1");
    }
    ask(address(&instance, &asks).await, "/write?/x").await.unwrap();
    ask(address(&instance, &plain).await, "/write?/x")
        .await
        .unwrap_err();
    host.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
