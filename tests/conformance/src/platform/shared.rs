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

/// Requests that are kept until somebody takes them, and bytes of their bodies. A plugin may send for days.
const MOST_KEPT: usize = 10_000;
const MOST_BYTES: usize = 64 << 20;
/// Ids of stored events that are kept, to tell which come again.
const MOST_IDS: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) answer: Answer,
    pub(super) next: VecDeque<Answer>,
    deliveries: VecDeque<Delivery>,
    /// The bytes of their bodies.
    bytes: usize,
    /// How many came before the first of them.
    gone: usize,
    /// Ids of the events that are as good as on a disk.
    stored: HashSet<String>,
    /// The same, the oldest first.
    order: VecDeque<String>,
}

impl State {
    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        self.deliveries.iter().cloned().collect()
    }

    /// Request number `index`, counted from 0, unless it was taken.
    pub(super) fn delivery(&self, index: usize) -> Option<&Delivery> {
        self.deliveries.get(index.checked_sub(self.gone)?)
    }

    /// How many requests came.
    pub(super) fn received(&self) -> usize {
        self.gone + self.deliveries.len()
    }

    pub(super) fn take(&mut self) -> Vec<Delivery> {
        self.gone = self.received();
        self.bytes = 0;
        std::mem::take(&mut self.deliveries).into()
    }

    fn keep(&mut self, delivery: Delivery) {
        self.bytes += delivery.body.len();
        self.deliveries.push_back(delivery);
        while (self.deliveries.len() > MOST_KEPT || self.bytes > MOST_BYTES)
            && let Some(oldest) = self.deliveries.pop_front()
        {
            self.bytes -= oldest.body.len();
            self.gone += 1;
        }
    }

    /// Stores an event, if it is new.
    fn store(&mut self, id: &str) -> bool {
        let is_new = self.stored.insert(id.to_owned());
        if is_new {
            self.order.push_back(id.to_owned());
        }
        while self.order.len() > MOST_IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.stored.remove(&oldest);
        }
        is_new
    }
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
                fresh += usize::from(state.store(&event.id));
            }
        }
        delivery.answer = answer.clone();
        state.keep(delivery);
        let count = state.received();
        drop(state);
        self.count.send_replace(count);
        (answer, fresh)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use tokio::time::Instant;

    use super::*;
    use crate::platform::Proof;

    fn delivery(bytes: usize) -> Delivery {
        Delivery {
            at: Instant::now(),
            received_at: SystemTime::now(),
            proof: Proof::None,
            traceparent: None,
            body: vec![b'x'; bytes],
            problems: Vec::new(),
            events: Vec::new(),
            answer: Answer::default(),
        }
    }

    #[test]
    fn what_nobody_takes_is_bounded_and_still_counted() {
        let mut state = State::default();
        for _ in 0..MOST_KEPT + 5 {
            state.keep(delivery(1));
        }
        assert_eq!(
            (state.deliveries().len(), state.received()),
            (MOST_KEPT, MOST_KEPT + 5)
        );
        assert!(state.delivery(4).is_none() && state.delivery(5).is_some());
        state.keep(delivery(MOST_BYTES));
        assert_eq!((state.deliveries().len(), state.received()), (1, MOST_KEPT + 6));
        assert_eq!(state.take().len(), 1);
        assert_eq!((state.deliveries().len(), state.received()), (0, MOST_KEPT + 6));
    }

    #[test]
    fn an_event_is_new_once_as_far_as_the_platform_remembers() {
        let mut state = State::default();
        assert!(state.store("first") && !state.store("first"));
        for number in 0..MOST_IDS {
            state.store(&number.to_string());
        }
        assert!(state.store("first"));
        assert_eq!(state.stored.len(), MOST_IDS);
    }
}
