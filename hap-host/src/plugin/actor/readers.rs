//! What readers see of the plugin.

use std::sync::Arc;

use tokio::sync::watch;

use super::clock::now;
use crate::{
    engine::spec::ResourceLimits,
    metrics::counters::{PluginCounters, add},
    model::{failure::FailureCause, record::PluginRecord},
    plugin::snapshot::{PublicRecord, Snapshot},
    reconcile::machine::Machine,
};

/// Publishes snapshots, and counts what they and the metrics count.
pub(super) struct Readers {
    snapshot: watch::Sender<Snapshot>,
    record: PublicRecord,
    counters: Arc<PluginCounters>,
    failures: u64,
    healthy_runs: u64,
}

impl Readers {
    /// Makes the readers' side and the watch of its snapshots, of which `first` is the first.
    pub(super) fn new(first: Snapshot, counters: Arc<PluginCounters>) -> (Self, watch::Receiver<Snapshot>) {
        let record = first.told.clone();
        let (snapshot, reader) = watch::channel(first);
        let readers = Self {
            snapshot,
            record,
            counters,
            failures: 0,
            healthy_runs: 0,
        };
        (readers, reader)
    }

    /// Takes over a record that has changed; the next snapshot shows it.
    pub(super) fn set_record(&mut self, record: &PluginRecord) {
        self.record = PublicRecord::of(record);
    }

    pub(super) const fn record(&self) -> &PublicRecord {
        &self.record
    }

    pub(super) const fn failures(&self) -> u64 {
        self.failures
    }

    pub(super) const fn healthy_runs(&self) -> u64 {
        self.healthy_runs
    }

    pub(super) fn count_failure(&mut self, cause: FailureCause) {
        self.failures = self.failures.saturating_add(1);
        self.counters.failures.add(cause.as_str());
    }

    pub(super) fn count_healthy_run(&mut self) {
        self.healthy_runs = self.healthy_runs.saturating_add(1);
    }

    pub(super) fn count_crash_loop(&self) {
        add(&self.counters.crash_loops, 1);
    }

    pub(super) fn publish(&self, next: Snapshot) {
        self.snapshot.send_replace(next);
    }
}

/// What readers see before the actor runs.
pub(super) fn first_snapshot(machine: &Machine, record: &PluginRecord, limits: ResourceLimits) -> Snapshot {
    Snapshot {
        state: machine.state(now()),
        client: None,
        diagnosing: false,
        failures: 0,
        healthy_runs: 0,
        halted: false,
        rotating: false,
        told: PublicRecord::of(record),
        updates: 0,
        update_failure: None,
        limits_in_force: (limits, false),
    }
}
