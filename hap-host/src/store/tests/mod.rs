mod events;
mod faults;
mod files;
mod kill;
mod model;
mod plugins;
mod secrets;

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use hap_manifest::{ApiToken, ImageRef, Manifest, PluginId, WebhookSecret, wire::Event};
use serde_json::json;
use tempfile::TempDir;

use super::{
    Store,
    append::Appended,
    page::{Entry, Filter, Page},
    plugin::Loaded,
};
use crate::{
    error::Result,
    model::{
        desired::Desired,
        grants::{Admission, InstallOrigin},
        keys::{KeyPair, PluginKeys},
        overrides::Choices,
        record::PluginRecord,
        retention::EventRetention,
        secret_paths::SecretPlaces,
    },
};

/// What only tests ask for.
impl Store {
    /// Opens the store with the default retention.
    pub(crate) async fn open(folder: PathBuf) -> Result<(Self, Loaded)> {
        Self::open_with(folder, EventRetention::default()).await
    }

    pub(crate) async fn events_since(&self, after: u64, limit: usize, filter: &Filter) -> Result<Page> {
        self.log().events_since(after, limit, filter).await
    }

    /// The oldest event that can still be read.
    pub(crate) async fn oldest_seq(&self) -> Result<Option<u64>> {
        self.read(|connection| {
            let oldest = "SELECT min(seq) FROM events WHERE body IS NOT NULL";
            Ok(connection
                .query_row(oldest, [], |row| row.get::<_, Option<i64>>(0))
                .unwrap())
        })
        .await
        .map(|seq| seq.map(i64::cast_unsigned))
    }

    /// The number of the last event ever stored, 0 before the first.
    pub(crate) fn last_seq(&self) -> u64 {
        self.log().last_seq()
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

async fn open(folder: &TempDir) -> Store {
    Store::open(folder.path().to_path_buf()).await.unwrap().0
}

async fn open_with(folder: &TempDir, retention: EventRetention) -> Store {
    Store::open_with(folder.path().to_path_buf(), retention)
        .await
        .unwrap()
        .0
}

fn id(name: &str) -> PluginId {
    PluginId::new(name).unwrap()
}

fn record(name: &str) -> PluginRecord {
    let image: ImageRef = "light:1.0.0".parse().unwrap();
    let manifest = Manifest::from_json(
        &json!({
            "id": name, "name": "Light", "version": "1.0.0", "description": "A light", "author": "A",
            "image": image.to_string(),
        })
        .to_string(),
    )
    .unwrap()
    .manifest;
    PluginRecord {
        admission: Admission::of_everything(InstallOrigin::Image, &manifest),
        manifest,
        desired: Desired::Running,
        choices: Choices::default(),
        config: Some(json!({"password": "hunter2"})),
        keys: PluginKeys::new(pair(7)),
        image_id: Some("sha256:0".to_owned()),
        program: Some("/bin/light".into()),
        limits: crate::model::limits::LimitOverrides::default(),
        updates: crate::model::version::UpdateRecord::default(),
    }
}

fn pair(byte: u8) -> KeyPair {
    KeyPair {
        token: ApiToken::from_bytes(&[byte; 32]),
        webhook_secret: WebhookSecret::from_bytes(&[byte; 32]).unwrap(),
    }
}

/// A moment of a clock that the tests turn.
fn at(second: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs((1_700_000_000 + second).unsigned_abs())
}

fn event(plugin: &str, event_id: &str, kind: &str) -> Event {
    Event::new(&id(plugin), event_id, kind, at(0), json!({"n": event_id}))
}

async fn append(store: &Store, plugin: &str, ids: &[&str]) -> Result<Vec<Appended>> {
    let events = ids.iter().map(|name| event(plugin, name, "motion")).collect();
    store.append_events(id(plugin), events, at(0)).await
}

/// Reads all pages after a cursor. An event is its id, a gap is its count.
async fn read(store: &Store, after: u64, limit: usize, filter: &Filter) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = after;
    loop {
        let page = store.events_since(after, limit, filter).await.unwrap();
        for entry in page.entries {
            found.push(match entry {
                Entry::Event(stored) => {
                    assert!(stored.seq > after && stored.seq <= page.through);
                    stored.event.id
                }
                Entry::Missed { count, .. } => format!("missed {count}"),
            });
        }
        assert!(page.end || page.through > after, "a page must make progress");
        after = page.through;
        if page.end {
            return found;
        }
    }
}

fn of(plugin: &str) -> Filter {
    Filter {
        plugin: Some(id(plugin)),
        ..Filter::default()
    }
}
