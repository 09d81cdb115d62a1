use std::{fmt, net::SocketAddr, time::SystemTime};

use hap_manifest::{MemoryLimit, PluginId};
use serde::Serialize;

use super::spec::ResourceLimits;

/// The engine's id of one container. A container that is removed and created again has another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ContainerId(Box<str>);

impl ContainerId {
    /// Wraps an id as the engine prints it.
    pub fn new(id: impl Into<Box<str>>) -> Self {
        Self(id.into())
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    /// Prints the first twelve characters, as `docker ps` does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get(..12).unwrap_or(&self.0))
    }
}

/// What an engine sees of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observed {
    /// The container.
    pub id: ContainerId,
    /// Its name on the engine.
    pub name: String,
    /// The plugin that its label names.
    pub plugin: PluginId,
    /// The digest of the spec that it was created from, by its label; empty when the
    /// label is missing.
    pub spec_digest: String,
    /// What it carries under [`labels::SEAL`](super::labels::SEAL). The engine hands it on as it
    /// is; the supervisor checks it.
    pub seal: Option<String>,
    /// It joins one of the networks that [`prepare`](super::Engine::prepare) makes for its
    /// instance, or the engine has no networks.
    pub on_network: bool,
    /// What it is doing.
    pub status: ContainerStatus,
    /// When it was started last.
    pub started_at: Option<SystemTime>,
    /// How the last run ended; `None` while it runs or when it never ran.
    pub exit: Option<Exit>,
    /// Where the host reaches its API port; `None` when it does not run.
    pub address: Option<SocketAddr>,
    /// The limits that it has, as far as the engine tells them.
    pub limits: ObservedLimits,
    /// When the engine starts it again by itself, as far as it tells.
    pub restarts: Option<EngineRestarts>,
    /// The engine began its last run by itself, because the one before had ended.
    pub restarted_by_engine: bool,
    /// It is from before there were seals: it is made anew when it is down. Set by the supervisor.
    pub(crate) is_unsealed: bool,
}

/// When an engine starts a container again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineRestarts {
    /// Never: that is the host's.
    Never,
    /// After each end, and with the engine, unless it was stopped on purpose. So it is for plugins that
    /// outlive their host.
    UnlessStopped,
    /// In another way, which no supervisor asks for.
    Otherwise,
}

impl EngineRestarts {
    /// As [`ContainerSpec::outlives_host`](super::ContainerSpec::outlives_host) asks for.
    #[must_use]
    pub const fn of(outlives_host: bool) -> Self {
        if outlives_host {
            Self::UnlessStopped
        } else {
            Self::Never
        }
    }
}

/// Limits of a container; `None` for one that is not enforced, and where the engine does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObservedLimits {
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// CPU time in billionths of a core.
    pub nano_cpus: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u32>,
}

impl ObservedLimits {
    /// Whether one of them is known and is not what it should be.
    #[must_use]
    pub fn differ_from(&self, wanted: &ResourceLimits) -> bool {
        self.memory_bytes
            .is_some_and(|bytes| bytes != wanted.memory_bytes)
            || self.nano_cpus.is_some_and(|cpus| cpus != wanted.nano_cpus)
            || self.pids.is_some_and(|pids| pids != wanted.pids)
    }
}

impl From<&ResourceLimits> for ObservedLimits {
    fn from(limits: &ResourceLimits) -> Self {
        Self {
            memory_bytes: Some(limits.memory_bytes),
            nano_cpus: Some(limits.nano_cpus),
            pids: Some(limits.pids),
        }
    }
}

impl Observed {
    /// A container that was created and never started, without a name, a seal and a network.
    #[must_use]
    pub const fn created(id: ContainerId, plugin: PluginId, spec_digest: String) -> Self {
        Self {
            id,
            name: String::new(),
            plugin,
            spec_digest,
            seal: None,
            on_network: false,
            status: ContainerStatus::Created,
            started_at: None,
            exit: None,
            address: None,
            limits: ObservedLimits {
                memory_bytes: None,
                nano_cpus: None,
                pids: None,
            },
            restarts: None,
            restarted_by_engine: false,
            is_unsealed: false,
        }
    }

    /// Whether there is a process, or the engine is about to make one.
    pub(crate) const fn may_run(&self) -> bool {
        self.is_running() || matches!(self.status, ContainerStatus::Restarting)
    }

    /// Whether there is a process, frozen or not.
    pub(crate) const fn is_running(&self) -> bool {
        matches!(self.status, ContainerStatus::Running | ContainerStatus::Paused)
    }
}

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContainerStatus {
    /// Created, never started.
    Created,
    /// Running.
    Running,
    /// Frozen by someone; it answers nothing until it is resumed.
    Paused,
    /// Ended.
    Exited,
    /// Ended, and the engine is about to start it again by itself.
    Restarting,
    /// Half removed: the engine could not finish removing it.
    Dead,
}

/// How a container's run ended, as the engine reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Exit {
    /// Exit code; 128 + n after signal n.
    pub code: i64,
    /// The engine says that the kernel killed it for memory. Never guessed from the code.
    pub oom_killed: bool,
    /// The limit that it ran out of, in bytes; `None` for every other end, and where the
    /// engine does not tell.
    pub memory_limit_bytes: Option<u64>,
    /// What the engine says about a start that failed, else empty.
    pub error: String,
}

impl Exit {
    /// An end with an exit code.
    #[must_use]
    pub const fn code(code: i64) -> Self {
        Self {
            code,
            oom_killed: false,
            memory_limit_bytes: None,
            error: String::new(),
        }
    }

    /// The signal that ended the run, where the code says one.
    #[must_use]
    pub const fn signal(&self) -> Option<i64> {
        if self.code > 128 && self.code < 128 + 65 {
            Some(self.code - 128)
        } else {
            None
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.oom_killed {
            f.write_str("killed by the kernel for running out of its memory limit")?;
            if let Some(bytes) = self.memory_limit_bytes {
                let limit = MemoryLimit::from_bytes(bytes).map(|limit| limit.to_string());
                write!(f, " of {}", limit.unwrap_or_else(|_| format!("{bytes} bytes")))?;
            }
            write!(f, " (exit code {})", self.code)
        } else if let Some(signal) = self.signal() {
            write!(f, "exit code {} (signal {signal})", self.code)
        } else {
            write!(f, "exit code {}", self.code)
        }?;
        if self.error.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.error)
        }
    }
}
