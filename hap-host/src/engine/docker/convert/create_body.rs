//! The requests that create a container and change its limits.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    ContainerCreateBody, ContainerUpdateBody, EndpointSettings, HealthConfig, HostConfig,
    HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount, MountType, MountVolumeOptions, NetworkingConfig,
    ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};

use crate::engine::{
    docker::device::Devices,
    labels,
    spec::{ContainerSpec, LogRotation, NetworkMode, ResourceLimits},
};

/// The request that creates a container on one network, hardened.
pub(in crate::engine::docker) fn create_body(
    spec: &ContainerSpec,
    network: &str,
    devices: Devices,
) -> ContainerCreateBody {
    let endpoints = HashMap::from([(network.to_owned(), EndpointSettings::default())]);
    ContainerCreateBody {
        hostname: Some(spec.plugin.as_str().to_owned()),
        user: spec.user.clone(),
        env: Some(env(spec)),
        image: Some(spec.image.clone()),
        labels: Some(container_labels(spec).into_iter().collect()),
        // The supervisor probes by itself; an image's own check would cost a process in the
        // container each time.
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..Default::default()
        }),
        // Whatever the image says: what a plugin is asked to stop by is part of the protocol. It is
        // not in the digest, so a container from before is not made anew for it.
        stop_signal: Some("SIGTERM".to_owned()),
        host_config: Some(host_config(spec, network, devices)),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(endpoints),
        }),
        ..Default::default()
    }
}

/// The spec's labels; those by which the container is found again are set here
/// whatever the spec says.
fn container_labels(spec: &ContainerSpec) -> BTreeMap<String, String> {
    let mut all = spec.labels.clone();
    all.extend(labels::of_plugin(&spec.instance, &spec.plugin));
    all.insert(labels::PLUGIN_PORT.to_owned(), spec.api_port.to_string());
    all
}

/// The engine hands duplicates on as they are, and which one wins is up to the program.
fn env(spec: &ContainerSpec) -> Vec<String> {
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, variable) in spec.env.iter().enumerate() {
        last.insert(variable.name(), index);
    }
    let is_last = |(index, name): (usize, &str)| last.get(name) == Some(&index);
    let kept = spec
        .env
        .iter()
        .enumerate()
        .filter(|(index, variable)| is_last((*index, variable.name())));
    kept.map(|(_, variable)| format!("{}={}", variable.name(), variable.expose_value()))
        .collect()
}

fn host_config(spec: &ContainerSpec, network: &str, devices: Devices) -> HostConfig {
    let memory = signed(spec.limits.memory_bytes);
    HostConfig {
        memory: Some(memory),
        // Equal means no swap on top of it.
        memory_swap: Some(memory),
        nano_cpus: Some(signed(spec.limits.nano_cpus)),
        cpu_shares: Some(cpu_shares(spec.limits.nano_cpus)),
        pids_limit: Some(i64::from(spec.limits.pids)),
        ulimits: Some(vec![ResourcesUlimits {
            name: Some("nofile".to_owned()),
            soft: Some(i64::from(spec.limits.open_files)),
            hard: Some(i64::from(spec.limits.open_files)),
        }]),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: some_of(spec.capabilities.clone()),
        devices: some_of(devices.mappings),
        group_add: some_of(devices.groups.iter().map(u32::to_string).collect()),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        privileged: Some(false),
        readonly_rootfs: Some(!spec.writable_rootfs),
        tmpfs: Some(tmpfs(spec)),
        mounts: Some(mounts(spec)),
        // A process group leader that reaps, so that a plugin that starts programs does not
        // collect zombies.
        init: Some(true),
        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        // Without this the container would join the engine's default bridge as well.
        network_mode: Some(network.to_owned()),
        dns: dns(spec.network),
        dns_options: dns_options(spec.network),
        runtime: spec.runtime.clone(),
        publish_all_ports: Some(false),
        auto_remove: Some(false),
        restart_policy: Some(restart_policy(spec.outlives_host)),
        log_config: Some(log_config(spec.log)),
        ..Default::default()
    }
}

/// Half of what the engine gives other containers, for each core of the limit: where the processor
/// is short, plugins give way to what else the machine does, and share the rest by their limits.
fn cpu_shares(nano_cpus: u64) -> i64 {
    // The kernel takes no fewer than two, and no more than this.
    signed(nano_cpus.saturating_mul(512) / 1_000_000_000).clamp(2, 262_144)
}

fn some_of<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// Older engines answer questions for names from an internal network by asking the host's resolver,
/// which carries data out. This address means the container itself, where nobody answers, so an
/// isolated plugin asks in vain.
fn dns(mode: NetworkMode) -> Option<Vec<String>> {
    match mode {
        NetworkMode::Isolated => Some(vec!["127.0.0.1".to_owned()]),
        NetworkMode::Outbound => None,
    }
}

/// Asking in vain should not take the ten seconds that it takes by default.
fn dns_options(mode: NetworkMode) -> Option<Vec<String>> {
    match mode {
        NetworkMode::Isolated => Some(vec!["timeout:1".to_owned(), "attempts:1".to_owned()]),
        NetworkMode::Outbound => None,
    }
}

fn log_config(log: LogRotation) -> HostConfigLogConfig {
    let config = HashMap::from([
        ("max-size".to_owned(), log.max_bytes.max(1).to_string()),
        ("max-file".to_owned(), log.files.max(1).to_string()),
    ]);
    HostConfigLogConfig {
        typ: Some("json-file".to_owned()),
        config: Some(config),
    }
}

/// Writable by whatever user the plugin runs as, like any `/tmp`.
fn tmpfs(spec: &ContainerSpec) -> HashMap<String, String> {
    let options = |size: u64| format!("rw,noexec,nosuid,nodev,size={size},mode=1777");
    spec.tmpfs
        .iter()
        .map(|mount| (mount.path.clone(), options(mount.size_bytes)))
        .collect()
}

fn mounts(spec: &ContainerSpec) -> Vec<Mount> {
    let owner = labels::of_plugin(&spec.instance, &spec.plugin);
    let mount = |name: &str, path: &str| Mount {
        typ: Some(MountType::VOLUME),
        source: Some(name.to_owned()),
        target: Some(path.to_owned()),
        // Should somebody remove the volume before the container starts, the engine makes it
        // again with these.
        volume_options: Some(MountVolumeOptions {
            labels: Some(owner.clone().into_iter().collect()),
            ..Default::default()
        }),
        ..Default::default()
    };
    spec.volumes
        .iter()
        .map(|volume| mount(&volume.name, &volume.path))
        .collect()
}

/// Whoever is stopped on purpose stays down, also when the engine starts anew.
const fn restart_policy(outlives_host: bool) -> RestartPolicy {
    RestartPolicy {
        name: Some(if outlives_host {
            RestartPolicyNameEnum::UNLESS_STOPPED
        } else {
            RestartPolicyNameEnum::NO
        }),
        maximum_retry_count: None,
    }
}

/// The request that changes the limits of a container in place, and when the engine starts it again.
pub(in crate::engine::docker) fn update_body(
    limits: &ResourceLimits,
    outlives_host: bool,
) -> ContainerUpdateBody {
    let memory = signed(limits.memory_bytes);
    ContainerUpdateBody {
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some(signed(limits.nano_cpus)),
        cpu_shares: Some(cpu_shares(limits.nano_cpus)),
        pids_limit: Some(i64::from(limits.pids)),
        restart_policy: Some(restart_policy(outlives_host)),
        ..Default::default()
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use hap_manifest::PluginId;
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::{
        docker::convert::owner::carries,
        instance::InstanceName,
        spec::{EnvVar, TmpfsMount, VolumeMount},
    };

    fn spec() -> ContainerSpec {
        let plugin = PluginId::new("light").unwrap();
        let instance = InstanceName::new("home").unwrap();
        let limits = ResourceLimits::new(64 << 20, 500_000_000, 32);
        ContainerSpec::new(
            "hap-home-light".to_owned(),
            plugin,
            instance,
            "light:1".to_owned(),
            limits,
            8000,
        )
    }

    fn body(spec: &ContainerSpec) -> Value {
        serde_json::to_value(create_body(spec, "net0", Devices::default())).unwrap()
    }

    #[test]
    fn the_signal_of_a_stop_is_not_the_images() {
        assert_eq!(body(&spec())["StopSignal"], "SIGTERM");
    }

    #[test]
    fn everything_that_holds_a_plugin_back_is_in_the_request() {
        let host = body(&spec())["HostConfig"].clone();
        let expected = json!({
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Privileged": false,
            "ReadonlyRootfs": true,
            "Memory": 67_108_864,
            "MemorySwap": 67_108_864,
            "NanoCpus": 500_000_000,
            "CpuShares": 256,
            "PidsLimit": 32,
            "Ulimits": [{ "Name": "nofile", "Soft": 4096, "Hard": 4096 }],
            "Init": true,
            "IpcMode": "private",
            "CgroupnsMode": "private",
            "NetworkMode": "net0",
            "Dns": ["127.0.0.1"],
            "DnsOptions": ["timeout:1", "attempts:1"],
            "RestartPolicy": { "Name": "no" },
            "LogConfig": { "Type": "json-file", "Config": { "max-size": "10000000", "max-file": "3" } },
            "Tmpfs": { "/tmp": "rw,noexec,nosuid,nodev,size=67108864,mode=1777" },
        });
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&host[key], value, "{key}");
        }
        for absent in [
            "CapAdd",
            "Binds",
            "Devices",
            "PidMode",
            "UTSMode",
            "UsernsMode",
            "PortBindings",
        ] {
            assert!(host.get(absent).is_none_or(Value::is_null), "{absent}");
        }
    }

    #[test]
    fn one_network_is_joined_and_the_hostname_is_the_plugin() {
        let body = body(&spec());
        assert_eq!(
            body["NetworkingConfig"]["EndpointsConfig"]
                .as_object()
                .unwrap()
                .len(),
            1
        );
        assert!(body["NetworkingConfig"]["EndpointsConfig"]["net0"].is_object());
        assert_eq!(body["Hostname"], "light");
        assert_eq!(body["Image"], "light:1");
        assert!(body.get("User").is_none());
    }

    #[test]
    fn what_the_spec_grants_is_granted() {
        let mut spec = spec();
        spec.writable_rootfs = true;
        spec.network = NetworkMode::Outbound;
        spec.user = Some("1000:1000".to_owned());
        spec.volumes = vec![VolumeMount::new(
            "hap-home-light-data".to_owned(),
            "/data".to_owned(),
        )];
        spec.tmpfs = vec![TmpfsMount::new("/run".to_owned(), 1024)];
        let body = body(&spec);
        assert_eq!(body["User"], "1000:1000");
        let host = &body["HostConfig"];
        assert_eq!(host["ReadonlyRootfs"], false);
        assert!(host.get("Dns").is_none() && host.get("DnsOptions").is_none());
        assert_eq!(host["Mounts"][0]["Type"], "volume");
        assert_eq!(host["Mounts"][0]["Source"], "hap-home-light-data");
        assert_eq!(host["Mounts"][0]["Target"], "/data");
        assert_eq!(
            host["Mounts"][0]["VolumeOptions"]["Labels"]["hap.plugin.id"],
            "light"
        );
        assert_eq!(
            host["Tmpfs"],
            json!({ "/run": "rw,noexec,nosuid,nodev,size=1024,mode=1777" })
        );
    }

    #[test]
    fn a_later_variable_replaces_an_earlier_one_of_its_name() {
        let mut spec = spec();
        spec.env = vec![
            EnvVar::plain("A", "1"),
            EnvVar::plain("B", "2"),
            EnvVar::secret("A", "3=4"),
            EnvVar::plain("C", ""),
        ];
        assert_eq!(env(&spec), ["B=2", "A=3=4", "C="]);
    }

    #[test]
    fn the_labels_that_say_whose_it_is_cannot_be_overridden() {
        let mut spec = spec();
        spec.labels = BTreeMap::from([
            (labels::INSTANCE.to_owned(), "other".to_owned()),
            (labels::SPEC_DIGEST.to_owned(), "abc".to_owned()),
        ]);
        let labels = create_body(&spec, "net0", Devices::default()).labels.unwrap();
        assert!(carries(&labels, &spec.instance, Some(&spec.plugin)));
        assert_eq!(labels[labels::SPEC_DIGEST], "abc");
        assert_eq!(labels[labels::PLUGIN_PORT], "8000");
    }

    #[test]
    fn labels_of_another_instance_or_plugin_are_not_ours() {
        let labels = create_body(&spec(), "net0", Devices::default()).labels.unwrap();
        let (home, away) = (spec().instance, InstanceName::new("away").unwrap());
        assert!(carries(&labels, &home, None));
        assert!(!carries(&labels, &away, None));
        assert!(!carries(&labels, &home, Some(&PluginId::new("lock").unwrap())));
        assert!(!carries(&HashMap::new(), &home, None));
    }

    #[test]
    fn only_what_shall_outlive_the_host_is_started_again_by_the_engine() {
        let mut spec = spec();
        spec.outlives_host = true;
        assert_eq!(
            body(&spec)["HostConfig"]["RestartPolicy"],
            json!({ "Name": "unless-stopped" })
        );
    }
}
