//! Bounds on the steps of a build.
//!
//! The engine's API takes bounds on memory and processor time with the build. It takes none on
//! processes: those are put on the container of each step as soon as the engine names it, which it
//! does before that runs.

use std::time::Duration;

use bollard::{
    models::{ContainerStateStatusEnum, ContainerUpdateBody, HostConfig},
    query_parameters::{BuildImageOptionsBuilder, InspectContainerOptions},
};

use super::client::Client;
use crate::engine::{error::EngineError, spec::ResourceLimits};

/// What the engine calls a whole, of processor time.
const PERIOD_MICROS: i32 = 100_000;

/// Pages by which the bound on memory varies between builds, so that the container of a step is
/// told from every other one.
const MARKS: u16 = 1024;
const PAGE: u64 = 4096;

/// How often the bound on processes is put on before the build is given up, and how long after each
/// other.
const MOST_TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// The bounds of one build, in the engine's units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StepLimits {
    memory: i32,
    quota: i32,
    pids: u32,
}

impl StepLimits {
    pub(super) fn new(limits: &ResourceLimits) -> Self {
        let mut random = [0; 2];
        // Without it, containers are told apart a little worse.
        let _ = getrandom::fill(&mut random);
        let mark = u64::from(u16::from_le_bytes(random) % MARKS);
        // The client library counts in 32 bits.
        let most = limits
            .memory_bytes
            .min(u64::try_from(i32::MAX).unwrap_or_default());
        let memory = (most / PAGE).saturating_sub(mark).saturating_mul(PAGE);
        let quota = limits.nano_cpus / 1_000_000_000_u64.div_ceil(u64::from(PERIOD_MICROS.unsigned_abs()));
        Self {
            memory: i32::try_from(memory).unwrap_or(i32::MAX),
            // The kernel takes no less than a thousandth of a second.
            quota: i32::try_from(quota).unwrap_or(i32::MAX).max(1_000),
            pids: limits.pids,
        }
    }

    pub(super) fn on(self, options: BuildImageOptionsBuilder) -> BuildImageOptionsBuilder {
        options
            .memory(self.memory)
            // Equal means no swap on top of it.
            .memswap(self.memory)
            .cpuperiod(PERIOD_MICROS)
            .cpuquota(self.quota)
    }

    fn are_on(self, host: &HostConfig) -> bool {
        let is = |found: Option<i64>, wanted: i32| found == Some(i64::from(wanted));
        is(host.memory, self.memory) && is(host.memory_swap, self.memory) && is(host.cpu_quota, self.quota)
    }

    /// Bounds the processes of the step whose container the engine names in this line of output.
    /// Steps print as well, and may name any container: only one with the bounds of this build is
    /// touched. A step that has ended needs no bound.
    pub(super) async fn bound_processes(self, client: &Client, line: &str) -> Result<(), EngineError> {
        let Some(id) = container_of_step(line) else {
            return Ok(());
        };
        let Some(host) = running(client, id).await? else {
            return Ok(());
        };
        let pids = i64::from(self.pids);
        if !self.are_on(&host) || host.pids_limit == Some(pids) {
            return Ok(());
        }
        let mut tries = 1;
        loop {
            let body = ContainerUpdateBody {
                pids_limit: Some(pids),
                ..Default::default()
            };
            let updated = client.docker().update_container(id, body);
            let Err(failure) = client.call("build", id, updated).await else {
                return Ok(());
            };
            // While it ends, the engine takes it for running a moment longer.
            if running(client, id).await?.is_none() {
                return Ok(());
            }
            if tries == MOST_TRIES {
                return Err(failure.into());
            }
            tries += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// How the container of a step is made, while that has not ended.
async fn running(client: &Client, id: &str) -> Result<Option<HostConfig>, EngineError> {
    let looked = client
        .docker()
        .inspect_container(id, None::<InspectContainerOptions>);
    let found = match client.read("build", id, looked).await {
        Err(failure) if failure.is(404) => return Ok(None),
        found => found?,
    };
    let status = found.state.and_then(|state| state.status);
    let ended = matches!(
        status,
        Some(
            ContainerStateStatusEnum::EXITED
                | ContainerStateStatusEnum::DEAD
                | ContainerStateStatusEnum::REMOVING
        )
    );
    Ok(found.host_config.filter(|_| !ended))
}

/// The id of the container that the engine runs a step in, as it announces it.
fn container_of_step(line: &str) -> Option<&str> {
    let id = line.trim().strip_prefix("---> Running in ")?.trim();
    let is_id = (12..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_in_the_engines_units() {
        let limits = StepLimits::new(&ResourceLimits::new(256 << 20, 1_500_000_000, 32));
        let most = 256 << 20;
        assert!(
            limits.memory <= most && limits.memory > most - i32::from(MARKS) * 4096,
            "{limits:?}"
        );
        assert_eq!((limits.quota, limits.pids), (150_000, 32));
        let large = StepLimits::new(&ResourceLimits::new(64 << 30, 1, 1));
        assert!(large.memory > 2_000_000_000);
        assert_eq!(large.quota, 1_000);
    }

    #[test]
    fn a_step_is_named_by_the_engine_alone() {
        assert_eq!(
            container_of_step(" ---> Running in 0123456789ab"),
            Some("0123456789ab")
        );
        for other in [
            " ---> 0123456789ab",
            "---> Running in /etc",
            "Running in 0123456789ab",
            " ---> Running in 01",
        ] {
            assert_eq!(container_of_step(other), None, "{other}");
        }
        let limits = StepLimits::new(&ResourceLimits::new(256 << 20, 1_500_000_000, 32));
        assert!(!limits.are_on(&HostConfig::default()));
    }
}
