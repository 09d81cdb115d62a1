//! What is wanted of a plugin, and what is known of it.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::{
    activity::EngineOperation,
    autostart::Autostart,
    config_state::ConfigState,
    data_loss::DataLoss,
    dependency::UnmetDependency,
    desired::Desired,
    failure::Failure,
    phase::Phase,
    runs_as::RunsAs,
    update::{UpdateOutcome, UpdateState},
};
use crate::engine::observed::{ContainerId, Exit};

/// A snapshot of one plugin. Serialised, durations are in milliseconds, and say so in their
/// names: `retry_in_ms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PluginState {
    /// What is wanted.
    pub desired: Desired,
    /// Where it is.
    pub phase: Phase,
    /// Its container, where there is one.
    pub container: Option<ContainerId>,
    /// How often it was started again after a failure, since the supervisor took it over.
    pub restarts: u64,
    /// It failed again and again lately. Stays true while it is healthy, until it has been
    /// so for a while.
    pub crash_loop: bool,
    /// How its last run ended, if it ended by itself.
    pub last_exit: Option<Exit>,
    /// What is wrong with it, in words, from a failure until it is healthy again.
    pub failure: Option<Failure>,
    /// How it failed the last time, also when it has been healthy since. What the engine fails at
    /// does not count.
    pub last_failure: Option<Failure>,
    /// The pause before the next start, while the phase is [`Phase::Backoff`] or
    /// [`Phase::CrashLoop`], counted from the moment when the phase was entered.
    #[serde(rename = "retry_in_ms", serialize_with = "as_millis")]
    pub retry_in: Option<Duration>,
    /// What the plugin says of itself in its last health report, where it says something.
    pub health_message: Option<String>,
    /// Why it missed its last health check, while the phase is [`Phase::Unhealthy`].
    pub missed_health_check: Option<String>,
    /// What it depends on and does not have now. While it is wanted running and does not run, its
    /// start waits for that; while it runs, it is [`Phase::Degraded`] by it.
    #[serde(rename = "waiting_for")]
    pub unmet_dependencies: Vec<UnmetDependency>,
    /// From its last end, or from the request to start it, until its first healthy answer.
    #[serde(rename = "time_to_healthy_ms", serialize_with = "as_millis")]
    pub time_to_healthy: Option<Duration>,
    /// Whether it has the settings that are kept for it.
    pub config: ConfigState,
    /// The update that is under way.
    pub update: Option<UpdateState>,
    /// How its last update ended.
    pub last_update: Option<UpdateOutcome>,
    /// What becomes of it when the host starts.
    #[serde(rename = "boot")]
    pub autostart: Autostart,
    /// Who its program runs as.
    pub runs_as: RunsAs,
    /// Data of it that was there and is gone, until somebody stops it, as one does to put the data back.
    pub data_loss: Option<DataLoss>,
    /// What is being done to it on the engine, and since when.
    pub operation: Option<EngineOperation>,
}

impl PluginState {
    /// Returns what is wrong with it in one sentence, and `None` when nothing is: its failure, what
    /// it waits for, the health check that it missed, what it says of itself while it is degraded, why
    /// it refused its settings, or that its data is gone.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        if let Some(failure) = &self.failure {
            return Some(failure.message.clone());
        }
        if matches!(self.phase, Phase::Waiting | Phase::Degraded) && !self.unmet_dependencies.is_empty() {
            let lacks: Vec<_> = self.unmet_dependencies.iter().map(ToString::to_string).collect();
            return Some(format!("it depends on {}", lacks.join("; and on ")));
        }
        match self.phase {
            Phase::Unhealthy => Some(match &self.missed_health_check {
                Some(missed) => format!("it missed its last health check: {missed}"),
                None => "it missed its last health check".to_owned(),
            }),
            Phase::Degraded => Some(match &self.health_message {
                Some(message) => format!("it works only in part, and says: {message}"),
                None => "it says that it works only in part, and not why".to_owned(),
            }),
            _ => match &self.config {
                ConfigState::Refused(reason) => Some(format!("it refused its settings: {reason}")),
                _ => self.data_loss.as_ref().map(|loss| {
                    format!(
                        "data that was there is gone, with the volumes {}",
                        loss.volumes.join(", ")
                    )
                }),
            },
        }
    }
}

#[expect(clippy::ref_option, reason = "the form that serde calls")]
fn as_millis<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let millis = duration.map(|duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    millis.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use serde_json::json;

    use super::*;
    use crate::model::{
        activity::OperationKind,
        failure::FailureCause,
        update::{UpdateResult, UpdateStage},
    };

    #[test]
    fn a_snapshot_is_serialised_under_names_that_stay() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_769_846_400);
        let exit = Exit::code(137);
        let failure = Failure::new(FailureCause::OutOfMemory, "too much").with_exit(&exit);
        let version = |text: &str| text.parse().unwrap();
        let state = PluginState {
            desired: Desired::Removed { with_data: true },
            phase: Phase::CrashLoop,
            container: Some(ContainerId::new("c1")),
            restarts: 2,
            crash_loop: true,
            last_exit: Some(exit),
            failure: Some(failure),
            last_failure: None,
            retry_in: Some(Duration::from_millis(1_500)),
            health_message: Some("dim".to_owned()),
            missed_health_check: None,
            unmet_dependencies: Vec::new(),
            time_to_healthy: None,
            config: ConfigState::Refused("too bright".to_owned()),
            update: Some(UpdateState {
                from: version("1.0.0"),
                to: version("2.0.0"),
                stage: UpdateStage::Probation,
                since: at,
            }),
            last_update: Some(UpdateOutcome {
                from: version("0.9.0"),
                to: version("1.0.0"),
                at,
                result: UpdateResult::Committed,
            }),
            autostart: Autostart::Restore,
            runs_as: RunsAs::Own(2_010_000_000),
            data_loss: Some(DataLoss {
                volumes: vec!["hap.home.light.data".to_owned()],
                at,
            }),
            operation: Some(EngineOperation {
                kind: OperationKind::SetLimits,
                since: at,
            }),
        };
        let exit = json!({"code": 137, "oom_killed": false, "memory_limit_bytes": null, "error": ""});
        assert_eq!(
            serde_json::to_value(&state).unwrap(),
            json!({
                "desired": {"removed": {"with_data": true}},
                "phase": "crash_loop",
                "container": "c1",
                "restarts": 2,
                "crash_loop": true,
                "last_exit": exit,
                "failure": {
                    "cause": "out_of_memory",
                    "phase": "unknown",
                    "exit": exit,
                    "message": "too much",
                    "hint": null,
                    "last_lines": [],
                },
                "last_failure": null,
                "retry_in_ms": 1500,
                "runs_as": {"kind": "own", "value": 2_010_000_000_u32},
                "health_message": "dim",
                "missed_health_check": null,
                "waiting_for": [],
                "time_to_healthy_ms": null,
                "config": {"state": "refused", "reason": "too bright"},
                "update": {
                    "from": "1.0.0",
                    "to": "2.0.0",
                    "stage": "probation",
                    "since": "2026-01-31T08:00:00Z",
                },
                "last_update": {
                    "from": "0.9.0",
                    "to": "1.0.0",
                    "at": "2026-01-31T08:00:00Z",
                    "result": {"result": "committed"},
                },
                "boot": "as_wanted",
                "data_loss": {"volumes": ["hap.home.light.data"], "at": "2026-01-31T08:00:00Z"},
                "operation": {"kind": "set_limits", "since": "2026-01-31T08:00:00Z"},
            })
        );
    }
}
