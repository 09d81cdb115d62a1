//! Probes the plugin's health.

use std::sync::Arc;

use futures_util::future::FutureExt;

use super::state::Actor;
use crate::{
    engine::{SimulatedHealth, observed::ContainerStatus},
    model::probe::ProbeResult,
    protocol::client::probe::probe,
    reconcile::machine::observation::Seen,
};

impl Actor {
    pub(super) fn launch_probe(&mut self, generation: u64) {
        let redactor = self.config.redactor();
        if let Some(health) = self.shared.engine.simulated_health(&self.id) {
            let result = match health {
                SimulatedHealth::Healthy => ProbeResult::Answered {
                    degraded: false,
                    message: None,
                },
                SimulatedHealth::Degraded => ProbeResult::Answered {
                    degraded: true,
                    message: None,
                },
                SimulatedHealth::Failing(reason) => ProbeResult::Missed(redactor.owned(reason)),
            };
            self.probing = Some(std::future::ready((generation, result)).boxed()).into();
            return;
        }
        let Some(client) = &self.client else {
            let result = ProbeResult::Missed(self.why_no_address().to_owned());
            self.probing = Some(std::future::ready((generation, result)).boxed()).into();
            return;
        };
        let (http, address) = (self.shared.probes.clone(), client.address());
        let (path, timeout) = (self.health_path.clone(), self.probe_timeout);
        let metrics = Arc::clone(&self.shared.metrics);
        let asked = async move {
            let started = tokio::time::Instant::now();
            let result = probe(&http, address, &path, timeout, &redactor).await;
            let answered = matches!(result, ProbeResult::Answered { .. });
            metrics.probed(answered, started.elapsed());
            (generation, result)
        };
        self.probing = Some(asked.boxed()).into();
    }

    fn why_no_address(&self) -> &'static str {
        match self.machine.seen() {
            Seen::Present(observed) if observed.status == ContainerStatus::Paused => {
                "its container was paused by someone else"
            }
            _ => "the engine names no address for it: was it taken off its network?",
        }
    }
}
