use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::millis;
use crate::plugin::usage::Usage;

/// What a plugin uses now. Counters run since its container's start.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Usage")]
#[non_exhaustive]
pub struct UsageView {
    /// CPU used since an earlier sample, in per cent of one core: 200 is two cores. Null for
    /// the first sample.
    pub cpu_percent: Option<f64>,
    /// How long ago that earlier sample was, in milliseconds.
    pub over_ms: Option<u64>,
    /// CPU time used, all threads together, in milliseconds.
    pub cpu_time_ms: u64,
    /// Memory in use without the page cache that the kernel can drop.
    pub memory_bytes: u64,
    /// The memory limit, 0 where the engine has none.
    pub memory_limit_bytes: u64,
    /// How often it came to its memory limit.
    pub memory_limit_hits: u64,
    /// Processes and threads.
    pub processes: u64,
    /// Bytes received over the network.
    pub network_received_bytes: u64,
    /// Bytes sent over the network.
    pub network_sent_bytes: u64,
    /// Periods in which the CPU limit held it back.
    pub throttled_periods: u64,
    /// How long it was held back in all, in milliseconds.
    pub throttled_ms: u64,
}

impl From<Usage> for UsageView {
    fn from(usage: Usage) -> Self {
        let sample = usage.sample;
        Self {
            cpu_percent: usage.cpu_percent,
            over_ms: usage.over.map(millis),
            cpu_time_ms: millis(sample.cpu_time),
            memory_bytes: sample.memory_bytes,
            memory_limit_bytes: sample.memory_limit_bytes,
            memory_limit_hits: sample.memory_limit_hits,
            processes: sample.pids,
            network_received_bytes: sample.network_received_bytes,
            network_sent_bytes: sample.network_sent_bytes,
            throttled_periods: sample.throttled_periods,
            throttled_ms: millis(sample.throttled_time),
        }
    }
}
