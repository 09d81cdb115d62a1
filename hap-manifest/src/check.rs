//! Rules between fields, as functions from a manifest to issues.

use crate::collect::Collector;
use crate::fields::escaped;
use crate::manifest::Manifest;
use crate::report::{Issue, IssueCode};

/// Applies every rule.
pub(crate) fn all(manifest: &Manifest, collector: &mut Collector) {
    reserved_env(manifest, collector);
    health_timing(manifest, collector);
}

fn reserved_env(manifest: &Manifest, collector: &mut Collector) {
    for name in manifest.env_vars.keys().filter(|name| name.is_reserved()) {
        let message = format!("the environment variable {name} is set by the host");
        let issue = Issue::new(
            format!("/env_vars/{}", escaped(name.as_str())),
            IssueCode::ReservedName,
            message,
        );
        collector.push(issue.at_key().with_help("remove it or choose another name"));
    }
}

fn health_timing(manifest: &Manifest, collector: &mut Collector) {
    if let Err(error) = manifest.health_check.checked() {
        collector.push(Issue::refused("/health_check", &error).with_code(IssueCode::HealthTiming));
    }
}
