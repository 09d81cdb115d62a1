//! Times that a host keeps and a plugin cannot.

use std::time::Duration;

use crate::lint::{
    finding::{Findings, Look, Rule},
    severity::Severity,
    subject::Subject,
};

/// Longer than this nobody waits to learn that a plugin is dead.
const LONG: Duration = Duration::from_secs(600);

pub(crate) static RULES: &[Rule] = &[
    Rule {
        id: "HAP131",
        severity: Severity::Warning,
        title: "a dead plugin is noticed too late",
        why: "A host restarts a plugin after `retries` probes that fail, one each `interval`. For longer than ten minutes the home \
              would have a plugin that does nothing, and nobody knows.",
        fix: "shorten `interval` or lower `retries`",
        bad: "{\"health_check\": {\"interval\": \"10m\", \"timeout\": \"5s\", \"retries\": 10}}",
        good: "{\"health_check\": {\"interval\": \"10s\", \"timeout\": \"5s\", \"retries\": 3}}",
        look: Look::Itself(noticed_late),
    },
    Rule {
        id: "HAP132",
        severity: Severity::Warning,
        title: "the time to start is shorter than one slow answer",
        why: "Failures count from the end of `start_period` on. A first probe that takes its whole `timeout` ends after it, so a \
              plugin that is only slow to start is restarted again and again.",
        fix: "make `start_period` longer than `timeout`",
        bad: "{\"health_check\": {\"timeout\": \"5s\", \"start_period\": \"1s\"}}",
        good: "{\"health_check\": {\"timeout\": \"5s\", \"start_period\": \"60s\"}}",
        look: Look::Itself(no_time_to_start),
    },
    Rule {
        id: "HAP133",
        severity: Severity::Warning,
        title: "no time to stop",
        why: "After `stop_timeout` the plugin is killed. In less than a second it can neither answer what is under way nor write \
              what it has to keep.",
        fix: "leave `stop_timeout` out, or give a second or more",
        bad: "{\"stop_timeout\": \"100ms\"}",
        good: "{\"stop_timeout\": \"10s\"}",
        look: Look::Itself(no_time_to_stop),
    },
];

fn noticed_late(subject: &Subject, findings: &mut Findings) {
    let Some(manifest) = &subject.manifest else { return };
    let health = manifest.health_check();
    let after = health.interval() * health.retries();
    if after > LONG {
        let message = format!(
            "{} probes that fail, one each {:?}, take {:?}: at most {LONG:?} should pass until a dead plugin is restarted",
            health.retries(),
            health.interval(),
            after
        );
        findings.pointer(subject, "/health_check", message);
    }
}

fn no_time_to_start(subject: &Subject, findings: &mut Findings) {
    let Some(manifest) = &subject.manifest else { return };
    let health = manifest.health_check();
    if health.start_period() < health.timeout() {
        let message = format!(
            "the start_period {:?} is shorter than the timeout {:?}",
            health.start_period(),
            health.timeout()
        );
        findings.pointer(subject, "/health_check/start_period", message);
    }
}

fn no_time_to_stop(subject: &Subject, findings: &mut Findings) {
    let Some(manifest) = &subject.manifest else { return };
    if let Some(time) = manifest
        .stop_timeout()
        .filter(|time| *time < Duration::from_secs(1))
    {
        let message = format!("the stop_timeout {time:?} is shorter than a second");
        findings.pointer(subject, "/stop_timeout", message);
    }
}
