mod events;
mod files;
mod kill;
mod model;
mod plugins;

use hap_manifest::{ApiToken, ImageRef, Manifest, PluginId, WebhookSecret, wire::Event};
use serde_json::json;
use tempfile::TempDir;
use time::OffsetDateTime;

use super::{Appended, Entry, EventRetention, Filter, PluginRecord, Store};
use crate::{Desired, Result};

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
    PluginRecord {
        manifest: Manifest::from_json(
            &json!({
                "id": name, "name": "Light", "version": "1.0.0", "description": "A light", "author": "A",
                "image": image.to_string(),
            })
            .to_string(),
        )
        .unwrap()
        .manifest,
        desired: Desired::Running,
        config: Some(json!({"password": "hunter2"})),
        token: ApiToken::from_bytes(&[7; 32]),
        webhook_secret: WebhookSecret::from_bytes(&[9; 32]).unwrap(),
        image_id: Some("sha256:0".to_owned()),
        program: Some("/bin/light".into()),
    }
}

/// A moment of a clock that the tests turn.
fn at(second: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_700_000_000 + second).unwrap()
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
