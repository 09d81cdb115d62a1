//! Rules for lists, for ranges of versions and for the health check.
use semver::VersionReq;

use crate::diagnostics::issue_code::IssueCode;
use crate::diagnostics::report::{Issue, Severity};
use crate::diagnostics::suggest::nearest;
use crate::json::node::Node;
use crate::manifest::fields::Entry;
use crate::value::{
    capability::Capability, capability::KNOWN, dependency::Dependency, device::DevicePath, env::EnvName,
    health::HealthCheck, id::PluginId, image::ImageRef, version_range,
};

/// Refuses variables that the host sets, and warns of names that no shell can read.
pub(crate) fn env_name(at: Node<'_>, name: &EnvName) -> Option<Issue> {
    if name.is_reserved() {
        let message = format!("the environment variable {name} is set by the host");
        let issue = Issue::new(at, IssueCode::ReservedName, message);
        return Some(issue.at_key().with_help("remove it or choose another name"));
    }
    (!name.is_portable()).then(|| {
        let message =
            format!("shells do not read the environment variable {name}: its name has a '.' or '-'");
        let issue = Issue::new(at, IssueCode::UnusualName, message).with_severity(Severity::Warning);
        issue
            .at_key()
            .with_help("use letters, digits and '_' if a shell is to read it")
    })
}

/// Warns of a first part that is the host of a registry only because of its upper-case letters.
pub(crate) fn registry(at: &str, image: &ImageRef) -> Option<Issue> {
    let registry = image.registry()?;
    if registry == "localhost" || registry.contains(['.', ':']) {
        return None;
    }
    let message = format!("engines take {registry:?} for the host of a registry: it has upper-case letters");
    let issue = Issue::new(at, IssueCode::UnusualName, message).with_severity(Severity::Warning);
    Some(issue.with_help(format!(
        "write \"{}\" for a name on docker.io, or the whole name of the host",
        registry.to_ascii_lowercase()
    )))
}

/// Refuses a plugin that depends on itself or on another in two ways, and warns of one that is
/// listed twice. Longer circles are visible to the host alone.
pub(crate) fn depends_on(id: Option<&PluginId>, entries: &[Entry<'_, Dependency>]) -> Vec<Issue> {
    let itself = entries.iter().filter(|entry| Some(entry.value.id()) == id);
    let mut issues: Vec<_> = itself
        .map(|entry| {
            let other = entry.value.id();
            let message = format!("the plugin {other} depends on itself and would never start");
            Issue::new(entry.at, IssueCode::SelfDependency, message).with_help("remove it")
        })
        .collect();
    for (index, entry) in entries.iter().enumerate() {
        let (id, before) = (entry.value.id(), entries.iter().take(index));
        let earlier: Vec<_> = before.filter(|earlier| earlier.value.id() == id).collect();
        let same = earlier.iter().find(|earlier| earlier.value == entry.value);
        issues.extend(match (same, earlier.first()) {
            (Some(same), _) => Some(twice(entry.at, id.as_str(), same.at)),
            // Which of the two counts, nobody knows.
            (None, Some(other)) => {
                Some(twice(entry.at, id.as_str(), other.at).with_severity(Severity::Error))
            }
            (None, None) => None,
        });
    }
    issues
}

/// Refuses a range that contains no version: a plugin that needs it would never start.
pub(crate) fn range(at: impl Into<String>, range: &VersionReq) -> Option<Issue> {
    let conflict = version_range::conflict(range)?;
    let issue = Issue::new(at, IssueCode::EmptyRange, conflict.message);
    Some(issue.with_help(conflict.help))
}

/// Checks that one probe is over before the next one begins.
pub(crate) fn health(at: Node<'_>, check: &HealthCheck) -> Option<Issue> {
    let error = check.checked().err()?;
    // One of the two was written: the defaults agree with each other.
    let timeout = at.get("timeout").filter(|timeout| !timeout.is_null());
    let place = timeout.or_else(|| at.get("interval")).unwrap_or(at);
    let issue = Issue::refused(place, &error).with_code(IssueCode::HealthTiming);
    Some(match timeout {
        Some(_) => issue,
        None => issue.with_help("this is the default of `timeout`; add a shorter one"),
    })
}

/// Refuses devices without the access to them, which would be missing silently, and warns of devices
/// listed twice.
pub(crate) fn devices(devices: &[Entry<'_, DevicePath>], access: Option<bool>) -> Vec<Issue> {
    let mut issues = Vec::new();
    if access == Some(false) && !devices.is_empty() {
        let message = "`devices` are listed, but `device_access` is false";
        let issue = Issue::new("/devices", IssueCode::DevicesWithoutAccess, message);
        issues.push(issue.with_help("add \"device_access\": true"));
    }
    issues.extend(repeated(devices, DevicePath::as_str, str::to_owned));
    issues
}

/// Warns of a capability that no known kernel has. It is probably misspelt, and an engine would
/// refuse the container.
pub(crate) fn capabilities(capabilities: &[Entry<'_, Capability>]) -> Vec<Issue> {
    let unknown = capabilities.iter().filter(|entry| !entry.value.is_known());
    unknown
        .map(|entry| {
            let message = format!("unknown capability \"{}\"", entry.value);
            let issue =
                Issue::new(entry.at, IssueCode::UnknownCapability, message).with_severity(Severity::Warning);
            match nearest(entry.value.as_str(), KNOWN) {
                Some(name) => issue.with_help(format!("did you mean \"{name}\"?")),
                None => issue.with_help("use a capability of Linux, such as \"NET_RAW\""),
            }
        })
        .collect()
}

/// Warns of entries whose text an earlier entry has; `shown` puts it into the message.
pub(super) fn repeated<'e, T>(
    entries: &'e [Entry<'_, T>],
    text: impl Fn(&'e T) -> &'e str,
    shown: impl Fn(&str) -> String,
) -> impl Iterator<Item = Issue> {
    entries.iter().enumerate().filter_map(move |(index, entry)| {
        let found = text(&entry.value);
        let mut before = entries.iter().take(index);
        let earlier = before.find(|earlier| text(&earlier.value) == found)?;
        Some(twice(entry.at, &shown(found), earlier.at))
    })
}

/// An entry that changes nothing: it counts once.
pub(super) fn twice(at: Node<'_>, found: &str, first: Node<'_>) -> Issue {
    let message = format!("{found} is already listed at {first}");
    let issue = Issue::new(at, IssueCode::DuplicateEntry, message).with_severity(Severity::Warning);
    issue.with_help("remove it")
}
