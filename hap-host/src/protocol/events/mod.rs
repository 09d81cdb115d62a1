//! Events that plugins send: verified, made durable, delivered.
//!
//! [`Inbox::router`] takes them in over HTTP and answers only when they are on the disk.
//! [`Inbox::subscribe`] hands them out from the disk, at each reader's own pace.

mod age;
mod auth;
mod body;
mod concurrency;
pub(crate) mod credentials;
pub(crate) mod cursor;
mod decode;
pub(crate) mod listener;
pub(crate) mod rate;
mod readers;
mod receive;
mod rejection;
pub(crate) mod subscribe;
#[cfg(test)]
mod tests;
mod validate;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::Router;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use self::{
    age::{AgeClock, Jump},
    credentials::Credentials,
    rate::EventRateLimit,
    readers::Readers,
    receive::Receiver,
    subscribe::{PluginEvents, SubscribeOptions},
};
use crate::{error::Error, metrics::Metrics, store::Store};

/// How often the machine's clock is looked at. A host that is killed forgets a jump that is younger.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How many of these looks pass between two times that what is too old is removed.
const PRUNE_EVERY: u64 = 120;
/// How long what is kept of a jump stays as it was written: it says how much longer the jump does not count.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// The name in the store of a jump of the clock that does not count yet.
const META_JUMP: &str = "events.clock_jump";

/// Takes in the events of all plugins and hands them to the application. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    store: Store,
    receiver: Receiver,
    readers: Readers,
}

impl Inbox {
    /// An inbox over a store. `credentials` is shared with whoever installs plugins.
    pub(crate) fn new(
        store: Store,
        credentials: Credentials,
        rate: EventRateLimit,
        metrics: Arc<Metrics>,
    ) -> Self {
        let receiver = Receiver::new(store.clone(), credentials, rate, metrics);
        Self {
            store,
            receiver,
            readers: Readers::default(),
        }
    }

    /// The path of a plugin's platform API under the listener's address: what
    /// `PLATFORM_API_URL` ends in.
    pub(crate) fn api_path(plugin: &hap_manifest::PluginId) -> String {
        format!("/plugins/{plugin}/api/v1")
    }

    /// Serves `POST /plugins/{id}/api/v1/events`.
    pub(crate) fn router(&self) -> Router {
        self.receiver.clone().router()
    }

    /// Reads events from the disk, then waits for more.
    pub(crate) fn subscribe(&self, options: SubscribeOptions) -> PluginEvents {
        PluginEvents::new(self.store.log(), options, &self.readers)
    }

    /// The number of the last event ever stored, and how many events each reader has
    /// before it, at most.
    pub(crate) fn lag(&self) -> (u64, Vec<u64>) {
        let last = self.store.log().last_seq();
        let places = self.readers.places().into_iter();
        (last, places.map(|place| last.saturating_sub(place)).collect())
    }

    /// Removes what is too old, now and then, until cancelled.
    pub(crate) async fn maintain(&self, cancel: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut clock: Option<AgeClock> = None;
        let mut noted = None;
        let mut looks = 0_u64;
        loop {
            tokio::select! {
                biased;
                // Both are cancel safe; a step of pruning that has begun is finished by the store.
                () = cancel.cancelled() => {
                    // The next host learns what this one saw last.
                    if let Some(clock) = &mut clock {
                        clock.judge(SystemTime::now(), Instant::now());
                        self.note_jump(clock.jump(), &mut None).await;
                    }
                    return;
                }
                _ = ticks.tick() => {}
            }
            let clock = match &mut clock {
                Some(clock) => clock,
                none => match self.age_clock().await {
                    Ok(clock) => none.insert(clock),
                    Err(error) => {
                        tracing::warn!(error = error.report(), "the age of events could not be read");
                        continue;
                    }
                },
            };
            let now = clock.judge(SystemTime::now(), Instant::now());
            self.note_jump(clock.jump(), &mut noted).await;
            looks = looks.wrapping_add(1);
            if looks % PRUNE_EVERY != 1 {
                continue;
            }
            match self.store.prune_events(now).await {
                Ok(pruned) => tracing::debug!(pruned.forgotten, pruned.erased, "removed old events"),
                Err(error) => tracing::warn!(error = error.report(), "old events could not be removed"),
            }
        }
    }

    async fn age_clock(&self) -> Result<AgeClock, Error> {
        let (kept_for, newest) = self.store.event_ages().await?;
        let jump = self.store.meta(META_JUMP).await?;
        let jump = jump.as_deref().and_then(Jump::from_text);
        Ok(AgeClock::new(
            kept_for,
            newest,
            jump,
            SystemTime::now(),
            Instant::now(),
        ))
    }

    /// Keeps a jump for the next host. `noted` is how far it was when that was done last, and when; where nothing changed
    /// since, nothing is done.
    async fn note_jump(&self, jump: Option<Jump>, noted: &mut Option<(Duration, Instant)>) {
        let by = jump.map(Jump::by).unwrap_or_default();
        let now = Instant::now();
        let is_known = noted.is_some_and(|(known, at)| {
            known == by && (by.is_zero() || now.saturating_duration_since(at) < NOTE_EVERY)
        });
        if is_known {
            return;
        }
        let kept = async {
            let text = jump.map(|jump| jump.to_string()).unwrap_or_default();
            let known = self.store.meta(META_JUMP).await?.unwrap_or_default();
            if known == text {
                return Ok(());
            }
            self.store.set_meta(META_JUMP, &text).await
        };
        match kept.await {
            Ok(()) => *noted = Some((by, now)),
            Err(error) => tracing::warn!(error = error.report(), "a jump of the clock could not be kept"),
        }
    }
}
