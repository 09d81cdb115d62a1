use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use crate::engine::{observed::ContainerId, spec::EnvVar};

/// Values of the secret variables of the containers that this host created. They are never on disk.
#[derive(Default)]
pub(super) struct Secrets(Mutex<HashMap<ContainerId, HashMap<String, String>>>);

impl Secrets {
    pub(super) fn keep(&self, id: &ContainerId, env: &[EnvVar]) {
        let values = env
            .iter()
            .filter(|var| var.is_secret())
            .map(|var| (var.name().to_owned(), var.expose_value().to_owned()))
            .collect();
        self.lock().insert(id.clone(), values);
    }

    pub(super) fn value(&self, id: &ContainerId, name: &str) -> Option<String> {
        self.lock().get(id)?.get(name).cloned()
    }

    pub(super) fn forget(&self, id: &ContainerId) {
        self.lock().remove(id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ContainerId, HashMap<String, String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}
