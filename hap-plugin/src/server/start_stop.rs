//! How a plugin starts, stops and, in tests, crashes.

use std::sync::PoisonError;
#[cfg(feature = "testing")]
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::api::Plugin;
use crate::error::StartError;
use crate::events::Delivery;
use crate::server::bounded::caught;
use crate::server::lifecycle::Phase;
use crate::server::service::Service;

impl<P: Plugin> Service<P> {
    /// Starts the plugin, hands it its last configuration, and opens the dispatcher.
    pub(crate) async fn start(&self) -> Result<(), StartError> {
        let saved = self.load_config().await;
        caught(self.plugin.start(&self.cx)).await.map_err(|fault| {
            let problem = format!("the plugin failed to start: {}", fault.report_with_place());
            StartError::of_fault(&fault, self.redactor().clean(problem).into_owned())
        })?;
        self.begin_config(saved).await?;
        self.lifecycle.advance(Phase::Ready);
        Ok(())
    }

    /// Refuses new work from now on, and tells background tasks to end.
    pub(crate) fn begin_stop(&self) {
        self.lifecycle.advance(Phase::Stopping);
        self.shutdown.cancel();
    }

    /// Drains what runs, lets the plugin say goodbye, delivers its last events; all within the
    /// budget.
    ///
    /// Each step has a share of the time, and what it leaves over goes to the next.
    pub(crate) async fn stop(&self, started: bool) {
        self.begin_stop();
        let begun = Instant::now();
        let share = |part: f64| begun + self.limits.shutdown.mul_f64(part);

        self.tasks.close();
        if timeout_at(share(0.6), self.tasks.wait()).await.is_err() {
            tracing::warn!(
                running = self.tasks.len(),
                "commands are cut off: they took too long to finish"
            );
        }
        if started {
            let stop = caught(async {
                self.plugin.stop(&self.cx).await;
                Ok(())
            });
            match timeout_at(share(0.8), stop).await {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => tracing::error!("the plugin's stop hook failed: {}", fault.report()),
                Err(_) => tracing::warn!("the plugin's stop hook is cut off: it took too long"),
            }
        }
        let running = self.cx.tasks().end(share(0.8)).await;
        if running > 0 {
            tracing::warn!(running, "background tasks are cut off: they took too long to end");
        }
        self.kill.cancel();
        if let Some(delivery) = self.take_delivery() {
            delivery.close(share(0.95)).await;
        }
    }

    /// Ends as a kill would: nothing is drained, nobody says goodbye. Waits until it is over.
    ///
    /// What blocks its thread goes on after ten seconds of waiting for it.
    #[cfg(feature = "testing")]
    pub(crate) async fn crash(&self) {
        self.lifecycle.advance(Phase::Stopping);
        self.kill.cancel();
        self.tasks.close();
        let deadline = Instant::now() + Duration::from_secs(10);
        let _ = timeout_at(deadline, self.tasks.wait()).await;
        self.cx.tasks().end(deadline).await;
        if let Some(delivery) = self.take_delivery() {
            delivery.crash().await;
        }
    }

    fn take_delivery(&self) -> Option<Delivery> {
        self.delivery
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}
