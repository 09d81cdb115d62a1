//! What an actor consists of.

use std::sync::Arc;

use hap_manifest::PluginId;
use tokio::sync::{Notify, mpsc, watch};

use super::{
    diagnosis::Diagnosis,
    engine_work::EngineWork,
    health::Health,
    inputs::{DependencyWatch, Inputs},
    operation::Operator,
    readers::{Readers, first_snapshot},
    settings::Settings,
    spec::{spec_of, version_terms},
    update::tasks::Updating,
};
use crate::{
    model::{desired::Desired, record::PluginRecord},
    plugin::{context::Shared, dependents, request::Envelope, settings::ConfigDesk, snapshot::Snapshot},
    protocol::client::PluginClient,
    reconcile::machine::Machine,
};

/// Requests that wait for one plugin's actor.
pub(crate) const MAILBOX: usize = 32;

/// Runs one plugin.
pub(crate) struct Actor {
    pub(super) shared: Arc<Shared>,
    pub(super) id: PluginId,
    /// What is stored of the plugin; its settings are at the desk.
    pub(super) record: PluginRecord,
    /// Decides what is to be done.
    pub(super) machine: Machine,
    pub(super) inputs: Inputs,
    pub(super) work: EngineWork,
    pub(super) health: Health,
    pub(super) diagnosis: Diagnosis,
    pub(super) updating: Updating,
    pub(super) settings: Settings,
    pub(super) readers: Readers,
    /// The way to the plugin while its container has an address.
    pub(super) client: Option<PluginClient>,
    /// Secrets that a container may still have and the next one will not.
    pub(super) outgoing_secrets: Vec<String>,
    /// A desired state that the disk had no room for, and when it was tried last.
    pub(super) unrecorded: Option<(Desired, tokio::time::Instant)>,
}

/// What an actor is made of.
pub(crate) struct Parts {
    pub record: PluginRecord,
    pub config: Arc<ConfigDesk>,
    pub mailbox: mpsc::Receiver<Envelope>,
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
        let first = first_snapshot(&machine, &parts.record, spec.limits);
        dependents::post(&shared.board, &parts.record, &first.state);
        let dependencies = DependencyWatch::new(&shared.board, manifest);
        let (readers, reader) = Readers::new(first, shared.metrics.install(&id));
        let actor = Self {
            health,
            diagnosis: Diagnosis::new(manifest.api_port().get()),
            work: EngineWork::new(Operator::new(&shared, manifest, spec, made_for)),
            machine,
            settings: Settings::new(parts.config),
            record: PluginRecord {
                config: None,
                ..parts.record
            },
            inputs: Inputs {
                mailbox: parts.mailbox,
                hints: parts.hints,
                listed: shared.listed.clone(),
                copies_run: false,
                platform,
                dependencies,
                isolation: shared.isolation.subscribe(),
                wake_at: None,
            },
            readers,
            updating: Updating::new(),
            client: None,
            outgoing_secrets: Vec::new(),
            unrecorded: None,
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
