//! Carries out what handles ask of the actor.

use hap_manifest::permission::Permission;

use super::state::Actor;
use crate::{
    error::{Error, ErrorKind},
    model::{
        desired::Desired, env::EnvOverrides, grants::Admission, limits::LimitOverrides, overrides::Choices,
    },
    plugin::{dependents, request::Request},
    reconcile::machine::step::Input,
};

impl Actor {
    pub(super) async fn handle(&mut self, request: Request) {
        match request {
            Request::Desire(desired, reply) => {
                let Some(desired) = self.machine.desired().followed_by(desired) else {
                    let error = Error::new(ErrorKind::Gone, "it is being uninstalled");
                    let _ = reply.send(Err(error.with_plugin(&self.id)));
                    return;
                };
                let stored = self.shared.store.set_desired(&self.id, desired).await;
                if stored.is_ok() {
                    self.feed(Input::Desire(desired));
                }
                // The caller may have gone; what is wanted is recorded all the same.
                let _ = reply.send(stored);
            }
            Request::Restart(reply) => {
                let wanted = self.machine.desired() == Desired::Running;
                let _ = reply.send(if wanted {
                    self.feed(Input::Restart);
                    Ok(())
                } else {
                    let message = "it is not wanted running, so there is nothing to restart: start it";
                    Err(Error::new(ErrorKind::NotRunning, message).with_plugin(&self.id))
                });
            }
            Request::RotateKeys(reply) => {
                let rotated = self.rotate_keys().await;
                let _ = reply.send(rotated);
            }
            Request::SetBoot(boot, reply) => {
                let choices = Choices {
                    boot,
                    ..self.record.choices.clone()
                };
                let _ = reply.send(self.set_overrides(choices).await);
            }
            Request::SetEnv(env, reply) => {
                let changed = self.change_env(env).await;
                let _ = reply.send(changed);
            }
            Request::Grant(grants, reply) => {
                let granted = self.grant(grants).await;
                let _ = reply.send(granted);
            }
            Request::Update(order, reply) => {
                let begun = self.begin_update(order);
                self.publish();
                let _ = reply.send(begun);
            }
            Request::EndProbation(reply) => {
                let _ = reply.send(self.end_probation());
            }
            Request::ForgetPrevious(reply) => {
                let forgotten = self.forget_previous().await;
                let _ = reply.send(forgotten);
            }
            Request::Limit(limits, reply) => {
                let recorded = self.limit(limits).await;
                let _ = reply.send(recorded);
            }
            Request::Halt => self.feed(Input::Halt),
        }
    }

    async fn grant(&mut self, grants: Vec<Permission>) -> Result<(), Error> {
        let origin = self.record.admission.origin();
        let admission = Admission::new(origin, grants, &self.record.manifest);
        let had = self.record.admission.granted().iter();
        let revoked: Vec<_> = had.filter(|had| !admission.has(had)).cloned().collect();
        self.revoke_of_previous(&revoked).await?;
        self.shared.store.set_admission(&self.id, &admission).await?;
        self.record.admission = admission;
        self.readers.set_record(&self.record);
        self.feed(Input::Bar(dependents::bar(&self.shared, &self.record)));
        Ok(())
    }

    /// What the operator chose, durable before anything else happens.
    async fn set_overrides(&mut self, choices: Choices) -> Result<(), Error> {
        self.shared.store.set_choices(&self.id, &choices).await?;
        self.record.choices = choices;
        self.readers.set_record(&self.record);
        self.publish();
        Ok(())
    }

    async fn change_env(&mut self, env: EnvOverrides) -> Result<bool, Error> {
        let next = self.record.choices.with_env(env);
        let next = next.map_err(|name| {
            let message = format!(
                "the secret environment variable {name} is as it is shown, which keeps its earlier value, and there is none"
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

    /// Limits of the operator's, durable before the engine hears of them.
    async fn limit(&mut self, limits: LimitOverrides) -> Result<(), Error> {
        self.shared.store.set_limits(&self.id, &limits).await?;
        self.record.limits = limits;
        self.rebuild_spec();
        Ok(())
    }
}
