use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use hap_host::{Event, EventKind, Phase, StreamItem, Supervisor};
use hap_manifest::PluginId;
use tokio::sync::watch;

use crate::DEADLINE;

/// Everything that the supervisor said, and when.
pub(crate) struct Timeline {
    events: Arc<Mutex<Vec<(Instant, Event)>>>,
    length: watch::Receiver<usize>,
}

impl Timeline {
    /// Listens until the supervisor ends.
    pub(crate) fn of(supervisor: &Supervisor) -> Self {
        let mut stream = supervisor.events();
        let events = Arc::<Mutex<Vec<(Instant, Event)>>>::default();
        let (grew, length) = watch::channel(0);
        let written = Arc::clone(&events);
        tokio::spawn(async move {
            while let Some(notice) = stream.next().await {
                let event = match notice {
                    StreamItem::Event(event) => event,
                    // Of the host itself, and of no plugin.
                    StreamItem::Host(_) => continue,
                    hole => panic!("the timeline has a hole: {hole:?}"),
                };
                let mut events = written.lock().unwrap_or_else(PoisonError::into_inner);
                events.push((Instant::now(), event));
                grew.send_replace(events.len());
            }
        });
        Self { events, length }
    }

    /// Waits for the first event of a plugin after a moment that fits, and says when it came.
    pub(crate) async fn first(
        &self,
        plugin: &PluginId,
        since: Instant,
        mut fits: impl FnMut(&EventKind) -> bool,
    ) -> Instant {
        let mut length = self.length.clone();
        let mut find = || {
            let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            let found = events
                .iter()
                .find(|(at, event)| *at >= since && event.plugin == *plugin && fits(&event.kind));
            found.map(|(at, _)| *at)
        };
        let wait = async {
            loop {
                if let Some(at) = find() {
                    return at;
                }
                length.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(DEADLINE, wait).await {
            Ok(at) => at,
            Err(_) => panic!(
                "{plugin}: never came; it was told {:?}",
                self.of_plugin(plugin, since)
            ),
        }
    }

    /// When a plugin's failure was told.
    pub(crate) async fn failed(&self, plugin: &PluginId, since: Instant) -> Instant {
        self.first(plugin, since, |kind| matches!(kind, EventKind::Failed(_)))
            .await
    }

    /// When a plugin became healthy.
    pub(crate) async fn healthy(&self, plugin: &PluginId, since: Instant) -> Instant {
        self.first(plugin, since, |kind| {
            matches!(
                kind,
                EventKind::Phase {
                    to: Phase::Healthy,
                    ..
                }
            )
        })
        .await
    }

    /// All that was said of a plugin since a moment.
    pub(crate) fn of_plugin(&self, plugin: &PluginId, since: Instant) -> Vec<EventKind> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let its = events
            .iter()
            .filter(|(at, event)| *at >= since && event.plugin == *plugin);
        its.map(|(_, event)| event.kind.clone()).collect()
    }
}
