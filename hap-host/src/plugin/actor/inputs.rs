//! What the actor waits for besides its own work.

use std::{sync::Arc, time::Instant};

use hap_manifest::{Dependency, Manifest, PluginId};
use tokio::sync::{Notify, mpsc, watch};

use crate::{
    engine::{HostEndpoints, listing::Listing},
    model::{dependency::UnmetDependency, isolation::IsolationState},
    plugin::{ownership::alive, request::Envelope},
    reconcile::{
        dependencies::{Board, unmet},
        machine::observation::Seen,
    },
};

/// Where the actor hears from handles, from the engine and from other plugins.
pub(super) struct Inputs {
    pub(super) mailbox: mpsc::Receiver<Envelope>,
    /// Notified when the engine reports something about the plugin.
    pub(super) hints: Arc<Notify>,
    /// The newest list of all containers.
    pub(super) listed: watch::Receiver<Option<Arc<Listing>>>,
    /// Copies of its container ran when all were listed.
    pub(super) copies_run: bool,
    /// Where plugins find the host.
    pub(super) platform: watch::Receiver<HostEndpoints>,
    pub(super) dependencies: DependencyWatch,
    pub(super) isolation: watch::Receiver<IsolationState>,
    /// When the machine wants the next tick.
    pub(super) wake_at: Option<Instant>,
}

impl Inputs {
    /// What the newest list says of the plugin; `None` before there is a list.
    pub(super) fn seen_in_list(&mut self, id: &PluginId) -> Option<Seen> {
        let listing = self.listed.borrow_and_update().clone()?;
        let copies = listing.copies.get(id);
        self.copies_run = copies.is_some_and(|copies| !alive(copies).is_empty());
        Some(listing.ours.get(id).cloned().map_or(Seen::Absent, Seen::Present))
    }

    /// Whether plugins find the host elsewhere than when `latest_platform` was called last.
    pub(super) fn has_platform_changed(&self) -> bool {
        self.platform.has_changed().unwrap_or(false)
    }

    pub(super) fn latest_platform(&mut self) -> HostEndpoints {
        self.platform.borrow_and_update().clone()
    }
}

/// Watches the other plugins, for a plugin that depends on some.
pub(super) struct DependencyWatch(Option<watch::Receiver<Board>>);

impl DependencyWatch {
    pub(super) fn new(board: &watch::Sender<Board>, manifest: &Manifest) -> Self {
        let depends = !manifest.depends_on().is_empty();
        Self(depends.then(|| board.subscribe()))
    }

    /// Waits until other plugins change; indefinitely for a plugin that depends on none.
    pub(super) async fn changed(&mut self) {
        let changed = match &mut self.0 {
            Some(board) => board.changed().await.is_ok(),
            None => false,
        };
        if !changed {
            std::future::pending().await
        }
    }

    /// The dependencies that are not met now.
    pub(super) fn unmet(&mut self, depends_on: &[Dependency]) -> Vec<UnmetDependency> {
        match &mut self.0 {
            Some(board) => unmet(depends_on, &board.borrow_and_update()),
            None => Vec::new(),
        }
    }
}
