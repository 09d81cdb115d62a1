//! Limits of a plugin, and what may stand in their place.

use hap_manifest::{CpuLimit, Manifest, MemoryLimit, PidsLimit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::spec::ResourceLimits;

/// Limits for plugins whose manifest does not name them. Default: 256 MiB, 1 core, 256 processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "DefaultLimitsFile")]
pub struct DefaultLimits {
    memory_bytes: u64,
    nano_cpus: u64,
    pids: u32,
}

/// The same as a configuration file writes it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "DefaultLimits")]
pub(crate) struct DefaultLimitsFile {
    /// Memory; 256m unless it is set.
    memory: Option<MemoryLimit>,
    /// Processor time in cores; 1 unless it is set.
    cpu: Option<CpuLimit>,
    /// Processes and threads; 256 unless it is set.
    pids: Option<PidsLimit>,
}

impl From<DefaultLimitsFile> for DefaultLimits {
    fn from(file: DefaultLimitsFile) -> Self {
        let limits = Self::default();
        let limits = file.memory.map_or(limits, |most| limits.memory(most));
        let limits = file.cpu.map_or(limits, |most| limits.cpu(most));
        file.pids.map_or(limits, |most| limits.pids(most))
    }
}

impl Default for DefaultLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            nano_cpus: 1_000_000_000,
            pids: 256,
        }
    }
}

impl DefaultLimits {
    /// Sets the memory limit.
    #[must_use]
    pub const fn memory(mut self, limit: MemoryLimit) -> Self {
        self.memory_bytes = limit.bytes();
        self
    }

    /// Sets the CPU limit.
    #[must_use]
    pub const fn cpu(mut self, limit: CpuLimit) -> Self {
        self.nano_cpus = limit.nano_cpus();
        self
    }

    /// Sets the limit of processes and threads.
    #[must_use]
    pub const fn pids(mut self, limit: PidsLimit) -> Self {
        self.pids = limit.get();
        self
    }

    /// What a plugin gets: what its operator says, else what its manifest says, else these.
    pub(crate) fn resolve(&self, manifest: &Manifest, overrides: &LimitOverrides) -> ResourceLimits {
        let memory = overrides.memory.or(manifest.memory_limit());
        let cpu = overrides.cpu.or(manifest.cpu_limit());
        let pids = overrides.pids.or(manifest.pids_limit());
        ResourceLimits::new(
            memory.map_or(self.memory_bytes, |limit| limit.bytes()),
            cpu.map_or(self.nano_cpus, |limit| limit.nano_cpus()),
            pids.map_or(self.pids, |limit| limit.get()),
        )
    }
}

/// Limits that an operator gives one plugin in place of those of its manifest; see
/// [`PluginHandle::set_limits`](crate::PluginHandle::set_limits). Default: none, so those of
/// the manifest hold.
///
/// ```
/// use hap_host::LimitOverrides;
/// use hap_manifest::CpuLimit;
///
/// let less = LimitOverrides::default().memory("64m".parse()?).cpu(CpuLimit::from_cores(0.25)?);
/// assert_ne!(less, LimitOverrides::default());
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitOverrides {
    pub(crate) memory: Option<MemoryLimit>,
    pub(crate) cpu: Option<CpuLimit>,
    pub(crate) pids: Option<PidsLimit>,
}

impl LimitOverrides {
    /// Memory, in place of `memory_limit`.
    #[must_use]
    pub const fn memory(mut self, limit: MemoryLimit) -> Self {
        self.memory = Some(limit);
        self
    }

    /// CPU time, in place of `cpu_limit`.
    #[must_use]
    pub const fn cpu(mut self, limit: CpuLimit) -> Self {
        self.cpu = Some(limit);
        self
    }

    /// Processes and threads, in place of `pids_limit`.
    #[must_use]
    pub const fn pids(mut self, limit: PidsLimit) -> Self {
        self.pids = Some(limit);
        self
    }
}
