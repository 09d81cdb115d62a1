//! What the connections of a platform share.

use std::{
    collections::{HashSet, VecDeque},
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use hap_manifest::{ApiToken, PluginId, WebhookSecret};
use tokio::sync::watch;

use super::{answer::Answer, delivery::Delivery};

/// What the connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) address: SocketAddr,
    pub(super) plugin: PluginId,
    pub(super) token: ApiToken,
    pub(super) secret: WebhookSecret,
    pub(super) state: Mutex<State>,
    /// How many deliveries there are.
    pub(super) count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) answer: Answer,
    pub(super) next: VecDeque<Answer>,
    pub(super) deliveries: Vec<Delivery>,
    /// Ids of the events that are as good as on a disk.
    stored: HashSet<String>,
}

impl Shared {
    pub(super) fn path(&self) -> String {
        format!("/plugins/{}/api/v1", self.plugin)
    }

    /// Held only to read or change values.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request and returns how it is answered, and how many of its events are new.
    pub(super) fn take(&self, mut delivery: Delivery) -> (Answer, usize) {
        let mut state = self.state();
        let answer = state.next.pop_front().unwrap_or_else(|| state.answer.clone());
        let mut fresh = 0;
        // An answer that is lost is about events that are stored.
        if delivery.problems.is_empty() && matches!(answer, Answer::ByProtocol | Answer::Half) {
            for event in &delivery.events {
                fresh += usize::from(state.stored.insert(event.id.clone()));
            }
        }
        delivery.answer = answer.clone();
        state.deliveries.push(delivery);
        let count = state.deliveries.len();
        drop(state);
        self.count.send_replace(count);
        (answer, fresh)
    }
}
