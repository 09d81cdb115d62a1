//! How the plugin's health is probed, and the probe that is under way.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hap_manifest::Manifest;

use super::background::Background;
use crate::{
    model::{host_problem::HostProblemKind, probe::ProbeResult, redact::Redactor, run_policy::HealthPolicy},
    plugin::context::Shared,
    protocol::client::probe::probe,
};

/// What health checks need.
pub(super) struct Health {
    path: String,
    timeout: Duration,
    /// The probe that is under way, with the generation that the machine gave it.
    pub(super) probing: Background<(u64, ProbeResult)>,
}

impl Health {
    pub(super) fn new(manifest: &Manifest, policy: &HealthPolicy) -> Self {
        Self {
            path: manifest.health_check_path().as_str().to_owned(),
            timeout: policy.timeout,
            probing: Background::idle(),
        }
    }

    /// Takes over what another manifest says. A probe that is under way keeps what it began with.
    pub(super) fn configure(&mut self, manifest: &Manifest, policy: &HealthPolicy) {
        manifest.health_check_path().as_str().clone_into(&mut self.path);
        self.timeout = policy.timeout;
    }

    /// Begins a probe of the plugin at `address`.
    pub(super) fn probe(
        &mut self,
        generation: u64,
        address: SocketAddr,
        shared: &Shared,
        redactor: Arc<Redactor>,
    ) {
        let (http, metrics) = (shared.probes.clone(), Arc::clone(&shared.metrics));
        let problems = shared.problems.clone();
        let (path, timeout) = (self.path.clone(), self.timeout);
        let asked = async move {
            let started = tokio::time::Instant::now();
            let result = probe(&http, address, &path, timeout, &redactor).await;
            match result {
                ProbeResult::NotAsked(lack) => {
                    let message = format!(
                        "health checks of plugins cannot be asked, which is not held against them: {lack}"
                    );
                    problems.seen(HostProblemKind::Resources, &message);
                }
                _ => problems.not_seen(HostProblemKind::Resources),
            }
            metrics.probed(result.as_str(), started.elapsed());
            (generation, result)
        };
        self.probing.begin(asked);
    }

    /// Answers a probe whose result is known without asking the plugin.
    pub(super) fn answer(&mut self, generation: u64, result: ProbeResult) {
        self.probing.begin(std::future::ready((generation, result)));
    }
}
