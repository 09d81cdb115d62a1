use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use super::{events::News, folder::StateFolder, secrets::Secrets};
use crate::engine::observed::ContainerId;

/// What the calls and tasks of one engine value share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) folder: StateFolder,
    pub(super) news: News,
    pub(super) secrets: Secrets,
    stopping: Mutex<HashSet<ContainerId>>,
}

impl Shared {
    pub(super) fn new(folder: StateFolder, news: News) -> Self {
        Self {
            folder,
            news,
            secrets: Secrets::default(),
            stopping: Mutex::default(),
        }
    }

    /// Marks a container as being stopped until the answer is dropped.
    pub(super) fn stopping(&self, id: &ContainerId) -> Stopping<'_> {
        self.lock().insert(id.clone());
        Stopping {
            shared: self,
            id: id.clone(),
        }
    }

    /// Whether the container is being stopped: then the rest of its group still has its grace when
    /// its first process has ended.
    pub(super) fn is_stopping(&self, id: &ContainerId) -> bool {
        self.lock().contains(id)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<ContainerId>> {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the mark of a stop, also of one whose future was dropped.
#[derive(Debug)]
pub(super) struct Stopping<'a> {
    shared: &'a Shared,
    id: ContainerId,
}

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.shared.lock().remove(&self.id);
    }
}
