//! [`Tasks`]: a plugin's background work, under supervision.

use std::borrow::Cow;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::error::Result;

/// How many tasks that ended badly the health report names; of more it gives the number.
const NAMED: usize = 4;

/// The running tasks, and the names of those that ended badly.
#[derive(Debug)]
pub(crate) struct Tasks {
    running: TaskTracker,
    kill: CancellationToken,
    failures: Mutex<Failures>,
}

#[derive(Debug, Default)]
struct Failures {
    first: Vec<String>,
    more: usize,
}

impl Tasks {
    /// `kill` is cancelled when the process has no more time.
    pub(crate) fn new(kill: CancellationToken) -> Self {
        Self {
            running: TaskTracker::new(),
            kill,
            failures: Mutex::default(),
        }
    }

    /// Runs a task within the current span until it ends, or the process has no more time.
    pub(crate) fn spawn(
        self: &Arc<Self>,
        name: Cow<'static, str>,
        task: impl Future<Output = Result<()>> + Send + 'static,
    ) {
        let span = tracing::error_span!("task", task = %name);
        let tasks = Arc::clone(self);
        let supervised = async move {
            // A task that panicked is gone; nothing of it is used again.
            let task = AssertUnwindSafe(task).catch_unwind();
            tokio::select! {
                ended = task => match ended {
                    Ok(Ok(())) => {}
                    Ok(Err(fault)) => {
                        tracing::error!(place = fault.place(), "a background task failed: {}", fault.report());
                        tasks.fail(&name, "failed");
                    }
                    Err(_) => {
                        tracing::error!("a background task panicked");
                        tasks.fail(&name, "panicked");
                    }
                },
                () = tasks.kill.cancelled() => {}
            }
        };
        self.running.spawn(supervised.instrument(span));
    }

    // Only the name and the manner: health is open to everybody, and the log has the rest.
    fn fail(&self, name: &str, how: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = format!("background task {name:?} {how}");
        if failures.first.contains(&failure) {
            return;
        }
        if failures.first.len() < NAMED {
            failures.first.push(failure);
        } else {
            failures.more += 1;
        }
    }

    /// Says which tasks ended badly; such a plugin does not do all its work any more.
    pub(crate) fn complaint(&self) -> Option<String> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = failures.first.join("; ");
        if failures.more > 0 {
            text.push_str(&format!("; and {} more", failures.more));
        }
        Some(text).filter(|text| !text.is_empty())
    }

    /// Waits until all tasks have ended; the number of those that have not by the deadline.
    pub(crate) async fn end(&self, deadline: Instant) -> usize {
        self.running.close();
        match timeout_at(deadline, self.running.wait()).await {
            Ok(()) => 0,
            Err(_) => self.running.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Fault;

    #[tokio::test]
    async fn tasks_that_end_badly_are_named_once_and_in_bounded_number() {
        let tasks = Arc::new(Tasks::new(CancellationToken::new()));
        tasks.spawn("fine".into(), async { Ok(()) });
        for _ in 0..3 {
            tasks.spawn("poll".into(), async { panic!("no bus") });
        }
        tasks.spawn("watch".into(), async {
            Err(Fault::internal("the socket is gone"))
        });
        assert_eq!(
            tasks
                .end(Instant::now() + std::time::Duration::from_secs(10))
                .await,
            0
        );
        let complaint = tasks.complaint().unwrap();
        assert_eq!(complaint.matches("\"poll\" panicked").count(), 1, "{complaint}");
        assert!(complaint.contains("\"watch\" failed"), "{complaint}");
        assert!(
            !complaint.contains("fine") && !complaint.contains("socket"),
            "{complaint}"
        );
        for name in 0..10 {
            tasks.fail(&name.to_string(), "failed");
        }
        assert!(
            tasks.complaint().unwrap().ends_with("; and 8 more"),
            "{:?}",
            tasks.complaint()
        );
    }
}
