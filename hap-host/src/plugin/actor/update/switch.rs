//! The switch from one version of a plugin to another, and the version that is kept for a rollback.

use std::sync::Arc;
use std::time::SystemTime;

use hap_manifest::permission::Permission;

use super::super::{Actor, inputs::DependencyWatch, spec::version_terms};
use crate::{
    error::{Error, ErrorKind},
    model::{
        desired::Desired,
        update::{UpdateOutcome, UpdateResult},
        version::{PluginVersion, UpdateRecord, UpdateStep},
    },
    plugin::update_plan::UpdateOrder,
    policy::violation::words,
    reconcile::machine::step::{Hold, Input},
};

impl Actor {
    /// Replaces the old version by the new one: all at once, on disk first.
    pub(super) async fn switch(&mut self) {
        let Some(mut order) = self.updating.order.take() else {
            return;
        };
        // By what is granted now: some of it may have been revoked since the order was made.
        let admission = order.admission(&self.record.admission);
        let refusals = self.shared.policy.judge(&order.version.manifest, &admission);
        if !refusals.is_empty() {
            self.updating.order = Some(order);
            let reason = format!("it is no longer permitted: it {}", words(&refusals));
            return self.give_up(reason).await;
        }
        order.version.admission = admission;
        let copied = self.updating.ready.unwrap_or(false);
        let wanted = self.machine.desired() == Desired::Running;
        // Nobody watches it; but a caller that asked for earlier data waits until that is back.
        let is_over = !wanted && order.restore.is_none();
        let mut updates = self.updates_with(&order, copied);
        if is_over {
            updates.last = Some(UpdateOutcome {
                from: self.record.manifest.version().clone(),
                to: order.version.manifest.version().clone(),
                at: SystemTime::now(),
                result: UpdateResult::Committed,
            });
        }
        let stored = self
            .shared
            .store
            .switch_version(&order.version, &updates, &order.settings)
            .await;
        match stored {
            Ok(settings) => {
                self.updating.ends_when_restored = !wanted && !is_over;
                self.adopt_version(order.version, updates, settings);
                self.updating.ended += u64::from(is_over);
                self.publish();
            }
            Err(error) => self.switch_failed(order, copied, error).await,
        }
    }

    /// Returns what is to be recorded of updates once the order is carried out.
    fn updates_with(&self, order: &UpdateOrder, copied: bool) -> UpdateRecord {
        let instance = &self.shared.instance;
        let mut updates = self.record.updates.clone();
        updates.switches += 1;
        let old = PluginVersion {
            snapshot: copied.then_some(updates.snapshots),
            snapshot_lost: false,
            ..self.record.version()
        };
        updates.keep(&old.snapshot_volumes(instance));
        if let Some(before) = updates.previous.replace(old)
            && order.restore.is_none()
        {
            updates.discard(before.snapshot_volumes(instance));
        }
        let wanted = self.machine.desired() == Desired::Running;
        updates.step = match order.restore {
            Some(snapshot) => UpdateStep::Restoring {
                snapshot,
                probation: wanted,
            },
            None if wanted => UpdateStep::Probation,
            None => UpdateStep::Idle,
        };
        updates
    }

    async fn switch_failed(&mut self, order: Box<UpdateOrder>, copied: bool, error: Error) {
        self.updating.order = Some(order);
        // It may be on the disk: asked again, the store says so, or does it.
        if error.kind() == ErrorKind::Timeout {
            tracing::error!(plugin = %self.id, error = %error.report(), "the new version could not be recorded yet");
            self.updating.ready = Some(copied);
            self.updating.backoff.failed();
        } else {
            self.give_up(format!("the new version could not be recorded: {error}"))
                .await;
        }
    }

    /// Adopts a version that is on the disk already, with the settings that came with it.
    pub(super) fn adopt_version(
        &mut self,
        version: PluginVersion,
        updates: UpdateRecord,
        settings: Option<serde_json::Value>,
    ) {
        // What is still being read of a run of the old version says nothing about the new one.
        self.diagnosis.stop();
        self.updating.other_image = self.record.image_id.take();
        self.updating.ready = None;
        self.updating.restored = false;
        self.record.manifest = version.manifest;
        self.record.admission = version.admission;
        self.record.image_id = version.image_id;
        self.record.program = version.program;
        self.record.updates = updates;
        self.updating.since = SystemTime::now();
        self.settings.desk.follow(&self.record.manifest);
        self.close_desk();
        let (desk, store) = (Arc::clone(&self.settings.desk), self.shared.store.clone());
        // Spawned, because a call that configures the plugin may hold the desk for a while.
        self.shared
            .tasks
            .spawn(async move { desk.replace(&store, settings).await });
        self.apply_record();
        self.inputs.dependencies = DependencyWatch::new(&self.shared.board, &self.record.manifest);
        self.feed_version();
    }

    /// Tells the machine which version it runs now.
    fn feed_version(&mut self) {
        let step = self.record.updates.step;
        let restoring = matches!(step, UpdateStep::Restoring { .. });
        if restoring {
            // First, or the machine would start the version on data that is about to change.
            self.feed(Input::Hold(Hold::Gone));
        }
        let probation = (step == UpdateStep::Probation).then(|| self.probation());
        let terms = version_terms(&self.shared, &self.record.manifest, &self.work.operator.spec);
        self.feed(Input::Version(Box::new(terms), probation));
        self.update_dependencies();
        if !restoring {
            self.feed(Input::Hold(Hold::None));
        }
    }

    /// Forgets the previous version; no rollback to it is possible afterwards.
    pub(in crate::plugin::actor) async fn forget_previous(&mut self) -> Result<(), Error> {
        if self.update_state().is_some() {
            let message = "an update of it is under way";
            return Err(Error::new(ErrorKind::Busy, message).with_plugin(&self.id));
        }
        let mut updates = self.record.updates.clone();
        if let Some(previous) = updates.previous.take() {
            updates.discard(previous.snapshot_volumes(&self.shared.instance));
            self.store_updates(updates).await?;
            self.publish();
        }
        Ok(())
    }

    /// Revokes permissions of the previous version, so that a rollback does not bring them back.
    pub(in crate::plugin::actor) async fn revoke_of_previous(
        &mut self,
        revoked: &[Permission],
    ) -> Result<(), Error> {
        let mut updates = self.record.updates.clone();
        let Some(previous) = &mut updates.previous else {
            return Ok(());
        };
        previous.admission = previous.admission.without(revoked);
        if updates == self.record.updates {
            return Ok(());
        }
        self.store_updates(updates).await
    }
}
