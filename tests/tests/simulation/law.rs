use std::{collections::BTreeMap, time::Duration};

use hap_host::engine::{FakeEnd, FakeRun};
use hap_manifest::PluginId;
use tokio::time::Instant;

/// A run that lasted longer may have been a calm one, after which the next start is at once.
const CALM: Duration = Duration::from_secs(10);

/// As slow as a start is made. A call during it may be why the run that it leads to is not counted.
const SLOWEST_START: Duration = Duration::from_secs(3);

/// Checks that no plugin was started again sooner than its back-off allows: 500 ms after the first short run that
/// ended by itself, twice as long after each further one, up to 60 s, less 20 % of jitter. `acted` are the moments
/// at which somebody's call, or a new host, let the count begin anew.
pub(crate) fn backoff_was_kept(runs: &[FakeRun], acted: &BTreeMap<PluginId, Vec<Instant>>) {
    let mut of_plugin = BTreeMap::<&PluginId, Vec<&FakeRun>>::new();
    for run in runs {
        of_plugin.entry(&run.plugin).or_default().push(run);
    }
    for (plugin, runs) in of_plugin {
        let mut failures = 0u32;
        for pair in runs.windows(2) {
            let [run, next] = pair else { continue };
            let Some((ended, FakeEnd::Itself(_))) = &run.ended else {
                failures = 0;
                continue;
            };
            // Another version is not made to wait for what the one before did.
            if run.container != next.container {
                failures = 0;
                continue;
            }
            let from = run.started.checked_sub(SLOWEST_START).unwrap_or(run.started);
            let touched = acted
                .get(plugin)
                .is_some_and(|moments| moments.iter().any(|at| (from..=next.started).contains(at)));
            if touched || ended.duration_since(run.started) >= CALM {
                failures = 0;
                continue;
            }
            failures += 1;
            let law = Duration::from_millis(500)
                .saturating_mul(1 << (failures - 1).min(20))
                .min(Duration::from_secs(60))
                .mul_f64(0.8);
            let waited = next.started.duration_since(*ended);
            // The timers of the runtime count in milliseconds.
            assert!(
                waited + Duration::from_millis(2) >= law,
                "{plugin} was started {waited:?} after short run {failures} in a row, before {law:?} had passed"
            );
        }
    }
}
