//! Looks after what the host itself stands on: the state folder and its disk.

use std::{sync::Arc, time::Duration};

use crate::{
    error::{Error, StoreTrouble},
    model::host_problem::HostProblemKind,
    plugin::{context::Shared, host_problems::HostProblems},
};

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Looks at the start, and again and again until it is dropped.
pub(super) async fn watch_host(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        look(&shared.problems, shared.store.look_after().await);
    }
}

fn look(problems: &HostProblems, looked: Result<bool, Error>) {
    match looked {
        Ok(true) => {
            problems.ended(HostProblemKind::StateDisk);
            problems.ended(HostProblemKind::StateFolder);
        }
        Ok(false) => problems.state_is(StoreTrouble::Full, ""),
        Err(error) => match error.trouble() {
            Some(trouble) => problems.state_is(trouble, &error.report()),
            None => tracing::warn!(error = %error.report(), "the state folder cannot be looked at now"),
        },
    }
}
