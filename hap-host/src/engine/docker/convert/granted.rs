//! What a container was really granted, compared with what was asked for.

use std::collections::BTreeSet;

use bollard::models::{ContainerInspectResponse, HostConfig, MountType};

use crate::engine::{docker::cover::is_memory, spec::ContainerSpec};

/// Options that take a wall down, by their beginning.
const OPEN: [&str; 6] = [
    "seccomp=unconfined",
    "seccomp:unconfined",
    "apparmor=unconfined",
    "apparmor:unconfined",
    "label=disable",
    "systempaths=unconfined",
];

/// Names the first wall that a container lacks; `None` when it has them all.
///
/// An engine answers a request that it does not understand in full with success. What it says of the
/// container afterwards is what counts.
pub(in crate::engine::docker) fn missing_wall(
    spec: &ContainerSpec,
    network: &str,
    found: &ContainerInspectResponse,
) -> Option<String> {
    let Some(host) = &found.host_config else {
        return Some("the engine does not tell what it granted".to_owned());
    };
    privileges(spec, host)
        .or_else(|| limits(spec, host))
        .or_else(|| files(spec, host))
        .or_else(|| namespaces(network, found, host))
        .or_else(|| identity(spec, found, host))
}

fn wall(name: &str, asked: &dyn std::fmt::Debug, got: &dyn std::fmt::Debug) -> Option<String> {
    Some(format!("{name}: asked for {asked:?}, got {got:?}"))
}

fn privileges(spec: &ContainerSpec, host: &HostConfig) -> Option<String> {
    if host.privileged.unwrap_or(false) {
        return wall("privileged mode", &false, &true);
    }
    let dropped = names(host.cap_drop.as_deref());
    if !dropped.contains("ALL") {
        return wall("dropped capabilities", &["ALL"], &dropped);
    }
    let added = names(host.cap_add.as_deref());
    let wanted = names(Some(&spec.capabilities));
    if added != wanted {
        return wall("capabilities", &wanted, &added);
    }
    let options = host.security_opt.as_deref().unwrap_or_default();
    let is_set = |option: &String| {
        matches!(
            option.as_str(),
            "no-new-privileges" | "no-new-privileges:true" | "no-new-privileges=true"
        )
    };
    if !options.iter().any(is_set) {
        return wall("no-new-privileges", &true, &options);
    }
    let open = options
        .iter()
        .find(|option| OPEN.iter().any(|open| option.starts_with(open)));
    open.and_then(|open| wall("security options", &"the engine's own", open))
}

/// Capabilities in capital letters and without their prefix, as different engines write them.
fn names(capabilities: Option<&[String]>) -> BTreeSet<String> {
    let plain = |name: &String| {
        let name = name.to_ascii_uppercase();
        name.strip_prefix("CAP_").map(ToOwned::to_owned).unwrap_or(name)
    };
    capabilities.unwrap_or_default().iter().map(plain).collect()
}

fn limits(spec: &ContainerSpec, host: &HostConfig) -> Option<String> {
    let is =
        |found: Option<i64>, wanted: u64| found.and_then(|found| u64::try_from(found).ok()) == Some(wanted);
    let limits = &spec.limits;
    if !is(host.memory, limits.memory_bytes) {
        return wall("memory limit", &limits.memory_bytes, &host.memory);
    }
    if !is(host.nano_cpus, limits.nano_cpus) {
        return wall("processor limit", &limits.nano_cpus, &host.nano_cpus);
    }
    if !is(host.pids_limit, u64::from(limits.pids)) {
        return wall("limit of processes", &limits.pids, &host.pids_limit);
    }
    let files = host.ulimits.iter().flatten();
    let files = files
        .filter(|limit| limit.name.as_deref() == Some("nofile"))
        .find_map(|limit| limit.hard);
    if !is(files, u64::from(limits.open_files)) {
        return wall("limit of open files", &limits.open_files, &files);
    }
    None
}

fn files(spec: &ContainerSpec, host: &HostConfig) -> Option<String> {
    if host.readonly_rootfs.unwrap_or(false) == spec.writable_rootfs {
        return wall("read-only root", &!spec.writable_rootfs, &host.readonly_rootfs);
    }
    let binds = host.binds.as_deref().unwrap_or_default();
    if !binds.is_empty() {
        return wall("folders of the host", &"none", &binds);
    }
    let from = host.volumes_from.as_deref().unwrap_or_default();
    if !from.is_empty() {
        return wall("volumes of other containers", &"none", &from);
    }
    // What the image declares and the spec does not name is covered by memory.
    let (memory, others): (Vec<_>, Vec<_>) = host
        .mounts
        .iter()
        .flatten()
        .partition(|mount| mount.typ == Some(MountType::TMPFS) || is_memory(mount));
    let mounted: BTreeSet<_> = others
        .into_iter()
        .map(|mount| {
            (
                mount.source.as_deref().unwrap_or_default(),
                mount.target.as_deref().unwrap_or_default(),
            )
        })
        .collect();
    let wanted: BTreeSet<_> = spec
        .volumes
        .iter()
        .map(|volume| (volume.name.as_str(), volume.path.as_str()))
        .collect();
    if mounted != wanted {
        return wall("volumes", &wanted, &mounted);
    }
    let tmpfs = host.tmpfs.iter().flatten().map(|(path, _)| path.as_str());
    let tmpfs: BTreeSet<_> = tmpfs.collect();
    let covered = memory.into_iter().filter_map(|mount| mount.target.as_deref());
    let mut all: BTreeSet<_> = tmpfs.clone();
    all.extend(covered);
    let wanted: BTreeSet<_> = spec.tmpfs.iter().map(|mount| mount.path.as_str()).collect();
    if !tmpfs.is_subset(&wanted) || !wanted.is_subset(&all) {
        return wall("memory file systems", &wanted, &tmpfs);
    }
    let devices: BTreeSet<_> = host
        .devices
        .iter()
        .flatten()
        .filter_map(|device| device.path_on_host.as_deref())
        .collect();
    let wanted: BTreeSet<_> = spec.devices.iter().map(|device| device.path.as_str()).collect();
    // An optional one may be left out.
    if !devices.is_subset(&wanted) {
        return wall("devices", &wanted, &devices);
    }
    None
}

fn namespaces(network: &str, found: &ContainerInspectResponse, host: &HostConfig) -> Option<String> {
    let joined = host.network_mode.as_deref().unwrap_or_default();
    if joined != network {
        return wall("network", &network, &joined);
    }
    let networks = found.network_settings.as_ref();
    let others = networks.and_then(|settings| settings.networks.as_ref());
    if let Some(all) = others.filter(|all| all.len() > 1) {
        return wall("networks", &network, &all.keys().collect::<BTreeSet<_>>());
    }
    for (name, mode) in [
        ("process namespace", &host.pid_mode),
        ("host name namespace", &host.uts_mode),
        ("user namespace", &host.userns_mode),
    ] {
        if let Some(mode) = mode.as_deref().filter(|mode| !matches!(*mode, "" | "private")) {
            return wall(name, &"its own", &mode);
        }
    }
    if host.ipc_mode.as_deref().is_some_and(|mode| mode != "private") {
        return wall("memory shared between processes", &"private", &host.ipc_mode);
    }
    let ports = host.port_bindings.iter().flatten().next();
    if ports.is_some() || host.publish_all_ports.unwrap_or(false) {
        return wall("published ports", &"none", &"some");
    }
    None
}

fn identity(spec: &ContainerSpec, found: &ContainerInspectResponse, host: &HostConfig) -> Option<String> {
    if let Some(user) = &spec.user {
        let got = found.config.as_ref().and_then(|config| config.user.as_deref());
        if got != Some(user) {
            return wall("user", user, &got);
        }
    }
    if let Some(runtime) = &spec.runtime
        && host.runtime.as_ref() != Some(runtime)
    {
        return wall("runtime", runtime, &host.runtime);
    }
    None
}

#[cfg(test)]
mod tests {
    use hap_manifest::PluginId;
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::{
        docker::{convert::create_body::create_body, device::Devices},
        instance::InstanceName,
        spec::{ResourceLimits, VolumeMount},
    };

    fn spec() -> ContainerSpec {
        let limits = ResourceLimits::new(64 << 20, 500_000_000, 32);
        let mut spec = ContainerSpec::new(
            "hap.home.light".to_owned(),
            PluginId::new("light").unwrap(),
            InstanceName::new("home").unwrap(),
            "light:1".to_owned(),
            limits,
            8000,
        );
        spec.volumes = vec![VolumeMount::new("v".to_owned(), "/data".to_owned())];
        spec.capabilities = vec!["NET_RAW".to_owned()];
        spec.user = Some("1000".to_owned());
        spec.runtime = Some("crun".to_owned());
        spec
    }

    /// What an engine tells that granted what was asked for, but for `change`.
    fn granted(change: impl FnOnce(&mut Value)) -> ContainerInspectResponse {
        let body = serde_json::to_value(create_body(&spec(), "net0", Devices::default())).unwrap();
        let mut told = json!({
            "Config": { "User": body["User"] },
            "HostConfig": body["HostConfig"],
            "NetworkSettings": { "Networks": { "hap-home-isolated": {} } },
        });
        change(&mut told);
        serde_json::from_value(told).unwrap()
    }

    fn missing(change: impl FnOnce(&mut Value)) -> Option<String> {
        missing_wall(&spec(), "net0", &granted(change))
    }

    #[test]
    fn a_container_that_has_what_was_asked_for_lacks_no_wall() {
        assert_eq!(missing(|_| {}), None);
        // As other engines write the same.
        assert_eq!(
            missing(|told| {
                told["HostConfig"]["CapAdd"] = json!(["CAP_NET_RAW"]);
                told["HostConfig"]["CapDrop"] = json!(["all"]);
                told["HostConfig"]["SecurityOpt"] = json!(["no-new-privileges:true"]);
            }),
            None
        );
    }

    #[test]
    fn each_wall_that_is_not_there_is_named() {
        for (field, value, name) in [
            ("Privileged", json!(true), "privileged mode"),
            ("CapDrop", json!(null), "dropped capabilities"),
            ("CapAdd", json!(["NET_RAW", "SYS_ADMIN"]), "capabilities"),
            ("SecurityOpt", json!(null), "no-new-privileges"),
            (
                "SecurityOpt",
                json!(["no-new-privileges:false"]),
                "no-new-privileges",
            ),
            (
                "SecurityOpt",
                json!(["no-new-privileges", "seccomp=unconfined"]),
                "security options",
            ),
            ("Memory", json!(0), "memory limit"),
            ("NanoCpus", json!(null), "processor limit"),
            ("PidsLimit", json!(-1), "limit of processes"),
            ("Ulimits", json!([]), "limit of open files"),
            ("ReadonlyRootfs", json!(false), "read-only root"),
            ("Binds", json!(["/:/host"]), "folders of the host"),
            ("VolumesFrom", json!(["other"]), "volumes of other containers"),
            ("Mounts", json!([]), "volumes"),
            ("Mounts", json!([{"Type": "tmpfs", "Target": "/data"}]), "volumes"),
            ("Tmpfs", json!({}), "memory file systems"),
            ("Devices", json!([{ "PathOnHost": "/dev/sda" }]), "devices"),
            ("NetworkMode", json!("host"), "network"),
            ("PidMode", json!("host"), "process namespace"),
            ("UTSMode", json!("host"), "host name namespace"),
            ("UsernsMode", json!("host"), "user namespace"),
            ("IpcMode", json!("host"), "memory shared between processes"),
            ("PublishAllPorts", json!(true), "published ports"),
            ("Runtime", json!("runc"), "runtime"),
        ] {
            let told = missing(|told| told["HostConfig"][field] = value.clone());
            let told = told.unwrap_or_else(|| panic!("{field} = {value} passes"));
            assert!(told.starts_with(&format!("{name}: ")), "{field}: {told}");
        }
        let told = missing(|told| told["Config"]["User"] = json!("")).unwrap();
        assert!(told.starts_with("user: "), "{told}");
        let told = missing(|told| told["NetworkSettings"]["Networks"]["bridge"] = json!({})).unwrap();
        assert!(told.starts_with("networks: "), "{told}");
        let told = missing(|told| told["HostConfig"] = json!(null)).unwrap();
        assert!(told.contains("does not tell"), "{told}");
    }
}
