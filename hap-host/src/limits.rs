use hap_manifest::{CpuLimit, MemoryLimit, PidsLimit};

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

    pub(crate) const fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    pub(crate) const fn nano_cpus(&self) -> u64 {
        self.nano_cpus
    }

    pub(crate) const fn pids_limit(&self) -> u32 {
        self.pids
    }
}
