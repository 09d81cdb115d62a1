//! Keys that are rotated, and settings that are secret.

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

/// A plugin whose manifest calls a key and a nested value secret.
fn guarded() -> PluginRecord {
    let mut record = record("light");
    let mut manifest: serde_json::Value = serde_json::from_str(&record.manifest.to_json()).unwrap();
    manifest["secrets"] = json!(["password", "/mqtt/pin"]);
    record.manifest = Manifest::from_json(&manifest.to_string()).unwrap().manifest;
    record.config = Some(json!({"password": "hunter2", "mqtt": {"pin": 4711, "host": "broker"}}));
    record
}

async fn reopened(folder: &TempDir) -> PluginRecord {
    let (_store, mut loaded) = Store::open(folder.path().to_path_buf()).await.unwrap();
    assert!(loaded.corrupt.is_empty(), "{:?}", loaded.corrupt);
    loaded.plugins.remove(0)
}

fn column(folder: &TempDir, query: &str) -> Option<String> {
    Connection::open(folder.path().join("hap.db"))
        .unwrap()
        .query_row(query, [], |row| row.get(0))
        .unwrap()
}

#[tokio::test]
async fn secret_settings_are_kept_apart_and_come_back_whole() {
    let folder = folder();
    let store = open(&folder).await;
    let record = guarded();
    let places = SecretPlaces::of(&record.manifest);
    store.put_plugin(&record).await.unwrap();
    drop(store);
    let public = column(&folder, "SELECT config FROM plugins").unwrap();
    assert!(
        !public.contains("hunter2") && !public.contains("4711") && public.contains("broker"),
        "{public}"
    );
    assert_eq!(reopened(&folder).await.config, record.config);

    let store = open(&folder).await;
    let next = json!({"password": "correct horse", "mqtt": {}});
    store
        .set_config(&id("light"), Some(&next), &places)
        .await
        .unwrap();
    drop(store);
    assert_eq!(reopened(&folder).await.config, Some(next));
    let count = "SELECT cast(count(*) AS TEXT) FROM config_secrets";
    assert_eq!(column(&folder, count).as_deref(), Some("1"));

    let store = open(&folder).await;
    store.remove_plugin(&id("light")).await.unwrap();
    drop(store);
    assert_eq!(column(&folder, count).as_deref(), Some("0"));
}

#[tokio::test]
async fn secrets_among_the_settings_of_an_older_file_are_moved_out() {
    let folder = folder();
    let store = open(&folder).await;
    let record = guarded();
    store.put_plugin(&record).await.unwrap();
    drop(store);
    // As a version without the table of secrets wrote it.
    let older = Connection::open(folder.path().join("hap.db")).unwrap();
    older.execute("DELETE FROM config_secrets", []).unwrap();
    let whole = record.config.as_ref().unwrap().to_string();
    older.execute("UPDATE plugins SET config = ?1", [whole]).unwrap();
    drop(older);

    assert_eq!(reopened(&folder).await.config, record.config);
    let public = column(&folder, "SELECT config FROM plugins").unwrap();
    assert!(!public.contains("hunter2"), "{public}");
    assert_eq!(reopened(&folder).await.config, record.config);
}

#[tokio::test]
async fn a_file_of_the_first_format_is_brought_up_to_date_with_its_keys() {
    let folder = folder();
    let path = folder.path().join("hap.db");
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let first = Connection::open(&path).unwrap();
    first.execute_batch(include_str!("../schema/v1.sql")).unwrap();
    first.pragma_update(None, "application_id", 0x6861_7031).unwrap();
    first.pragma_update(None, "user_version", 1).unwrap();
    let record = guarded();
    let [token, secret] = record.keys.current.texts();
    first
        .execute(
            "INSERT INTO plugins VALUES ('light', ?1, '\"running\"', ?2, ?3, ?4, NULL, NULL)",
            [
                record.manifest.to_json(),
                record.config.as_ref().unwrap().to_string(),
                token,
                secret,
            ],
        )
        .unwrap();
    drop(first);
    let read = reopened(&folder).await;
    assert_eq!(read.config, record.config);
    assert_eq!(read.keys.current.texts(), record.keys.current.texts());
    assert!(read.keys.previous.is_none());
    assert_eq!(read.keys.generation, 0);
}

#[tokio::test]
async fn both_pairs_of_keys_survive_while_they_are_rotated() {
    let folder = folder();
    let store = open(&folder).await;
    store.put_plugin(&record("light")).await.unwrap();
    let rotated = PluginKeys::new(pair(7)).rotated(pair(8), true);
    store.set_keys(&id("light"), &rotated).await.unwrap();
    drop(store);
    let keys = reopened(&folder).await.keys;
    let texts: Vec<_> = keys.pairs().map(KeyPair::texts).collect();
    assert_eq!(texts, [pair(8).texts(), pair(7).texts()]);
    assert_eq!(keys.generation, 1);

    let store = open(&folder).await;
    store.set_keys(&id("light"), &keys.retired()).await.unwrap();
    let unknown = store.set_keys(&id("other"), &keys).await.unwrap_err();
    assert_eq!(unknown.kind(), crate::error::ErrorKind::NotInstalled);
    drop(store);
    let keys = reopened(&folder).await.keys;
    assert!(keys.previous.is_none());
    assert_eq!(keys.generation, 1);
}
