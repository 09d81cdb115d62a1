//! What becomes of copies of a plugin's container.
//!
//! A container manager duplicates a container with its labels, so the copy has the plugin's keys and
//! volumes. It is never taken for the plugin's own, and it goes where the plugin goes.

use super::operation::{OperationError, Operator};
use crate::{
    engine::{error::EngineError, observed::Observed, report::report},
    plugin::ownership::{Picked, alive},
    reconcile::machine::observation::Seen,
};

impl Operator {
    /// Finds the plugin's container and its copies.
    pub(super) async fn pick(&self) -> Result<Picked, EngineError> {
        let found = self.engine.find(&self.spec.instance, &self.spec.plugin);
        let all = self.control(found).await?;
        Ok(self.ownership.pick(&self.spec.plugin, all))
    }

    /// Stops all copies that run, and returns what there is of the plugin's own.
    pub(super) async fn stop_copies(&self) -> Result<Option<Observed>, EngineError> {
        let picked = self.pick().await?;
        for id in alive(&picked.copies) {
            tracing::info!(plugin = %self.spec.plugin, container = %id, "a copy of the plugin's container is stopped");
            self.stop_container(&id).await?;
        }
        Ok(picked.ours)
    }

    /// Stops the copies before the plugin's own container runs, which has the same keys and volumes.
    pub(super) async fn stop_known_copies(&self) -> Result<(), EngineError> {
        if self.ownership.knows_copies(&self.spec.plugin) {
            self.stop_copies().await?;
        }
        Ok(())
    }

    /// Stops all copies that run. The next list of all containers finds what could not be stopped.
    pub(super) async fn stop_copies_if_possible(&self) {
        if let Err(error) = self.stop_copies().await {
            tracing::warn!(plugin = %self.spec.plugin, error = %report(&error), "copies of the plugin's container may run on");
        }
    }

    /// Removes all copies, running or not.
    pub(super) async fn remove_container_copies(&self) -> Result<(), EngineError> {
        for copy in self.pick().await?.copies {
            tracing::info!(plugin = %self.spec.plugin, container = %copy.id, "a copy of the plugin's container is removed");
            self.control(self.engine.remove(&copy.id)).await?;
        }
        Ok(())
    }

    /// Removes the plugin's volumes, and first what may hold them.
    pub(super) async fn remove_data(&self) -> Result<Seen, OperationError> {
        self.remove_container_copies().await?;
        self.volumes.forget(&self.spec.plugin).await;
        let removal = self.engine.remove_volumes(&self.spec.instance, &self.spec.plugin);
        self.control(removal).await?;
        Ok(Seen::Absent)
    }
}
