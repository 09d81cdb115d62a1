//! What an actor consists of.

use std::{sync::Arc, time::Duration};

use hap_manifest::PluginId;
use tokio::sync::{Notify, mpsc, watch};

use super::{
    clock::now,
    diagnosis::Diagnosis,
    engine_work::EngineWork,
    health::Health,
    inputs::{DependencyWatch, Inputs},
    operation::Operator,
    settings::Settings,
    spec::{spec_of, version_terms},
    update::tasks::Updating,
};
use crate::{
    metrics::counters::PluginCounters,
    model::record::PluginRecord,
    plugin::{
        context::Shared,
        dependents,
        request::Posted,
        settings::ConfigDesk,
        snapshot::{PublicRecord, Snapshot},
    },
    protocol::client::PluginClient,
    reconcile::machine::Machine,
};

/// Grace of a stop where the manifest says none.
pub(super) const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests that wait for one plugin's actor.
pub(crate) const MAILBOX: usize = 32;

/// Runs one plugin.
pub(crate) struct Actor {
    pub(super) shared: Arc<Shared>,
    pub(super) id: PluginId,
    /// What is stored of the plugin; its settings are at the desk.
    pub(super) record: PluginRecord,
    /// What readers see of it.
    pub(super) public_record: PublicRecord,
    pub(super) health: Health,
    pub(super) work: EngineWork,
    pub(super) machine: Machine,
    pub(super) counters: Arc<PluginCounters>,
    pub(super) settings: Settings,
    pub(super) inputs: Inputs,
    pub(super) snapshot: watch::Sender<Snapshot>,
    pub(super) diagnosis: Diagnosis,
    pub(super) updating: Updating,
    pub(super) client: Option<PluginClient>,
    pub(super) failures: u64,
    pub(super) healthy_runs: u64,
    /// Secrets that a container may still have and the next one will not.
    pub(super) outgoing: Vec<String>,
}

/// What an actor is made of.
pub(crate) struct Parts {
    pub record: PluginRecord,
    pub config: Arc<ConfigDesk>,
    pub mailbox: mpsc::Receiver<Posted>,
    pub hints: Arc<Notify>,
    pub seed: u64,
}

impl Actor {
    /// Makes the actor and the watch of its snapshots. Nothing happens until it runs.
    pub(crate) fn new(shared: Arc<Shared>, parts: Parts) -> (Self, watch::Receiver<Snapshot>) {
        let manifest = &parts.record.manifest;
        let id = manifest.id().clone();
        // Looked at before the spec is made: what changes in between is noticed.
        let mut platform = shared.platform.subscribe();
        let made_for = platform.borrow_and_update().clone();
        let spec = Arc::new(spec_of(&shared, &parts.record));
        let terms = version_terms(&shared, manifest, &spec);
        let health = Health::new(manifest, &terms.health);
        let machine =
            Machine::new(parts.record.desired, terms, parts.seed).waiting_at_most(shared.dependency_wait);
        let snapshot = Snapshot {
            state: machine.state(now()),
            client: None,
            diagnosing: false,
            failures: 0,
            healthy_runs: 0,
            halted: false,
            rotating: false,
            told: PublicRecord::of(&parts.record),
            updates: 0,
            update_failure: None,
            limits_in_force: (spec.limits, false),
        };
        dependents::post(&shared.board, &parts.record, &snapshot.state);
        let dependencies = DependencyWatch::new(&shared.board, manifest);
        let (snapshot, reader) = watch::channel(snapshot);
        let actor = Self {
            health,
            diagnosis: Diagnosis::new(manifest.api_port().get()),
            work: EngineWork::new(Operator {
                engine: Arc::clone(&shared.engine),
                spec,
                starts: Arc::clone(&shared.starts),
                metrics: Arc::clone(&shared.metrics),
                platform: made_for,
                platform_now: shared.platform.clone(),
                stop_grace: manifest.stop_timeout().unwrap_or(DEFAULT_STOP_TIMEOUT),
            }),
            machine,
            counters: shared.metrics.install(&id),
            public_record: PublicRecord::of(&parts.record),
            settings: Settings::new(parts.config),
            record: PluginRecord {
                config: None,
                ..parts.record
            },
            inputs: Inputs {
                mailbox: parts.mailbox,
                hints: parts.hints,
                listed: shared.listed.clone(),
                platform,
                dependencies,
                wake_at: None,
            },
            snapshot,
            updating: Updating::new(),
            client: None,
            failures: 0,
            healthy_runs: 0,
            outgoing: Vec::new(),
            id,
            shared,
        };
        actor.note_keys();
        // So that nobody takes an update that the last host left under way for one that is over.
        actor.publish();
        (actor, reader)
    }

    /// Whether the plugin is gone, rather than the supervisor.
    pub(crate) fn is_removed(&self) -> bool {
        self.machine.is_removed()
    }
}

impl std::fmt::Debug for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Actor")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
