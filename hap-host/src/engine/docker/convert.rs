use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
};

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerState, ContainerStateStatusEnum,
    ContainerUpdateBody, EndpointSettings, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum,
    HostConfigLogConfig, Mount, MountType, MountVolumeOptions, NetworkSettings, NetworkingConfig,
    ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use hap_manifest::PluginId;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::device::Devices;
use crate::engine::{
    instance::InstanceName,
    labels,
    observed::{ContainerId, ContainerStatus, Exit, Observed, ObservedLimits},
    spec::{ContainerSpec, LogRotation, NetworkMode, ResourceLimits},
};

/// Whether labels say that something belongs to an instance, and to a plugin of it where one is named.
pub(super) fn carries(
    found: &HashMap<String, String>,
    instance: &InstanceName,
    plugin: Option<&PluginId>,
) -> bool {
    let has = |name: &str, value: &str| found.get(name).is_some_and(|found| found == value);
    has(labels::INSTANCE, instance.as_str())
        && plugin.is_none_or(|plugin| has(labels::PLUGIN_ID, plugin.as_str()))
}

/// Whether any supervisor made this container.
pub(super) fn is_ours(found: &ContainerInspectResponse) -> bool {
    labels_of(found).is_some_and(|labels| labels.contains_key(labels::INSTANCE))
}

/// The request that creates a container on one network, hardened.
pub(super) fn create_body(spec: &ContainerSpec, network: &str, devices: Devices) -> ContainerCreateBody {
    let endpoints = HashMap::from([(network.to_owned(), EndpointSettings::default())]);
    ContainerCreateBody {
        hostname: Some(spec.plugin.as_str().to_owned()),
        user: spec.user.clone(),
        env: Some(env(spec)),
        image: Some(spec.image.clone()),
        labels: Some(container_labels(spec).into_iter().collect()),
        // The supervisor probes by itself; an image's own check would cost a process in the container each time.
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..Default::default()
        }),
        host_config: Some(host_config(spec, network, devices)),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(endpoints),
        }),
        ..Default::default()
    }
}

/// The spec's labels; those by which the container is found again are set here whatever the spec says.
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
        // A process group leader that reaps, so that a plugin that starts programs does not collect zombies.
        init: Some(true),
        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        // Without this the container would join the engine's default bridge as well.
        network_mode: Some(network.to_owned()),
        dns: dns(spec.network),
        dns_options: dns_options(spec.network),
        publish_all_ports: Some(false),
        auto_remove: Some(false),
        restart_policy: Some(RestartPolicy {
            // Whoever is stopped on purpose stays down, also when the engine starts anew.
            name: Some(if spec.outlives_host {
                RestartPolicyNameEnum::UNLESS_STOPPED
            } else {
                RestartPolicyNameEnum::NO
            }),
            maximum_retry_count: None,
        }),
        log_config: Some(log_config(spec.log)),
        ..Default::default()
    }
}

/// Half of what the engine gives other containers, for each core of the limit: where the processor is short, plugins give
/// way to what else the machine does, and share the rest by their limits.
fn cpu_shares(nano_cpus: u64) -> i64 {
    // The kernel takes no fewer than two, and no more than this.
    signed(nano_cpus.saturating_mul(512) / 1_000_000_000).clamp(2, 262_144)
}

fn some_of<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// Older engines answer questions for names from an internal network by asking the host's resolver, which carries
/// data out. This address means the container itself, where nobody answers, so an isolated plugin asks in vain.
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
        // Should somebody remove the volume before the container starts, the engine makes it again with these.
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

/// What the engine says of a container, in our words; `None` unless its labels say which plugin it is.
pub(super) fn observed(found: &ContainerInspectResponse) -> Option<Observed> {
    let labels = labels_of(found)?;
    labels.get(labels::INSTANCE)?;
    let plugin = PluginId::new(labels.get(labels::PLUGIN_ID)?).ok()?;
    let digest = labels.get(labels::SPEC_DIGEST).cloned().unwrap_or_default();
    let mut observed = Observed::created(ContainerId::new(found.id.as_deref()?), plugin, digest);
    observed.limits = found.host_config.as_ref().map(limits).unwrap_or_default();
    let Some(state) = &found.state else {
        return Some(observed);
    };
    observed.status = status(state);
    observed.started_at = state.started_at.as_deref().and_then(moment);
    match observed.status {
        ContainerStatus::Running => {
            let port = labels.get(labels::PLUGIN_PORT).and_then(|port| port.parse().ok());
            observed.address = port.and_then(|port| address(found.network_settings.as_ref()?, port));
            // Any start that was asked for sets the count to zero.
            observed.restarted_by_engine = found.restart_count.is_some_and(|count| count > 0);
        }
        ContainerStatus::Paused => {}
        ContainerStatus::Exited | ContainerStatus::Restarting | ContainerStatus::Dead => {
            let limit = found.host_config.as_ref().and_then(|host| host.memory);
            observed.exit = Some(exit(state, limit));
        }
        // A start that failed leaves the container as created, with the reason.
        ContainerStatus::Created => {
            observed.exit = Some(exit(state, None)).filter(|exit| !exit.error.is_empty());
        }
    }
    Some(observed)
}

/// Zero, and for processes less than that, is how the engine says that there is no limit.
fn limits(host: &HostConfig) -> ObservedLimits {
    let positive = |value: Option<i64>| {
        value
            .and_then(|value| u64::try_from(value).ok())
            .filter(|v| *v > 0)
    };
    ObservedLimits {
        memory_bytes: positive(host.memory),
        nano_cpus: positive(host.nano_cpus),
        pids: positive(host.pids_limit).and_then(|pids| u32::try_from(pids).ok()),
        ..ObservedLimits::default()
    }
}

/// The request that changes the limits of a container in place.
pub(super) fn update_body(limits: &ResourceLimits) -> ContainerUpdateBody {
    let memory = signed(limits.memory_bytes);
    ContainerUpdateBody {
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some(signed(limits.nano_cpus)),
        cpu_shares: Some(cpu_shares(limits.nano_cpus)),
        pids_limit: Some(i64::from(limits.pids)),
        ..Default::default()
    }
}

pub(super) fn labels_of(found: &ContainerInspectResponse) -> Option<&HashMap<String, String>> {
    found.config.as_ref()?.labels.as_ref()
}

fn status(state: &ContainerState) -> ContainerStatus {
    match state.status {
        Some(ContainerStateStatusEnum::CREATED) => ContainerStatus::Created,
        Some(ContainerStateStatusEnum::RESTARTING) => ContainerStatus::Restarting,
        Some(ContainerStateStatusEnum::EXITED) => ContainerStatus::Exited,
        Some(ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::STOPPING) => {
            ContainerStatus::Running
        }
        Some(ContainerStateStatusEnum::PAUSED) => ContainerStatus::Paused,
        Some(ContainerStateStatusEnum::DEAD | ContainerStateStatusEnum::REMOVING) => ContainerStatus::Dead,
        Some(ContainerStateStatusEnum::EMPTY) | None if state.running == Some(true) => {
            ContainerStatus::Running
        }
        Some(ContainerStateStatusEnum::EMPTY) | None => ContainerStatus::Exited,
    }
}

fn exit(state: &ContainerState, memory_limit: Option<i64>) -> Exit {
    let oom_killed = state.oom_killed.unwrap_or(false);
    let limit = memory_limit.and_then(|bytes| u64::try_from(bytes).ok());
    Exit {
        code: state.exit_code.unwrap_or_default(),
        oom_killed,
        memory_limit_bytes: limit.filter(|bytes| oom_killed && *bytes > 0),
        error: state.error.clone().unwrap_or_default(),
    }
}

/// The engine prints the year 1 for "never".
fn moment(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .filter(|time| time.year() > 1)
}

/// We join one network only; should somebody have joined more, ours is preferred, then the first by name.
fn address(settings: &NetworkSettings, port: u16) -> Option<SocketAddr> {
    let networks: BTreeMap<_, _> = settings.networks.as_ref()?.iter().collect();
    let (ours, others): (Vec<_>, Vec<_>) = networks
        .into_iter()
        .partition(|(name, _)| name.starts_with("hap-"));
    let mut addresses = ours
        .into_iter()
        .chain(others)
        .filter_map(|(_, endpoint)| endpoint.ip_address.as_ref());
    addresses
        .find_map(|address| address.parse().ok())
        .map(|ip| SocketAddr::new(ip, port))
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::spec::{EnvVar, TmpfsMount, VolumeMount};

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

    fn inspected(state: &Value) -> ContainerInspectResponse {
        serde_json::from_value(json!({
            "Id": "0123456789abcdef",
            "Config": { "Labels": {
                "hap.instance": "home", "hap.plugin.id": "light", "hap.plugin.port": "8000",
                "hap.spec.digest": "d1"
            } },
            "HostConfig": { "Memory": 64 << 20 },
            "State": state,
            "NetworkSettings": { "Networks": { "hap-home-isolated": { "IPAddress": "10.213.7.2" } } }
        }))
        .unwrap()
    }

    #[test]
    fn a_running_container_has_an_address_and_no_exit() {
        let state = json!({
            "Status": "running", "Running": true, "ExitCode": 0, "StartedAt": "2026-01-02T03:04:05.678901234Z"
        });
        let observed = observed(&inspected(&state)).unwrap();
        assert_eq!(observed.status, ContainerStatus::Running);
        assert_eq!(observed.address, Some(SocketAddr::from(([10, 213, 7, 2], 8000))));
        assert_eq!(observed.exit, None);
        assert_eq!(observed.started_at.unwrap().unix_timestamp(), 1_767_323_045);
        assert_eq!(
            (observed.plugin.as_str(), observed.spec_digest.as_str()),
            ("light", "d1")
        );
    }

    #[test]
    fn states_of_the_engine_become_ours() {
        let never = "0001-01-01T00:00:00Z";
        let created = json!({ "Status": "created", "ExitCode": 0, "StartedAt": never, "Error": "" });
        let failed =
            json!({ "Status": "created", "ExitCode": 127, "StartedAt": never, "Error": "no such file" });
        let exited = json!({ "Status": "exited", "ExitCode": 137, "OOMKilled": true, "StartedAt": never });
        let paused = json!({ "Status": "paused", "Running": true, "Paused": true });
        let removing = json!({ "Status": "removing", "ExitCode": 0 });
        let again = json!({ "Status": "restarting", "Running": true, "Restarting": true, "ExitCode": 78 });
        let oom = Exit {
            oom_killed: true,
            memory_limit_bytes: Some(64 << 20),
            ..Exit::code(137)
        };
        let start = Exit {
            error: "no such file".to_owned(),
            ..Exit::code(127)
        };
        for (state, status, exit) in [
            (created, ContainerStatus::Created, None),
            (failed, ContainerStatus::Created, Some(start)),
            (exited, ContainerStatus::Exited, Some(oom)),
            (paused, ContainerStatus::Paused, None),
            (removing, ContainerStatus::Dead, Some(Exit::code(0))),
            (again, ContainerStatus::Restarting, Some(Exit::code(78))),
        ] {
            let observed = observed(&inspected(&state)).unwrap();
            assert_eq!((observed.status, observed.exit), (status, exit), "{state}");
            assert_eq!((observed.address, observed.started_at), (None, None), "{state}");
        }
    }

    #[test]
    fn a_run_that_the_engine_began_by_itself_is_known_as_one() {
        let state = json!({ "Status": "running", "Running": true });
        for (count, by_engine) in [(None, false), (Some(0), false), (Some(2), true)] {
            let mut found = inspected(&state);
            found.restart_count = count;
            assert_eq!(observed(&found).unwrap().restarted_by_engine, by_engine);
        }
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

    #[test]
    fn a_container_without_our_labels_is_not_observed() {
        let mut found = inspected(&json!({ "Status": "running" }));
        assert!(is_ours(&found));
        if let Some(labels) = found.config.as_mut().and_then(|config| config.labels.as_mut()) {
            labels.remove(labels::INSTANCE);
        }
        assert!(!is_ours(&found));
        assert_eq!(observed(&found), None);
    }
}
