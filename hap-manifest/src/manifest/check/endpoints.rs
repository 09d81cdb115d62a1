//! The paths of a plugin's API.

use crate::diagnostics::issue_code::IssueCode;
use crate::diagnostics::report::{Issue, Severity};
use crate::json::node::Node;
use crate::value::path::EndpointPath;

/// Paths of optional calls that a host may make whatever the manifest says.
const RESERVED: [&str; 3] = ["/describe", "/metrics", "/openapi.json"];

/// The four paths of a plugin's API; `None` where one was refused.
#[derive(Debug)]
pub(crate) struct Endpoints {
    pub(crate) health: Option<EndpointPath>,
    pub(crate) command: Option<EndpointPath>,
    pub(crate) status: Option<EndpointPath>,
    pub(crate) config: Option<EndpointPath>,
}

/// Two calls of one method need two paths, and none may have that of another call of the protocol.
pub(crate) fn endpoints(manifest: Node<'_>, endpoints: &Endpoints) -> Vec<Issue> {
    // Of two that collide one may have its default and be nowhere in the text.
    let written = |key: &'static str, other: &'static str| {
        let is_there = |key| manifest.get(key).is_some_and(|path| !path.is_null());
        if is_there(key) { key } else { other }
    };
    let mut issues = Vec::new();
    if let (Some(command), Some(config)) = (&endpoints.command, &endpoints.config)
        && plain(command) == plain(config)
    {
        let message = format!("commands and configuration are both posted to {command}");
        let key = written("config_endpoint", "command_endpoint");
        issues.push(collision(key, message).with_help("give one of them another path"));
    }
    if let (Some(health), Some(status)) = (&endpoints.health, &endpoints.status)
        && plain(health) == plain(status)
    {
        // Plugins exist that answer both with one object, and it works.
        let message = format!("health and status are both asked from {health}");
        let key = written("status_endpoint", "health_check_path");
        let issue = collision(key, message).with_severity(Severity::Warning);
        issues
            .push(issue.with_help("give the status a path of its own, so that health stays quick to answer"));
    }
    for (key, path) in [
        ("health_check_path", &endpoints.health),
        ("command_endpoint", &endpoints.command),
        ("status_endpoint", &endpoints.status),
        ("config_endpoint", &endpoints.config),
    ] {
        if let Some(path) = path
            && RESERVED.contains(&plain(path))
        {
            let message = format!("{path} is the path of another call of the protocol");
            issues.push(collision(key, message).with_help("choose another path"));
        }
    }
    issues
}

fn collision(key: &str, message: String) -> Issue {
    Issue::new(format!("/{key}"), IssueCode::EndpointCollision, message)
}

fn plain(path: &EndpointPath) -> &str {
    let path = path.as_str();
    path.strip_suffix('/').unwrap_or(path)
}
