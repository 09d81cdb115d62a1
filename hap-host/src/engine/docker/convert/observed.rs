//! What the engine says of a container, in our words.

use std::{net::SocketAddr, time::SystemTime};

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum, EndpointSettings, HostConfig,
    RestartPolicyNameEnum,
};
use hap_manifest::{PluginId, rfc3339};

use super::owner::labels_of;
use crate::engine::{
    docker::network::shape::name,
    instance::InstanceName,
    labels,
    observed::{ContainerId, ContainerStatus, EngineRestarts, Exit, Observed, ObservedLimits},
    spec::NetworkMode,
};

/// What the engine says of a container, in our words; `None` unless its labels say
/// which plugin it is.
pub(in crate::engine::docker) fn observed(found: &ContainerInspectResponse) -> Option<Observed> {
    let labels = labels_of(found)?;
    let instance = InstanceName::new(labels.get(labels::INSTANCE)?).ok()?;
    let plugin = PluginId::new(labels.get(labels::PLUGIN_ID)?).ok()?;
    let digest = labels.get(labels::SPEC_DIGEST).cloned().unwrap_or_default();
    let mut observed = Observed::created(ContainerId::new(found.id.as_deref()?), plugin, digest);
    let name = found.name.as_deref().unwrap_or_default();
    name.trim_start_matches('/').clone_into(&mut observed.name);
    observed.seal = labels.get(labels::SEAL).cloned();
    let joined = joined(found, &instance);
    observed.on_network = !joined.is_empty();
    observed.limits = found.host_config.as_ref().map(limits).unwrap_or_default();
    observed.restarts = found.host_config.as_ref().and_then(restarts);
    let Some(state) = &found.state else {
        return Some(observed);
    };
    observed.status = status(state);
    observed.started_at = state.started_at.as_deref().and_then(moment);
    match observed.status {
        ContainerStatus::Running => {
            let port = labels.get(labels::PLUGIN_PORT).and_then(|port| port.parse().ok());
            observed.address = port.and_then(|port| address(&joined, port));
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

fn restarts(host: &HostConfig) -> Option<EngineRestarts> {
    match host.restart_policy.as_ref()?.name? {
        RestartPolicyNameEnum::EMPTY | RestartPolicyNameEnum::NO => Some(EngineRestarts::Never),
        RestartPolicyNameEnum::UNLESS_STOPPED => Some(EngineRestarts::UnlessStopped),
        RestartPolicyNameEnum::ALWAYS | RestartPolicyNameEnum::ON_FAILURE => Some(EngineRestarts::Otherwise),
    }
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
pub(in crate::engine::docker) fn moment(text: &str) -> Option<SystemTime> {
    rfc3339::parse(text)
        .ok()
        .filter(|time| *time > SystemTime::UNIX_EPOCH)
}

/// The container's places on the networks of its instance. Should somebody have put it on others
/// too, those are nobody's to be asked for.
fn joined<'a>(found: &'a ContainerInspectResponse, instance: &InstanceName) -> Vec<&'a EndpointSettings> {
    let networks = found
        .network_settings
        .as_ref()
        .and_then(|settings| settings.networks.as_ref());
    let ours = [NetworkMode::Isolated, NetworkMode::Outbound].map(|mode| name(instance, mode));
    let mut joined: Vec<_> = networks
        .into_iter()
        .flatten()
        .filter(|(network, _)| ours.contains(network))
        .collect();
    joined.sort_by_key(|(network, _)| network.as_str());
    joined.into_iter().map(|(_, endpoint)| endpoint).collect()
}

/// Where the container is reached on one of them.
fn address(joined: &[&EndpointSettings], port: u16) -> Option<SocketAddr> {
    let mut addresses = joined.iter().filter_map(|endpoint| endpoint.ip_address.as_ref());
    addresses
        .find_map(|address| address.parse().ok())
        .map(|ip| SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::engine::docker::convert::owner::is_ours;

    fn inspected(state: &Value) -> ContainerInspectResponse {
        serde_json::from_value(json!({
            "Id": "0123456789abcdef",
            "Name": "/hap.home.light",
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
        assert_eq!(
            observed.started_at.unwrap(),
            SystemTime::UNIX_EPOCH + Duration::new(1_767_323_045, 678_901_234)
        );
        assert_eq!(
            (observed.plugin.as_str(), observed.spec_digest.as_str()),
            ("light", "d1")
        );
    }

    #[test]
    fn the_name_the_seal_and_the_network_are_told_and_other_networks_give_no_address() {
        let mut found = inspected(&json!({ "Status": "running", "Running": true }));
        let seen = observed(&found).unwrap();
        assert_eq!(
            (seen.name.as_str(), seen.seal, seen.on_network),
            ("hap.home.light", None, true)
        );
        let labels = found.config.as_mut().unwrap().labels.as_mut().unwrap();
        labels.insert(labels::SEAL.to_owned(), "5ea1".to_owned());
        for elsewhere in ["bridge", "hap-away-isolated", "hap-home-isolated2"] {
            let networks = json!({ "Networks": { elsewhere: { "IPAddress": "10.213.9.2" } } });
            found.network_settings = Some(serde_json::from_value(networks).unwrap());
            let seen = observed(&found).unwrap();
            assert_eq!(seen.seal.as_deref(), Some("5ea1"));
            assert_eq!((seen.on_network, seen.address), (false, None), "{elsewhere}");
        }
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
    fn when_the_engine_starts_it_again_is_told_where_the_engine_tells() {
        for (policy, told) in [
            (json!({}), None),
            (
                json!({ "RestartPolicy": { "Name": "" } }),
                Some(EngineRestarts::Never),
            ),
            (
                json!({ "RestartPolicy": { "Name": "no" } }),
                Some(EngineRestarts::Never),
            ),
            (
                json!({ "RestartPolicy": { "Name": "unless-stopped" } }),
                Some(EngineRestarts::UnlessStopped),
            ),
            (
                json!({ "RestartPolicy": { "Name": "always" } }),
                Some(EngineRestarts::Otherwise),
            ),
            (
                json!({ "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 3 } }),
                Some(EngineRestarts::Otherwise),
            ),
        ] {
            let mut found = inspected(&json!({ "Status": "running", "Running": true }));
            found.host_config = Some(serde_json::from_value(policy.clone()).unwrap());
            assert_eq!(observed(&found).unwrap().restarts, told, "{policy}");
        }
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
