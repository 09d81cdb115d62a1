//! Removes what is left of a plugin that is gone.

use std::time::Duration;

use super::state::Actor;
use crate::{
    engine::report::report,
    error::Error,
    model::{consent::publisher, desired::Desired},
};

impl Actor {
    /// Removes the copies of data and the record. The container is gone before, so that a kill in
    /// between only repeats the removal.
    pub(super) async fn cleanup(&mut self) {
        if !self.remove_copies().await {
            return;
        }
        // What cannot be removed now belongs to no plugin afterwards, and is swept.
        if let Err(error) = self.work.operator.remove_container_copies().await {
            tracing::warn!(plugin = %self.id, error = %report(&error), "copies of the plugin's container may be left");
        }
        let mut pause = Duration::from_millis(200);
        while let Err(error) = self.remove_record().await {
            tracing::error!(plugin = %self.id, error = %error.report(), "the plugin's record could not be removed yet");
            tokio::select! {
                () = self.shared.cancel.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(30)),
            }
        }
        self.shared.credentials.remove(&self.id);
        self.shared.metrics.forget(&self.id);
        self.shared.ownership.forget(&self.id);
        self.publish();
    }

    /// Whose the data is that stays is recorded with the removal: the next plugin of the id may be
    /// somebody else's.
    async fn remove_record(&mut self) -> Result<(), Error> {
        let store = &self.shared.store;
        if self.machine.desired() == (Desired::Removed { with_data: true }) {
            return store.remove_plugin(&self.id).await;
        }
        let publisher = publisher(&self.record.manifest, self.record.admission.origin());
        store
            .remove_plugin_without_data(&self.id, publisher.as_ref())
            .await
    }
}
