//! Which volumes plugins had, so that one which is gone is noticed before it is made anew, empty.
//!
//! An engine makes a volume that is missing without a word, and `docker system prune -a --volumes`
//! takes those of plugins that are stopped.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use hap_manifest::PluginId;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::{
    error::{Error, ErrorKind},
    model::{
        data_loss::DataLoss,
        event::{Event, EventKind},
    },
    store::Store,
};

/// What the keys begin with under which the marks are kept.
const META_VOLUMES: &str = "volumes:";

/// The marks of all plugins. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct VolumeMarks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    events: broadcast::Sender<Event>,
    known: Mutex<BTreeMap<PluginId, Marks>>,
}

/// What is kept of one plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Marks {
    /// Volumes that it had.
    had: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lost: Option<Lost>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Lost {
    volumes: Vec<String>,
    /// In seconds since 1970.
    at: u64,
}

impl VolumeMarks {
    /// Reads the marks from the store.
    pub(crate) async fn open(store: &Store, events: broadcast::Sender<Event>) -> Result<Self, Error> {
        let mut known = BTreeMap::new();
        for (key, value) in store.meta_of(META_VOLUMES).await? {
            let id = key.strip_prefix(META_VOLUMES).map(PluginId::new);
            // What cannot be read is made anew with the next run.
            if let (Some(Ok(id)), Ok(marks)) = (id, serde_json::from_str(&value)) {
                known.insert(id, marks);
            }
        }
        Ok(Self(Arc::new(Inner {
            store: store.clone(),
            events,
            known: Mutex::new(known),
        })))
    }

    /// Which of these volumes the plugin had.
    pub(crate) fn had(&self, plugin: &PluginId, volumes: impl Iterator<Item = String>) -> Vec<String> {
        let known = self.lock();
        let Some(marks) = known.get(plugin) else {
            return Vec::new();
        };
        volumes.filter(|name| marks.had.contains(name)).collect()
    }

    /// Notes that the plugin has these volumes.
    pub(crate) async fn has(&self, plugin: &PluginId, volumes: impl Iterator<Item = String>) {
        self.change(plugin, |marks| marks.had.extend(volumes)).await;
    }

    /// Notes that volumes are gone which the plugin had, and tells of it once.
    pub(crate) async fn lost(&self, plugin: &PluginId, volumes: Vec<String>) {
        tracing::error!(
            %plugin, ?volumes,
            "data of the plugin that was there is gone: somebody removed its volumes, and it starts with empty ones"
        );
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let at = since_epoch.unwrap_or_default().as_secs();
        self.change(plugin, |marks| {
            for name in &volumes {
                marks.had.remove(name);
            }
            let mut all = marks.lost.take().map(|lost| lost.volumes).unwrap_or_default();
            all.extend(
                volumes
                    .iter()
                    .filter(|name| !all.contains(name))
                    .cloned()
                    .collect::<Vec<_>>(),
            );
            marks.lost = Some(Lost { volumes: all, at });
        })
        .await;
        // Nobody listening is fine.
        let _ = self
            .0
            .events
            .send(Event::now(plugin.clone(), EventKind::DataLost { volumes }));
    }

    /// What the plugin lost and nobody has answered yet.
    pub(crate) fn loss(&self, plugin: &PluginId) -> Option<DataLoss> {
        let known = self.lock();
        let lost = known.get(plugin)?.lost.as_ref()?;
        Some(DataLoss {
            volumes: lost.volumes.clone(),
            at: SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(lost.at))?,
        })
    }

    /// Somebody has seen to the plugin: its loss is told no more.
    pub(crate) async fn answer(&self, plugin: &PluginId) {
        self.change(plugin, |marks| marks.lost = None).await;
    }

    /// Forgets a plugin whose volumes are about to be removed on purpose.
    pub(crate) async fn forget(&self, plugin: &PluginId) {
        self.change(plugin, |marks| *marks = Marks::default()).await;
    }

    /// Changes the marks of a plugin, in the store too where that makes a difference.
    async fn change(&self, plugin: &PluginId, change: impl FnOnce(&mut Marks)) {
        let changed = {
            let mut known = self.lock();
            let marks = known.entry(plugin.clone()).or_default();
            let before = marks.clone();
            change(marks);
            (before != *marks).then(|| marks.clone())
        };
        let Some(marks) = changed else { return };
        let text = if marks == Marks::default() {
            Ok(String::new())
        } else {
            serde_json::to_string(&marks)
        };
        let written = match text {
            Ok(text) => {
                self.0
                    .store
                    .set_meta(&format!("{META_VOLUMES}{plugin}"), &text)
                    .await
            }
            Err(error) => Err(Error::new(ErrorKind::Store, "the marks cannot be written").with_source(error)),
        };
        if let Err(error) = written {
            // It is known as long as this host runs.
            tracing::warn!(%plugin, error = %error.report(), "which volumes the plugin has could not be noted");
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PluginId, Marks>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
