//! Measures whether plugins are kept apart, and tells when they are not.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    engine::{
        deadline::{self, within},
        error::EngineError,
        isolation::{IsolationLoss, IsolationSigns},
        report::report,
    },
    metrics::counters::add,
    model::{
        event::{HostEvent, HostEventKind},
        isolation::IsolationState,
    },
    plugin::context::Shared,
    policy::lost_isolation::LostIsolation,
};

/// How often it is measured unless told otherwise.
pub(super) const MEASURE_EVERY: Duration = Duration::from_secs(300);
const LEAST: Duration = Duration::from_secs(1);
/// The same while it is lost, or could not be measured.
const MEASURE_AGAIN: Duration = Duration::from_secs(30);
/// What changes is given so long to settle before it is measured.
const SETTLE: Duration = Duration::from_secs(1);
/// Longest that starts of plugins are let go first.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

/// Runs until it is dropped.
pub(super) async fn watch_isolation(shared: Arc<Shared>, interval: Duration) {
    let interval = interval.max(LEAST);
    let mut listed = shared.listed.clone();
    listed.mark_unchanged();
    let mut platform = shared.platform.subscribe();
    let mut seen: Option<IsolationSigns> = None;
    let mut due = Instant::now() + SETTLE.min(interval);
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(due) => {
                let_plugins_start(&shared).await;
                // Looked at before, so that what changes meanwhile is noticed.
                if let Ok(signs) = signs(&shared).await {
                    seen = Some(signs);
                }
                // It tells by itself.
                let _ = measure(&shared).await;
                let settled = shared.isolation.borrow().holds();
                let pause = if settled { interval } else { interval.min(MEASURE_AGAIN) };
                due = Instant::now() + pause;
            }
            () = shared.isolation_due.notified() => due = soon(due),
            Ok(()) = platform.changed() => due = soon(due),
            Ok(()) = listed.changed() => {
                let Ok(signs) = signs(&shared).await else { continue };
                if seen.as_ref().is_some_and(|seen| *seen != signs) {
                    due = soon(due);
                }
                seen = Some(signs);
            }
        }
    }
}

fn soon(due: Instant) -> Instant {
    due.min(Instant::now() + SETTLE)
}

/// Waits until no plugin is being created or started, so that none starts later for this.
async fn let_plugins_start(shared: &Shared) {
    let idle = async {
        while shared.starts.available_permits() < shared.parallel_starts {
            tokio::time::sleep(POLL).await;
        }
    };
    // After that it does not wait any longer.
    let _ = tokio::time::timeout(PATIENCE, idle).await;
}

async fn signs(shared: &Shared) -> Result<IsolationSigns, EngineError> {
    let look = shared.engine.isolation_signs(&shared.instance);
    within(deadline::CONTROL, "isolation signs", &shared.instance, look).await
}

/// Measures once, and tells what is new.
pub(super) async fn measure(shared: &Shared) -> Result<(), EngineError> {
    let measuring = shared.engine.measure_isolation(&shared.instance);
    let measured = within(
        deadline::ISOLATION,
        "measure isolation",
        &shared.instance,
        measuring,
    )
    .await;
    match measured {
        Ok(found) => {
            conclude(shared, Ok(found));
            Ok(())
        }
        Err(error) => {
            // What cannot be measured may be plain to see.
            let reported = signs(shared).await.ok().and_then(|signs| signs.loss);
            let reason = report(&error);
            conclude(shared, reported.map_or(Err(reason), |loss| Ok(Some(loss))));
            Err(error)
        }
    }
}

fn conclude(shared: &Shared, measured: Result<Option<IsolationLoss>, String>) {
    let mut before = None;
    let mut after = None;
    shared.isolation.send_if_modified(|state| {
        let next = state.after(measured);
        // That it was measured again wakes nobody.
        let is_news = state.as_str() != next.as_str() || state.loss() != next.loss();
        let was = std::mem::replace(state, next.clone());
        (before, after) = (Some(was), Some(next));
        is_news
    });
    if let (Some(before), Some(after)) = (before, after) {
        tell(shared, &before, &after);
    }
}

fn tell(shared: &Shared, before: &IsolationState, after: &IsolationState) {
    match (before.loss(), after) {
        (None, IsolationState::Lost { loss, .. }) => {
            let plugins = match shared.policy.then_on_lost_isolation() {
                LostIsolation::Tell => "go on",
                LostIsolation::StopPlugins => "are stopped until it is regained",
            };
            tracing::error!(
                what = %loss.message, hint = %loss.hint,
                "ISOLATION IS LOST: plugins reach each other that should not; those concerned {plugins}"
            );
            add(&shared.metrics.isolation_losses, 1);
            send(shared, HostEventKind::IsolationLost(loss.clone()));
        }
        (Some(_), IsolationState::Holds { .. }) => {
            tracing::warn!("isolation is regained: plugins are kept apart again");
            send(shared, HostEventKind::IsolationRegained);
        }
        (None, IsolationState::Unknown { reason, .. }) if before.holds() => {
            tracing::warn!(reason, "it is not known any more whether plugins are kept apart");
        }
        (None, IsolationState::Holds { .. }) if !before.holds() => {
            tracing::info!("it was measured that plugins are kept apart");
        }
        _ => {}
    }
}

fn send(shared: &Shared, kind: HostEventKind) {
    // Nobody listening is fine.
    let _ = shared.host_events.send(HostEvent::now(kind));
}
