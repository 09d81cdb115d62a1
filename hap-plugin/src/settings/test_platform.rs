//! [`TestPlatform`]: a platform in memory, in place of one with an address.

use std::collections::HashMap;
use std::future::Future;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hap_manifest::wire::Event;
use http::StatusCode;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

/// Longest wait for an event, longer than any pause between two deliveries (30 min). With paused
/// time it passes at once.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// The platform that a plugin under test sends its events to: it keeps what it acknowledged, and
/// can be away, refuse, be slow, or lose its answers.
///
/// Clones are one platform. It outlives the plugin, so it shows what reaches it after a restart.
///
/// ```
/// use hap_plugin::testing::TestPlugin;
///
/// // In a test with paused time, of a plugin that emits `bell.rung` for its command `ring`.
/// async fn an_event_waits_for_the_platform(bell: &TestPlugin) {
///     bell.platform().set_unreachable();
///     bell.command("ring", ()).await.assert_success();
///     assert!(bell.platform().events().is_empty());
///
///     bell.platform().reset();
///     let event = bell.platform().event("bell.rung").await;
///     assert_eq!(event.r#type, "bell.rung");
/// }
/// ```
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
    // How many of each type `next_event` has handed out.
    handed: HashMap<String, usize>,
    deliveries: usize,
    repetitions: usize,
    delay: Duration,
    answer: Answer,
}

#[derive(Debug, Clone, Copy, Default)]
enum Answer {
    #[default]
    Accepts,
    Away,
    Lost,
    Answers(StatusCode),
}

impl TestPlatform {
    /// A platform that acknowledges everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the platform unreachable until [`reset`](Self::reset).
    pub fn set_unreachable(&self) {
        self.state().answer = Answer::Away;
    }

    /// Sets the status of every response until [`reset`](Self::reset). The platform keeps nothing
    /// meanwhile.
    pub fn respond_with(&self, status: StatusCode) {
        self.state().answer = Answer::Answers(status);
    }

    /// Drops every response until [`reset`](Self::reset). The platform keeps what it receives, and
    /// the plugin has to send it again.
    pub fn drop_responses(&self) {
        self.state().answer = Answer::Lost;
    }

    /// Sets how long each response takes until [`reset`](Self::reset). A plugin waits 15 s.
    pub fn set_delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// Makes the platform acknowledge everything again, without a delay.
    pub fn reset(&self) {
        let mut state = self.state();
        state.answer = Answer::Accepts;
        state.delay = Duration::ZERO;
    }

    /// The events that were acknowledged, in the order in which they came; a repeated delivery
    /// counts once.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.state().events.clone()
    }

    /// Attempts to deliver something, successful or not.
    #[must_use]
    pub fn deliveries(&self) -> usize {
        self.state().deliveries
    }

    /// Events that came again although they were kept already.
    #[must_use]
    pub fn repetitions(&self) -> usize {
        self.state().repetitions
    }

    /// The next event of a type: each call gives the one after that of the call before, and waits
    /// for it where it has not come yet.
    ///
    /// # Panics
    /// As [`event`](Self::event).
    #[track_caller]
    pub fn next_event(&self, r#type: &str) -> impl Future<Output = Event> + Send {
        let place = Location::caller();
        async move {
            let handed = self.state().handed.get(r#type).copied().unwrap_or_default();
            let failure = match handed {
                0 => format!("no event of type {type:?} came"),
                _ => format!("no event of type {type:?} came after the first {handed}"),
            };
            let event = self.wait(place, &failure, |events| {
                let mut of_type = events.iter().filter(|event| event.r#type == r#type);
                of_type.nth(handed).cloned()
            });
            let event = event.await;
            self.state().handed.insert(r#type.to_owned(), handed + 1);
            event
        }
    }

    /// The first event of a type, waiting for it where it has not come yet.
    ///
    /// # Panics
    /// When none comes within an hour, telling the types that did come and the line of the test.
    /// Paused time passes that hour at once.
    #[track_caller]
    pub fn event(&self, r#type: &str) -> impl Future<Output = Event> + Send {
        let place = Location::caller();
        async move {
            self.wait(place, &format!("no event of type {type:?} came"), |events| {
                events.iter().find(|event| event.r#type == r#type).cloned()
            })
            .await
        }
    }

    /// The first `count` events, waiting for those that have not come yet.
    ///
    /// # Panics
    /// As [`event`](Self::event).
    #[track_caller]
    pub fn first_events(&self, count: usize) -> impl Future<Output = Vec<Event>> + Send {
        let place = Location::caller();
        async move {
            self.wait(place, &format!("fewer than {count} events came"), |events| {
                events.get(..count).map(<[Event]>::to_vec)
            })
            .await
        }
    }

    /// `place` is that of the test, which a panic within a future does not tell.
    #[expect(clippy::panic, reason = "a test that waits in vain has failed")]
    async fn wait<T>(
        &self,
        place: &Location<'_>,
        failure: &str,
        mut look: impl FnMut(&[Event]) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Before the look, so that no change falls between both.
            let changed = self.0.changed.notified();
            if let Some(found) = look(&self.state().events) {
                return found;
            }
            if timeout_at(deadline, changed).await.is_err() {
                panic!("{failure}; what came: {} (asked for at {place})", self.came());
            }
        }
    }

    /// The types of the events that came, for a message.
    pub(crate) fn came(&self) -> String {
        let types: Vec<_> = self.events().into_iter().map(|event| event.r#type).collect();
        if types.is_empty() {
            "nothing".to_owned()
        } else {
            format!("{types:?}")
        }
    }

    /// Takes one delivery as the network would bring it; `None` when no answer comes.
    pub(crate) async fn receive(&self, body: &[u8]) -> Option<StatusCode> {
        let delay = {
            let mut state = self.state();
            state.deliveries += 1;
            state.delay
        };
        if !delay.is_zero() {
            sleep(delay).await;
        }
        let answer = self.state().take(body);
        self.0.changed.notify_waiters();
        answer
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is made whole before anything can panic.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, body: &[u8]) -> Option<StatusCode> {
        match self.answer {
            Answer::Away => return None,
            Answer::Answers(status) => return Some(status),
            Answer::Accepts | Answer::Lost => {}
        }
        let Ok(events) = events_of(body) else {
            return Some(StatusCode::BAD_REQUEST);
        };
        for event in events {
            if self.events.iter().any(|known| known.id == event.id) {
                self.repetitions += 1;
            } else {
                self.events.push(event);
            }
        }
        matches!(self.answer, Answer::Accepts).then_some(StatusCode::ACCEPTED)
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
