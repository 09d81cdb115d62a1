//! Begins the probes that the reconcile machine asks for.

use super::state::Actor;
use crate::{
    engine::observed::ContainerStatus, model::probe::ProbeResult, reconcile::machine::observation::Seen,
};

impl Actor {
    /// Begins the probe of one generation, or answers it where there is nothing to ask.
    pub(super) fn launch_probe(&mut self, generation: u64) {
        let redactor = self.settings.redactor();
        #[cfg(feature = "testing")]
        if let Some(result) = self.simulated_probe() {
            return self.health.answer(generation, result);
        }
        match &self.client {
            Some(client) => self
                .health
                .probe(generation, client.address(), &self.shared, redactor),
            None => {
                let result = ProbeResult::Missed(self.why_no_address().to_owned());
                self.health.answer(generation, result);
            }
        }
    }

    /// What a test's engine says in the plugin's place.
    #[cfg(feature = "testing")]
    fn simulated_probe(&self) -> Option<ProbeResult> {
        use crate::engine::testing::SimulatedHealth;

        let answered = |degraded| ProbeResult::Answered {
            degraded,
            message: None,
        };
        let health = self.shared.engine.testing()?.simulated_health(&self.id)?;
        Some(match health {
            SimulatedHealth::Healthy => answered(false),
            SimulatedHealth::Degraded => answered(true),
            SimulatedHealth::Failing(reason) => ProbeResult::Missed(self.settings.redactor().owned(reason)),
        })
    }

    fn why_no_address(&self) -> &'static str {
        match self.machine.seen() {
            Seen::Present(observed) if observed.status == ContainerStatus::Paused => {
                "its container was paused by someone else"
            }
            Seen::Present(observed) if observed.address.is_some() => {
                "its address is in none of the subnets that were proved to be on this machine: is the engine \
                 another one than before?"
            }
            _ => "the engine names no address for it: was it taken off its network?",
        }
    }
}
