//! Rules between fields: pure functions from parts of a manifest to issues.
//!
//! A part that was refused on its own is not passed here, so one mistake is not told twice.

use serde_json::Value;

use crate::fields::Entry;
use crate::json::Node;
use crate::path::covers;
use crate::report::{Issue, Severity};
use crate::suggest::nearest;
use crate::{Dependency, DevicePath, EndpointPath, EnvName, HealthCheck, IssueCode, PluginId, VolumePath};

/// Where every container keeps something of its own, or the host puts something of its.
const RESERVED_PATHS: [&str; 4] = ["/proc", "/sys", "/dev", "/run/hap"];
/// In memory in every container: data there would not outlive it.
const TMP: &str = "/tmp";
/// Paths of optional calls that a host may make whatever the manifest says.
const RESERVED_ENDPOINTS: [&str; 2] = ["/describe", "/metrics"];

/// The four paths of a plugin's API; `None` where one was refused.
#[derive(Debug)]
pub(crate) struct Endpoints {
    pub(crate) health: Option<EndpointPath>,
    pub(crate) command: Option<EndpointPath>,
    pub(crate) status: Option<EndpointPath>,
    pub(crate) config: Option<EndpointPath>,
}

/// Two calls of one method need two paths.
pub(crate) fn endpoints(endpoints: &Endpoints) -> Vec<Issue> {
    fn plain(path: &EndpointPath) -> &str {
        let path = path.as_str();
        path.strip_suffix('/').unwrap_or(path)
    }
    let collision =
        |key: &str, message: String| Issue::new(format!("/{key}"), IssueCode::EndpointCollision, message);
    let mut issues = Vec::new();
    if let (Some(command), Some(config)) = (&endpoints.command, &endpoints.config)
        && plain(command) == plain(config)
    {
        let message = format!("commands and configuration are both posted to {command}");
        issues.push(collision("config_endpoint", message).with_help("give one of them another path"));
    }
    if let (Some(health), Some(status)) = (&endpoints.health, &endpoints.status)
        && plain(health) == plain(status)
    {
        // Plugins exist that answer both with one object, and it works.
        let message = format!("health and status are both asked from {health}");
        let issue = collision("status_endpoint", message).with_severity(Severity::Warning);
        issues
            .push(issue.with_help("give the status a path of its own, so that health stays quick to answer"));
    }
    for (key, path) in [
        ("health_check_path", &endpoints.health),
        ("status_endpoint", &endpoints.status),
    ] {
        if let Some(path) = path
            && RESERVED_ENDPOINTS.contains(&plain(path))
        {
            let message = format!("{path} is the path of another call of the protocol");
            issues.push(collision(key, message).with_help("choose another path"));
        }
    }
    issues
}

/// A manifest cannot set what the host sets.
pub(crate) fn reserved_env(at: Node<'_>, name: &EnvName) -> Option<Issue> {
    name.is_reserved().then(|| {
        let message = format!("the environment variable {name} is set by the host");
        let issue = Issue::new(at, IssueCode::ReservedName, message);
        issue.at_key().with_help("remove it or choose another name")
    })
}

/// Volumes and tmpfs: nothing twice, no volume inside another, nothing over what the container needs.
pub(crate) fn mounts(volumes: &[Entry<'_, VolumePath>], tmpfs: &[Entry<'_, VolumePath>]) -> Vec<Issue> {
    let mut issues = Vec::new();
    for (index, volume) in volumes.iter().enumerate() {
        let path = volume.value.as_str();
        if let Some(reserved) = RESERVED_PATHS.into_iter().find(|reserved| clash(reserved, path)) {
            issues.push(reserved_path(volume, reserved, "for the container itself"));
        } else if clash(TMP, path) {
            issues.push(reserved_path(volume, TMP, "in memory"));
        }
        for earlier in volumes.iter().take(index) {
            if earlier.value == volume.value {
                issues.push(twice(volume.at, path, earlier.at));
            } else if clash(earlier.value.as_str(), path) {
                let message = format!("the volume {path} overlaps {} at {}", earlier.value, earlier.at);
                let issue = Issue::new(volume.at, IssueCode::OverlappingPaths, message);
                issues.push(issue.with_help("keep the outer one only: it holds what is below it"));
            }
        }
    }
    for (index, mount) in tmpfs.iter().enumerate() {
        let path = mount.value.as_str();
        if let Some(reserved) = RESERVED_PATHS.into_iter().find(|reserved| covers(reserved, path)) {
            issues.push(reserved_path(mount, reserved, "for the container itself"));
        }
        if let Some(earlier) = tmpfs
            .iter()
            .take(index)
            .find(|earlier| earlier.value == mount.value)
        {
            issues.push(twice(mount.at, path, earlier.at));
        }
        if let Some(volume) = volumes.iter().find(|volume| volume.value == mount.value) {
            let message = format!("{path} is already a volume at {}", volume.at);
            let issue = Issue::new(mount.at, IssueCode::OverlappingPaths, message);
            issues.push(issue.with_help("keep data that must last as a volume, and remove it here"));
        }
    }
    issues
}

/// Whether one of two paths lies in the other.
fn clash(a: &str, b: &str) -> bool {
    covers(a, b) || covers(b, a)
}

fn reserved_path(entry: &Entry<'_, VolumePath>, reserved: &str, purpose: &str) -> Issue {
    let message = format!(
        "nothing can be mounted at {}: {reserved} is kept {purpose}",
        entry.value
    );
    Issue::new(entry.at, IssueCode::ReservedPath, message)
        .with_help("choose another directory, such as \"/data\"")
}

fn twice(at: Node<'_>, found: &str, first: Node<'_>) -> Issue {
    let message = format!("{found} is already listed at {first}");
    Issue::new(at, IssueCode::DuplicateEntry, message).with_help("remove it")
}

/// A plugin cannot wait for itself, and needs another only once. Longer circles only the host can see.
pub(crate) fn depends_on(id: Option<&PluginId>, entries: &[Entry<'_, Dependency>]) -> Vec<Issue> {
    let mut issues = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let other = entry.value.id();
        if Some(other) == id {
            let message = format!("the plugin {other} depends on itself and would never start");
            issues.push(Issue::new(entry.at, IssueCode::SelfDependency, message).with_help("remove it"));
        }
        if let Some(earlier) = entries
            .iter()
            .take(index)
            .find(|earlier| earlier.value.id() == other)
        {
            issues.push(twice(entry.at, other.as_str(), earlier.at));
        }
    }
    issues
}

/// A secret that the configuration lacks is a misspelt one, and the real one would be shown.
pub(crate) fn secrets(secrets: &[Entry<'_, String>], schema: Option<&Value>) -> Vec<Issue> {
    let mut issues = Vec::new();
    for (index, secret) in secrets.iter().enumerate() {
        if let Some(earlier) = secrets
            .iter()
            .take(index)
            .find(|earlier| earlier.value == secret.value)
        {
            issues.push(twice(secret.at, &format!("`{}`", secret.value), earlier.at));
        }
    }
    let Some(properties) = schema.and_then(closed_properties) else {
        return issues;
    };
    for secret in secrets
        .iter()
        .filter(|secret| !properties.contains_key(&secret.value))
    {
        let message = format!("`{}` is not a property of `config_schema`", secret.value);
        let issue = Issue::new(secret.at, IssueCode::UnknownSecret, message);
        issues.push(
            match nearest(&secret.value, properties.keys().map(String::as_str)) {
                Some(name) => issue.with_help(format!("did you mean `{name}`?")),
                None => issue.with_help("name a top-level key of the configuration"),
            },
        );
    }
    issues
}

/// The properties of a schema that names all of them in this one place.
fn closed_properties(schema: &Value) -> Option<&serde_json::Map<String, Value>> {
    let open = [
        "$ref",
        "$dynamicRef",
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "patternProperties",
        "dependentSchemas",
    ];
    if open.iter().any(|keyword| schema.get(keyword).is_some()) {
        return None;
    }
    schema.get("properties")?.as_object()
}

/// The probe must be over before the next one begins.
pub(crate) fn health(at: Node<'_>, check: &HealthCheck) -> Option<Issue> {
    let error = check.checked().err()?;
    Some(Issue::refused(at, &error).with_code(IssueCode::HealthTiming))
}

/// Devices without the access would silently be missing.
pub(crate) fn devices(devices: &[Entry<'_, DevicePath>], access: Option<bool>) -> Vec<Issue> {
    let mut issues = Vec::new();
    if access == Some(false) && !devices.is_empty() {
        let message = "`devices` are listed, but `device_access` is false";
        let issue = Issue::new("/devices", IssueCode::DevicesWithoutAccess, message);
        issues.push(issue.with_help("add \"device_access\": true"));
    }
    for (index, device) in devices.iter().enumerate() {
        if let Some(earlier) = devices
            .iter()
            .take(index)
            .find(|earlier| earlier.value == device.value)
        {
            issues.push(twice(device.at, device.value.as_str(), earlier.at));
        }
    }
    issues
}
