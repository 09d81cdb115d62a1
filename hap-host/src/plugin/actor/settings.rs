//! The plugin's settings, and their delivery to the run that is reachable.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    model::{config_state::ConfigState, redact::Redactor},
    plugin::{
        context::Shared,
        settings::{ConfigDesk, delivery::keep_delivered},
    },
    protocol::client::PluginClient,
};

/// The actor's part in the plugin's settings.
pub(super) struct Settings {
    pub(super) desk: Arc<ConfigDesk>,
    /// What readers are to see of them.
    pub(super) state: watch::Receiver<ConfigState>,
    /// Ends the delivery to the run that is over.
    delivery: Option<DropGuard>,
}

impl Settings {
    pub(super) fn new(desk: Arc<ConfigDesk>) -> Self {
        Self {
            state: desk.watch(),
            desk,
            delivery: None,
        }
    }

    pub(super) fn redactor(&self) -> Arc<Redactor> {
        self.desk.redactor()
    }

    /// Gives the plugin the settings that are kept for it, for as long as this run lasts: a fresh
    /// container without a data volume starts with its defaults.
    pub(super) fn run_began(&mut self, client: PluginClient, shared: &Shared) {
        self.desk.run_began();
        let (over, desk) = (CancellationToken::new(), Arc::clone(&self.desk));
        self.delivery = Some(over.clone().drop_guard());
        let cancel = shared.cancel.clone();
        shared.tasks.spawn(async move {
            // Whatever it was about to send is sent to the next run.
            tokio::select! {
                () = cancel.cancelled() => {}
                () = over.cancelled() => {}
                () = keep_delivered(desk, client) => {}
            }
        });
    }

    /// Ends the delivery; the next run begins another one.
    pub(super) fn run_ended(&mut self) {
        self.delivery = None;
        self.desk.run_ended();
    }
}
