use std::{collections::BTreeMap, net::Ipv4Addr, path::PathBuf, time::SystemTime};

use hap_manifest::PluginId;
use serde::{Deserialize, Serialize};

use super::identity::{Identity, Life};
use crate::engine::{
    instance::InstanceName,
    labels,
    observed::{ContainerId, ContainerStatus, Exit, Observed},
    spec::LogRotation,
};

/// What is on disk of a container. It holds no value of a secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) plugin: PluginId,
    pub(super) instance: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) program: PathBuf,
    pub(super) env: Vec<Variable>,
    pub(super) volumes: Vec<Volume>,
    /// The loopback port that the plugin is told to listen on.
    pub(super) port: u16,
    log_max_bytes: u64,
    log_files: u32,
    pub(super) run: Run,
}

/// One environment variable; the value of a secret is not here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: Option<String>,
}

/// A volume and the path that the plugin knows it by.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) path: String,
}

/// The last run of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum Run {
    /// It never ran.
    Created,
    /// Written before the process exists, so that one whose host died right after making
    /// it is looked for.
    Starting {
        #[serde(with = "hap_manifest::rfc3339")]
        at: SystemTime,
    },
    Running {
        process: Identity,
        /// The host that hears how the process ends; `None` when nobody does.
        owner: Option<Identity>,
        #[serde(with = "hap_manifest::rfc3339")]
        at: SystemTime,
    },
    Ended {
        /// `None` when the process could not be made.
        process: Option<Identity>,
        #[serde(with = "hap_manifest::rfc3339")]
        at: SystemTime,
        code: i64,
        error: String,
    },
}

impl Record {
    pub(super) fn new(
        spec: &crate::engine::spec::ContainerSpec,
        id: &ContainerId,
        program: PathBuf,
        port: u16,
    ) -> Self {
        let variable = |var: &crate::engine::spec::EnvVar| Variable {
            name: var.name().to_owned(),
            value: (!var.is_secret()).then(|| var.expose_value().to_owned()),
        };
        let volume = |mount: &crate::engine::spec::VolumeMount| Volume {
            name: mount.name.clone(),
            path: mount.path.clone(),
        };
        Self {
            id: id.as_str().to_owned(),
            name: spec.name.clone(),
            plugin: spec.plugin.clone(),
            instance: spec.instance.as_str().to_owned(),
            labels: spec.labels.clone(),
            program,
            env: spec.env.iter().map(variable).collect(),
            volumes: spec.volumes.iter().map(volume).collect(),
            port,
            log_max_bytes: spec.log.max_bytes,
            log_files: spec.log.files,
            run: Run::Created,
        }
    }

    pub(super) fn container(&self) -> ContainerId {
        ContainerId::new(self.id.as_str())
    }

    pub(super) fn belongs_to(&self, instance: &InstanceName) -> bool {
        self.instance == instance.as_str()
    }

    pub(super) const fn rotation(&self) -> LogRotation {
        LogRotation {
            max_bytes: self.log_max_bytes,
            files: self.log_files,
        }
    }

    /// The process of a run that has not been seen to end.
    pub(super) const fn process(&self) -> Option<&Identity> {
        match &self.run {
            Run::Running { process, .. } => Some(process),
            _ => None,
        }
    }

    /// Whether the last run is that of `process`, ended or not.
    pub(super) fn is_run_of(&self, process: &Identity) -> bool {
        match &self.run {
            Run::Created | Run::Starting { .. } => false,
            Run::Running { process: last, .. } => last == process,
            Run::Ended { process: last, .. } => last.as_ref() == Some(process),
        }
    }

    /// Whether the record says less than the truth: a start was broken off, or the
    /// process ended unseen.
    pub(super) fn is_behind(&self) -> bool {
        match &self.run {
            Run::Starting { .. } => true,
            Run::Running { process, .. } => process.life() == Life::Gone,
            Run::Created | Run::Ended { .. } => false,
        }
    }

    /// Ends the run.
    pub(super) fn end(&mut self, exit: Exit) {
        let (process, at) = match &self.run {
            Run::Running { process, at, .. } => (Some(process.clone()), *at),
            Run::Starting { at } => (None, *at),
            Run::Created | Run::Ended { .. } => return,
        };
        self.run = Run::Ended {
            process,
            at,
            code: exit.code,
            error: exit.error,
        };
    }

    /// What the record and its process say together; `None` when the record is behind.
    pub(super) fn observed(&self) -> Option<Observed> {
        let digest = self.labels.get(labels::SPEC_DIGEST).cloned().unwrap_or_default();
        let mut observed = Observed::created(self.container(), self.plugin.clone(), digest);
        observed.name.clone_from(&self.name);
        observed.seal = self.labels.get(labels::SEAL).cloned();
        // There are no networks.
        observed.on_network = true;
        match &self.run {
            Run::Created => {}
            Run::Starting { .. } => return None,
            Run::Running { process, at, .. } => {
                observed.started_at = Some(*at);
                observed.address = Some((Ipv4Addr::LOCALHOST, self.port).into());
                observed.status = match process.life() {
                    Life::Running => ContainerStatus::Running,
                    Life::Stopped => ContainerStatus::Paused,
                    Life::Gone => return None,
                };
            }
            Run::Ended { at, code, error, .. } => {
                observed.started_at = Some(*at);
                observed.status = ContainerStatus::Exited;
                observed.exit = Some(Exit {
                    error: error.clone(),
                    ..Exit::code(*code)
                });
            }
        }
        Some(observed)
    }
}

/// The end of a run that nobody can tell more about.
pub(super) fn unseen(message: &str) -> Exit {
    Exit {
        error: message.to_owned(),
        ..Exit::code(-1)
    }
}
