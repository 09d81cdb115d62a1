//! A call of the pretended engine that is under way.

use std::sync::{Arc, Mutex, PoisonError};

use hap_manifest::PluginId;

use super::{faults::FakeOperation, state::World};
use crate::engine::error::{EngineError, EngineErrorKind};

/// A call that changes one plugin is under way as long as this lives, however it ends.
#[derive(Debug)]
pub(super) struct InFlight {
    world: Arc<Mutex<World>>,
    plugin: Option<PluginId>,
    pub(super) lost: Option<EngineErrorKind>,
}

impl InFlight {
    pub(super) fn begin(world: &Arc<Mutex<World>>, plugin: Option<&PluginId>) -> Self {
        if let Some(plugin) = plugin {
            let script = &mut world.lock().unwrap_or_else(PoisonError::into_inner).script;
            let count = script.in_flight.entry(plugin.clone()).or_default();
            *count += 1;
            if *count > 1 {
                script.concurrent.push(plugin.clone());
            }
        }
        Self {
            world: Arc::clone(world),
            plugin: plugin.cloned(),
            lost: None,
        }
    }

    /// What the caller hears of a call that was carried out.
    pub(super) fn answer<T>(
        &self,
        operation: FakeOperation,
        subject: &str,
        value: T,
    ) -> Result<T, EngineError> {
        match self.lost {
            None => Ok(value),
            Some(kind) => {
                let message = "the test lost the answer to a call that was carried out";
                Err(EngineError::new(kind, operation.as_str(), subject, message))
            }
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(plugin) = &self.plugin {
            let script = &mut self.world.lock().unwrap_or_else(PoisonError::into_inner).script;
            if let Some(count) = script.in_flight.get_mut(plugin) {
                *count = count.saturating_sub(1);
            }
        }
    }
}
