//! The task that runs one plugin's [`Machine`](crate::reconcile::machine::Machine): it carries out
//! the operation that the machine names, probes when it says so, and tells it what came of both. It
//! never waits for one of these inside the loop, so a request is taken at once even while a
//! container is being made.
//!
//! `state` defines the actor. `inputs`, `engine_work`, `health`, `diagnosis`, `settings` and
//! `readers` are the groups of its fields. The other files are what it does: `machine_step` steps
//! the machine, `requests` serves handles, `update` brings the plugin to another version.

mod background;
mod cleanup;
mod clock;
mod copies;
mod derived;
mod diagnose;
mod diagnosis;
mod engine_work;
mod health;
mod inputs;
mod keys;
mod lost_data;
mod machine_step;
mod operation;
mod probing;
mod publish;
mod readers;
mod requests;
mod settings;
pub(crate) mod spec;
mod state;
mod update;

use std::ops::ControlFlow;

use tokio_util::sync::CancellationToken;

use self::clock::sleep_until;
pub(crate) use self::state::{Actor, MAILBOX, Parts};
use crate::{model::desired::Desired, plugin::request::Envelope, reconcile::machine::step::Input};

impl Actor {
    /// Runs until the plugin is gone or the supervisor ends.
    pub(crate) async fn run(&mut self) {
        let cancel = self.shared.cancel.clone();
        // The first list, where there is one already, saves every plugin a look of its own.
        let first = self.listed_input().unwrap_or(Input::Tick);
        self.update_dependencies();
        self.resume_update();
        self.feed(first);
        while !self.machine.is_removed() {
            self.prepare_round().await;
            if self.take_input(&cancel).await.is_break() {
                self.diagnosis.stop();
                return self.tell();
            }
        }
        self.diagnosis.stop();
        self.tell();
        self.cleanup().await;
    }

    /// Does what is due before the actor waits again.
    async fn prepare_round(&mut self) {
        self.record_late().await;
        self.drive_update().await;
        self.retire_secrets().await;
        if self.inputs.copies_run
            && self.machine.desired() != Desired::Running
            && self.work.operation.is_none()
        {
            self.inputs.copies_run = false;
            self.work.operator.stop_copies_if_possible().await;
        }
        if self.work.operation.is_none() && !self.machine.phase().is_passing() {
            self.work.release_caller();
        }
    }

    /// Waits for the next input and takes it in. Breaks when the supervisor ends.
    async fn take_input(&mut self, cancel: &CancellationToken) -> ControlFlow<()> {
        let wake = self.inputs.wake_at.map(tokio::time::Instant::from_std);
        // Every arm is cancel safe: the futures live in `self` and are polled again the next time.
        tokio::select! {
            // The end first; then what the engine did, so that requests and timers act on the
            // newest state.
            biased;
            () = cancel.cancelled() => return ControlFlow::Break(()),
            outcome = self.work.running.done() => {
                let outcome = outcome.redacted(&self.settings.redactor());
                self.work.end();
                // It may have found that the host is elsewhere; what it asks for next is for there.
                self.update_endpoints();
                self.feed(Input::OpDone(outcome));
            }
            () = self.inputs.hints.notified() => self.feed(Input::Hint),
            (generation, result) = self.health.probing.done() => {
                self.feed(Input::Probe { generation, result });
            }
            request = self.inputs.mailbox.recv() => match request {
                Some(Envelope { request, caller }) => {
                    self.work.called_by(caller);
                    self.handle(request).await;
                }
                None => return ControlFlow::Break(()),
            },
            Ok(()) = self.inputs.listed.changed() => {
                if let Some(input) = self.listed_input() {
                    self.feed(input);
                }
            }
            explained = self.diagnosis.explaining.done() => {
                self.diagnosis.explained(&explained);
                self.feed(Input::Explained(explained));
            }
            progress = self.updating.progress() => self.update_progressed(progress).await,
            () = self.inputs.dependencies.changed() => self.update_dependencies(),
            Ok(()) = self.inputs.isolation.changed() => self.update_dependencies(),
            Ok(()) = self.inputs.platform.changed() => self.rebuild_spec(),
            Ok(()) = self.settings.state.changed() => self.publish(),
            () = sleep_until(wake) => self.feed(Input::Tick),
        }
        ControlFlow::Continue(())
    }

    fn listed_input(&mut self) -> Option<Input> {
        let seen = self.inputs.seen_in_list(&self.id)?;
        Some(Input::Listed(seen.redacted(&self.settings.redactor())))
    }
}
