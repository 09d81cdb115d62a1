use std::{fs, sync::Arc, time::Duration};

use super::{
    error::{self, blocking},
    identity::Identity,
    inspect,
    shared::Shared,
};
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    observed::ContainerId,
    stream::StatsSample,
};

pub(super) async fn sample(shared: &Arc<Shared>, id: &ContainerId) -> Result<StatsSample, EngineError> {
    let Some(sight) = inspect::at(shared, "stats", id).await? else {
        return Err(error::gone("stats", id));
    };
    let process = sight.record.process().cloned().ok_or_else(|| {
        EngineError::new(
            EngineErrorKind::Failed,
            "stats",
            id.to_string(),
            "the container is not running, so there is nothing to measure",
        )
    })?;
    blocking("stats", move || Ok(measure(&process))).await
}

/// Adds up the process group. What a process used that left the group is not in it.
fn measure(process: &Identity) -> StatsSample {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let mut sample = StatsSample::default();
    let mut ticks: u64 = 0;
    for member in process.group() {
        ticks = ticks.saturating_add(member.cpu_ticks);
        sample.pids = sample.pids.saturating_add(member.threads);
        let status = fs::read_to_string(format!("/proc/{}/status", member.pid)).unwrap_or_default();
        sample.memory_bytes = sample.memory_bytes.saturating_add(own_memory(&status));
    }
    let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(per_second);
    sample.cpu_time = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
    sample
}

/// Memory that the kernel cannot take back by dropping its copy of a file.
fn own_memory(status: &str) -> u64 {
    let kib = |line: &str| {
        let value = line
            .strip_prefix("RssAnon:")
            .or_else(|| line.strip_prefix("RssShmem:"))?;
        value.split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    status.lines().filter_map(kib).sum::<u64>().saturating_mul(1024)
}
