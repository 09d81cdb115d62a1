//! [`Link`], what the commands and the connection know of each other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rumqttc::AsyncClient;

use crate::Status;

/// Shared by the commands, which publish, and by the task that keeps the connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Link(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    // `None` while the broker is away.
    client: Option<AsyncClient>,
    status: Status,
}

impl Link {
    pub(crate) fn up(&self, client: AsyncClient) {
        let mut state = self.state();
        state.client = Some(client);
        state.status.connected = true;
        state.status.problem = None;
    }

    pub(crate) fn down(&self, problem: &str) {
        let mut state = self.state();
        state.client = None;
        state.status.connected = false;
        state.status.problem = Some(problem.to_owned());
    }

    pub(crate) fn client(&self) -> Option<AsyncClient> {
        self.state().client.clone()
    }

    pub(crate) fn count_received(&self) {
        self.state().status.received += 1;
    }

    pub(crate) fn count_published(&self) {
        self.state().status.published += 1;
    }

    pub(crate) fn status(&self) -> Status {
        self.state().status.clone()
    }

    // Held only to read or change values, never across an await.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
