use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hap_manifest::wire::Event;
use http::StatusCode;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Longest wait for an event, longer than any pause between two deliveries (30 min). With paused time it passes at once.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// The platform that a plugin under test sends its events to: it keeps what it acknowledged, and can be away or refuse.
///
/// Clones are one platform. It outlives the plugin, so it shows what reaches it after a restart.
#[derive(Debug, Clone, Default)]
pub struct TestPlatform(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    events: Vec<Event>,
    deliveries: usize,
    answer: Answer,
}

#[derive(Debug, Clone, Copy, Default)]
enum Answer {
    #[default]
    Accepts,
    Away,
    Answers(StatusCode),
}

impl TestPlatform {
    /// A platform that acknowledges everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cannot be reached from now on, until [`comes_back`](Self::comes_back).
    pub fn goes_away(&self) {
        self.state().answer = Answer::Away;
    }

    /// Answers with this status from now on and keeps nothing, until [`comes_back`](Self::comes_back).
    pub fn answers(&self, status: StatusCode) {
        self.state().answer = Answer::Answers(status);
    }

    /// Acknowledges everything again.
    pub fn comes_back(&self) {
        self.state().answer = Answer::Accepts;
    }

    /// The events that were acknowledged, in the order in which they came; a repeated delivery counts once.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.state().events.clone()
    }

    /// Attempts to deliver something, successful or not.
    #[must_use]
    pub fn deliveries(&self) -> usize {
        self.state().deliveries
    }

    /// The first event of a type, waiting for it where it has not come yet.
    ///
    /// # Panics
    /// When none comes within an hour, telling the types that did come. Paused time passes that hour at once.
    pub async fn event(&self, r#type: &str) -> Event {
        self.wait(&format!("no event of type {type:?} came"), |events| {
            events.iter().find(|event| event.r#type == r#type).cloned()
        })
        .await
    }

    /// The first `count` events, waiting for those that have not come yet.
    ///
    /// # Panics
    /// As [`event`](Self::event).
    pub async fn first_events(&self, count: usize) -> Vec<Event> {
        self.wait(&format!("fewer than {count} events came"), |events| {
            events.get(..count).map(<[Event]>::to_vec)
        })
        .await
    }

    #[expect(clippy::panic, reason = "a test that waits in vain has failed")]
    async fn wait<T>(&self, failure: &str, mut look: impl FnMut(&[Event]) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Before the look, so that no change falls between both.
            let changed = self.0.changed.notified();
            if let Some(found) = look(&self.state().events) {
                return found;
            }
            if timeout_at(deadline, changed).await.is_err() {
                let came: Vec<_> = self.events().into_iter().map(|event| event.r#type).collect();
                panic!("{failure}; what came: {came:?}");
            }
        }
    }

    /// Takes one delivery as the network would bring it; `None` when nobody answers.
    pub(crate) fn receive(&self, body: &[u8]) -> Option<StatusCode> {
        let mut state = self.state();
        state.deliveries += 1;
        let answer = match state.answer {
            Answer::Away => return None,
            Answer::Answers(status) => status,
            Answer::Accepts => match events_of(body) {
                Ok(events) => {
                    for event in events {
                        if state.events.iter().all(|known| known.id != event.id) {
                            state.events.push(event);
                        }
                    }
                    StatusCode::ACCEPTED
                }
                Err(_) => StatusCode::BAD_REQUEST,
            },
        };
        drop(state);
        self.0.changed.notify_waiters();
        Some(answer)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is made whole before anything can panic.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One event or a batch.
fn events_of(body: &[u8]) -> serde_json::Result<Vec<Event>> {
    if body.starts_with(b"[") {
        serde_json::from_slice(body)
    } else {
        serde_json::from_slice(body).map(|event| vec![event])
    }
}
