//! Carries out what handles ask of the actor.

use std::time::Duration;

use hap_manifest::permission::Permission;
use tokio::sync::oneshot;

use super::state::Actor;
use crate::{
    error::{Error, ErrorKind},
    model::{
        desired::Desired, env::EnvOverrides, grants::Admission, limits::LimitOverrides, overrides::Choices,
    },
    plugin::{
        dependents,
        request::{Request, Stop},
    },
    reconcile::machine::step::Input,
};

/// Pause before a desired state that could not be recorded is recorded again.
const RECORD_AGAIN: Duration = Duration::from_secs(10);

impl Actor {
    /// Carries out one request, and answers it when it is recorded.
    pub(super) async fn handle(&mut self, request: Request) {
        match request {
            Request::Desire(desired, stop, reply) => answer(reply, self.set_desired(desired, stop).await),
            Request::Restart(stop, reply) => answer(reply, self.restart(stop)),
            Request::RotateKeys(reply) => answer(reply, self.rotate_keys().await),
            Request::SetAutostart(autostart, reply) => {
                let choices = Choices {
                    autostart,
                    ..self.record.choices.clone()
                };
                answer(reply, self.set_overrides(choices).await);
            }
            Request::SetEnv(env, reply) => answer(reply, self.change_env(env).await),
            Request::Grant(grants, reply) => answer(reply, self.grant(grants).await),
            Request::Update(order, reply) => {
                let begun = self.begin_update(order);
                self.publish();
                answer(reply, begun);
            }
            Request::EndProbation(reply) => answer(reply, self.end_probation()),
            Request::ForgetPrevious(reply) => answer(reply, self.forget_previous().await),
            Request::SnapshotLost(snapshot, missing, reply) => {
                answer(reply, self.snapshot_lost(snapshot, missing).await);
            }
            Request::Limit(limits, reply) => answer(reply, self.limit(limits).await),
            Request::Halt(stop) => {
                self.force(stop);
                self.feed(Input::Halt);
            }
        }
    }

    /// Records the desired state, then hands it to the machine.
    async fn set_desired(&mut self, desired: Desired, stop: Stop) -> Result<(), Error> {
        let Some(desired) = self.machine.desired().followed_by(desired) else {
            let error = Error::new(ErrorKind::Gone, "it is being uninstalled");
            return Err(error.with_plugin(&self.id));
        };
        self.unrecorded = None;
        if let Err(error) = self.shared.store.set_desired(&self.id, desired).await {
            // Often it is this very plugin that fills the disk: it can be stopped all the same.
            let Some(trouble) = error.trouble().filter(|_| desired != Desired::Running) else {
                return Err(error);
            };
            self.shared.problems.state_is(trouble, &error.report());
            tracing::warn!(plugin = %self.id, error = %error.report(), "that it is to be stopped cannot be recorded now, and is done");
            self.unrecorded = Some((desired, tokio::time::Instant::now()));
        }
        if desired != Desired::Running {
            self.shared.volumes.answer(&self.id).await;
        }
        self.force(stop);
        self.feed(Input::Desire(desired));
        if desired == Desired::Stopped && self.work.operation.is_none() {
            // Nothing of its own is to be stopped, and a stop leaves no copy running either.
            self.work.operator.stop_copies_if_possible().await;
        }
        Ok(())
    }

    /// Restarts a plugin whose desired state is running.
    fn restart(&mut self, stop: Stop) -> Result<(), Error> {
        if self.machine.desired() != Desired::Running {
            let message = "it is not wanted running, so there is nothing to restart: start it";
            return Err(Error::new(ErrorKind::NotRunning, message).with_plugin(&self.id));
        }
        self.force(stop);
        self.feed(Input::Restart);
        Ok(())
    }

    /// Records a desired state that could not be recorded when it came.
    pub(super) async fn record_late(&mut self) {
        let Some((desired, tried)) = self.unrecorded else {
            return;
        };
        if tried.elapsed() < RECORD_AGAIN {
            return;
        }
        let recorded = self.shared.store.set_desired(&self.id, desired).await;
        self.unrecorded = recorded.is_err().then(|| (desired, tokio::time::Instant::now()));
    }

    fn force(&self, stop: Stop) {
        if stop == Stop::Forced {
            self.work.force_stops();
        }
    }

    /// Records what the plugin is granted. What is revoked is also taken from the version that an
    /// update would go back to.
    async fn grant(&mut self, grants: Vec<Permission>) -> Result<(), Error> {
        let origin = self.record.admission.origin();
        let builds = self.record.admission.has(&Permission::Build) && grants.contains(&Permission::Build);
        let admission = Admission::new(origin, grants, &self.record.manifest)
            .with_build(builds)
            .with_runs_as(self.record.admission.runs_as().clone());
        let had = self.record.admission.granted().iter();
        let revoked: Vec<_> = had.filter(|had| !admission.has(had)).cloned().collect();
        self.revoke_of_previous(&revoked).await?;
        self.shared.store.set_admission(&self.id, &admission).await?;
        self.record.admission = admission;
        self.readers.set_record(&self.record);
        self.feed(Input::Bar(dependents::bar(&self.shared, &self.record)));
        Ok(())
    }

    /// Records what the operator chose.
    async fn set_overrides(&mut self, choices: Choices) -> Result<(), Error> {
        self.shared.store.set_choices(&self.id, &choices).await?;
        self.record.choices = choices;
        self.readers.set_record(&self.record);
        self.publish();
        Ok(())
    }

    /// Records the operator's variables and recreates the container with them. Returns whether they
    /// differ from the earlier ones.
    async fn change_env(&mut self, env: EnvOverrides) -> Result<bool, Error> {
        let next = self.record.choices.with_env(env);
        let next = next.map_err(|name| {
            let message = format!(
                "the secret environment variable {name} is as it is shown, which keeps its earlier \
                 value, and there is none"
            );
            Error::new(ErrorKind::InvalidInput, message).with_plugin(&self.id)
        })?;
        let Some(choices) = next else {
            return Ok(false);
        };
        let before = self.record.choices.secrets();
        self.set_overrides(choices).await?;
        self.outgoing_secrets.extend(before);
        self.note_keys();
        self.rebuild_spec();
        Ok(true)
    }

    /// Records the operator's limits before the engine learns of them.
    async fn limit(&mut self, limits: LimitOverrides) -> Result<(), Error> {
        self.shared.store.set_limits(&self.id, &limits).await?;
        self.record.limits = limits;
        self.rebuild_spec();
        Ok(())
    }
}

/// Answers a request. The caller may have gone; what it asked for is recorded all the same.
fn answer<T>(reply: oneshot::Sender<T>, result: T) {
    let _ = reply.send(result);
}
