//! What is counted, for Prometheus. Each supervisor has its own figures: nothing global, so an
//! embedder may run several, and nothing is installed in the process.
//!
//! A plugin's id is the only label without a bound of its own; it is bounded by the installed
//! plugins, and what was counted for one goes when it is uninstalled. Nothing that a plugin or a
//! caller says becomes a label.

pub(crate) mod counters;
pub(crate) mod scrape;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use hap_manifest::PluginId;
use prometheus_client::{
    metrics::{family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

use self::counters::{Counts, PluginCounters};

/// Labels whose values are all in this crate's source.
type Labels = Vec<(&'static str, &'static str)>;
type Durations = Family<Labels, Histogram, fn() -> Histogram>;

/// The figures of one supervisor.
pub(crate) struct Metrics {
    registry: Registry,
    probes: Durations,
    calls: Durations,
    operations: Durations,
    /// Requests to the listener that were refused, by the code of the refusal.
    pub(crate) refused_events: Counts<&'static str>,
    /// How often isolation was lost.
    pub(crate) isolation_losses: AtomicU64,
    plugins: Mutex<BTreeMap<PluginId, Arc<PluginCounters>>>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("hap");
        let mut durations = |name: &str, help: &str, new: fn() -> Histogram| {
            let family = Durations::new_with_constructor(new);
            registry.register_with_unit(name, help, Unit::Seconds, family.clone());
            family
        };
        Self {
            probes: durations("probe_duration", "Health checks, by their result", quick),
            calls: durations("plugin_call_duration", "Calls to plugins, by the call", slow),
            operations: durations(
                "engine_operation_duration",
                "Operations on the engine, by operation and outcome",
                slow,
            ),
            registry,
            refused_events: Counts::default(),
            isolation_losses: AtomicU64::default(),
            plugins: Mutex::default(),
        }
    }

    /// The counters of a plugin, made when it is installed.
    pub(crate) fn install(&self, plugin: &PluginId) -> Arc<PluginCounters> {
        Arc::clone(self.plugins().entry(plugin.clone()).or_default())
    }

    /// The counters of an installed plugin.
    pub(crate) fn plugin(&self, plugin: &PluginId) -> Option<Arc<PluginCounters>> {
        self.plugins().get(plugin).cloned()
    }

    pub(crate) fn forget(&self, plugin: &PluginId) {
        self.plugins().remove(plugin);
    }

    pub(crate) fn probed(&self, result: &'static str, took: Duration) {
        observe(&self.probes, &vec![("result", result)], took);
    }

    pub(crate) fn called(&self, call: &'static str, took: Duration) {
        observe(&self.calls, &vec![("call", call)], took);
    }

    pub(crate) fn operated(&self, operation: &'static str, outcome: &'static str, took: Duration) {
        observe(
            &self.operations,
            &vec![("operation", operation), ("outcome", outcome)],
            took,
        );
    }

    fn plugins(&self) -> MutexGuard<'_, BTreeMap<PluginId, Arc<PluginCounters>>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn observe(family: &Durations, labels: &Labels, took: Duration) {
    family.get_or_create(labels).observe(took.as_secs_f64());
}

/// A plugin on this machine answers within a millisecond; 3 s is the deadline.
fn quick() -> Histogram {
    Histogram::new([
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0,
    ])
}

/// From a quick command to a container that takes its whole grace to stop.
fn slow() -> Histogram {
    Histogram::new([
        0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    ])
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("plugins", &self.plugins().len())
            .finish_non_exhaustive()
    }
}
