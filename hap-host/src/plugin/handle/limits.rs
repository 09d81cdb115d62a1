use hap_manifest::{CpuLimit, Manifest, MemoryLimit, PidsLimit};
use serde::{Deserialize, Serialize};

use super::PluginHandle;
use crate::{
    engine::{deadline, spec::ResourceLimits},
    error::Error,
    model::state::Desired,
    plugin::actor::Request,
};

/// Limits for plugins whose manifest does not name them. Default: 256 MiB, 1 core, 256 processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultLimits {
    memory_bytes: u64,
    nano_cpus: u64,
    pids: u32,
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
/// [`PluginHandle::set_limits`](super::PluginHandle::set_limits). Default: none, so those of the manifest hold.
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

impl PluginHandle {
    /// Gives the plugin other limits than its manifest's, and returns when its container has them. They hold for later
    /// versions too, until they are set again; [`LimitOverrides::default`] takes them back.
    ///
    /// They are on disk before anything happens. Docker changes them in place, also while the plugin runs; what it cannot
    /// change so, such as a memory limit below what is in use, makes the container anew, which takes a restart.
    ///
    /// # Errors
    /// [`ErrorKind::NotPermitted`](crate::ErrorKind::NotPermitted) when they are above what the
    /// [`Policy`](crate::Policy) gives at most: nothing has changed.
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) when the engine did not get it done; the supervisor goes on trying.
    /// Else as [`set_desired`](Self::set_desired).
    ///
    /// # Cancel safety
    /// When the future is dropped, they may or may not have been recorded; once they are, they will hold.
    ///
    /// ```no_run
    /// # async fn run(light: hap_host::PluginHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// use hap_host::LimitOverrides;
    ///
    /// light.set_limits(LimitOverrides::default().memory("64m".parse()?)).await?;
    /// assert_eq!(light.limits().memory_bytes, 64 << 20);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set_limits(&self, limits: LimitOverrides) -> Result<(), Error> {
        let refusals = self.cell().shared.policy.refuses_limits(&limits);
        if !refusals.is_empty() {
            return Err(Error::not_permitted(refusals).with_plugin(self.id()));
        }
        self.lifecycle("set_limits", async {
            self.request(|reply| Request::Limit(limits, reply)).await?;
            let in_force = self.wait(|snapshot| {
                let (_, has_them) = snapshot.limits_in_force;
                has_them || snapshot.state.desired != Desired::Running || snapshot.told.limits != limits
            });
            let limit = deadline::CONTROL * 4;
            self.bounded(limit, "does not have its limits", in_force)
                .await
                .map(drop)
        })
        .await
    }

    /// What the operator gave the plugin in place of its manifest's limits.
    #[must_use]
    pub fn limit_overrides(&self) -> LimitOverrides {
        self.cell().snapshot.borrow().told.limits
    }

    /// The limits that hold for the plugin's container: the operator's, else its manifest's, else the host's default, and
    /// none above what the policy gives.
    #[must_use]
    pub fn limits(&self) -> ResourceLimits {
        self.cell().snapshot.borrow().limits_in_force.0
    }
}
