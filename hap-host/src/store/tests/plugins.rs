use hap_manifest::permission::Permission;
use rusqlite::Connection;

use super::*;
use crate::{
    error::ErrorKind,
    model::{autostart::Autostart, env::EnvOverrides, version::SettingsChange},
};

fn assert_same(left: &PluginRecord, right: &PluginRecord) {
    assert_eq!(left.manifest, right.manifest);
    assert_eq!(left.admission, right.admission);
    assert_eq!(left.desired, right.desired);
    assert_eq!(left.choices, right.choices);
    assert_eq!(left.config, right.config);
    let texts = |record: &PluginRecord| record.keys.pairs().map(KeyPair::texts).collect::<Vec<_>>();
    assert_eq!(texts(left), texts(right));
    assert_eq!(left.keys.generation, right.keys.generation);
    assert_eq!(left.image_id, right.image_id);
    assert_eq!(left.program, right.program);
}

#[tokio::test]
async fn a_plugin_comes_back_as_it_was_stored() {
    let folder = folder();
    let mut wanted = record("light");
    let store = open(&folder).await;
    store.put_plugin(&wanted).await.unwrap();
    drop(store);

    let (store, loaded) = Store::open(folder.path().to_path_buf()).await.unwrap();
    assert!(loaded.corrupt.is_empty());
    assert_eq!(loaded.plugins.len(), 1);
    assert_same(&loaded.plugins[0], &wanted);

    wanted.config = None;
    wanted.program = None;
    wanted.image_id = None;
    wanted.desired = Desired::Removed { with_data: true };
    wanted.admission = Admission::new(InstallOrigin::Build, [], &wanted.manifest);
    store.put_plugin(&wanted).await.unwrap();
    drop(store);
    let (_store, loaded) = Store::open(folder.path().to_path_buf()).await.unwrap();
    assert_same(&loaded.plugins[0], &wanted);
}

#[tokio::test]
async fn each_part_of_a_plugin_changes_by_itself() {
    let folder = folder();
    let store = open(&folder).await;
    let light = id("light");
    store.put_plugin(&record("light")).await.unwrap();
    store.set_desired(&light, Desired::Stopped).await.unwrap();
    let none = Admission::new(InstallOrigin::Build, [], &record("light").manifest);
    store.set_admission(&light, &none).await.unwrap();
    let places = SecretPlaces::default();
    store
        .set_config(&light, Some(&json!({"level": 3})), &places)
        .await
        .unwrap();
    store.set_meta("port", "4711").await.unwrap();
    store.set_meta("port", "4712").await.unwrap();
    drop(store);

    let (store, loaded) = Store::open(folder.path().to_path_buf()).await.unwrap();
    let mut wanted = record("light");
    wanted.desired = Desired::Stopped;
    wanted.admission = none;
    wanted.config = Some(json!({"level": 3}));
    assert_same(&loaded.plugins[0], &wanted);
    assert_eq!(store.meta("port").await.unwrap().as_deref(), Some("4712"));
    assert_eq!(store.meta("host").await.unwrap(), None);

    store.set_config(&light, None, &places).await.unwrap();
    store.remove_plugin(&light).await.unwrap();
    store.remove_plugin(&light).await.unwrap();
    let gone = store.set_desired(&light, Desired::Running).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotInstalled);
    drop(store);
    let (_store, loaded) = Store::open(folder.path().to_path_buf()).await.unwrap();
    assert!(loaded.plugins.is_empty());
}

#[tokio::test]
async fn a_corrupt_row_costs_one_plugin_and_stays_as_it_is() {
    let folder = folder();
    let store = open(&folder).await;
    for name in [
        "a-config",
        "b-desired",
        "c-manifest",
        "d-other",
        "e-secret",
        "f-token",
        "g-choices",
        "good",
    ] {
        store.put_plugin(&record(name)).await.unwrap();
    }
    drop(store);
    let vandal = Connection::open(folder.path().join("hap.db")).unwrap();
    for (name, change) in [
        ("a-config", "config = '{'"),
        ("b-desired", "desired = '\"dancing\"'"),
        ("c-manifest", "manifest = '{}'"),
        (
            "d-other",
            "manifest = (SELECT manifest FROM plugins WHERE id = 'good')",
        ),
        ("e-secret", "webhook_secret = 'whsec_hunter2'"),
        ("f-token", "token = 'hunter2'"),
    ] {
        let changed = vandal
            .execute(&format!("UPDATE plugins SET {change} WHERE id = '{name}'"), [])
            .unwrap();
        assert_eq!(changed, 1);
    }
    vandal
        .execute(
            "UPDATE choices SET boot = '\"sometimes\"' WHERE plugin = 'g-choices'",
            [],
        )
        .unwrap();
    vandal
        .execute("INSERT INTO plugins (id, manifest, desired, config, token, webhook_secret) SELECT '../x', manifest, desired, config, token, webhook_secret FROM plugins WHERE id = 'good'", [])
        .unwrap();
    drop(vandal);

    let (store, loaded) = Store::open(folder.path().to_path_buf()).await.unwrap();
    let good: Vec<_> = loaded
        .plugins
        .iter()
        .map(|record| record.manifest.id().as_str())
        .collect();
    assert_eq!(good, ["good"]);
    let corrupt: Vec<_> = loaded
        .corrupt
        .iter()
        .map(|entry| entry.id_text.as_str())
        .collect();
    assert_eq!(
        corrupt,
        [
            "../x",
            "a-config",
            "b-desired",
            "c-manifest",
            "d-other",
            "e-secret",
            "f-token",
            "g-choices"
        ]
    );
    assert!(!format!("{:?}", loaded.corrupt).contains("hunter2"));
    drop(store);

    let rows: i64 = Connection::open(folder.path().join("hap.db"))
        .unwrap()
        .query_row("SELECT count(*) FROM plugins", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 9);
}

#[tokio::test]
async fn what_the_operator_chose_comes_back_with_its_secrets_apart() {
    let folder = folder();
    let store = open(&folder).await;
    let light = id("light");
    store.put_plugin(&record("light")).await.unwrap();
    let env = EnvOverrides::new().with("TZ", "UTC").unwrap();
    let chosen = Choices {
        autostart: Autostart::Never,
        env: env.with_secret("KEY", "hunter2").unwrap(),
        env_generation: 3,
    };
    store.set_choices(&light, &chosen).await.unwrap();
    let unknown = store.set_choices(&id("lock"), &chosen).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotInstalled);
    drop(store);

    let database = Connection::open(folder.path().join("hap.db")).unwrap();
    let open: String = database
        .query_row(
            "SELECT group_concat(name || '=' || value) FROM env_overrides",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(open, "TZ=UTC");
    drop(database);
    let (store, loaded) = Store::open(folder.path().to_path_buf()).await.unwrap();
    assert_eq!(loaded.plugins[0].choices, chosen);
    store.put_plugin(&record("light")).await.unwrap();
    store.set_choices(&light, &chosen).await.unwrap();
    store.remove_plugin(&light).await.unwrap();
    drop(store);
    let database = Connection::open(folder.path().join("hap.db")).unwrap();
    for table in ["choices", "env_overrides", "env_secrets"] {
        let rows: i64 = database
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 0, "{table}");
    }
}

#[test]
fn no_secret_shows_in_debug() {
    let record = record("light");
    let text = format!("{record:?}");
    assert!(text.contains("light"));
    assert!(!text.contains("hunter2"));
    for key in record.keys.current.texts() {
        assert!(!text.contains(&key));
    }
}

#[tokio::test]
async fn what_was_installed_before_there_were_grants_was_agreed_to() {
    let folder = folder();
    let store = open(&folder).await;
    store.put_plugin(&record("light")).await.unwrap();
    drop(store);
    let database = Connection::open(folder.path().join("hap.db")).unwrap();
    database
        .execute("UPDATE plugins SET admission = NULL", [])
        .unwrap();
    drop(database);
    let (_store, loaded) = Store::open(folder.path().to_path_buf()).await.unwrap();
    assert_eq!(loaded.plugins[0].admission.granted(), [Permission::Network]);
}

#[tokio::test]
async fn a_switch_that_is_asked_for_again_is_done_once_and_answers_the_same() {
    let folder = folder();
    let store = open(&folder).await;
    let old = record("light");
    store.put_plugin(&old).await.unwrap();
    let mut updates = old.updates.clone();
    updates.switches = 1;
    updates.previous = Some(old.version());
    let new = SettingsChange::Replace(Some(json!({"level": 1})));
    for _ in 0..2 {
        let settings = store
            .switch_version(&old.version(), &updates, &new)
            .await
            .unwrap();
        assert_eq!(settings, Some(json!({"level": 1})));
    }
    updates.switches = 2;
    updates.previous = None;
    for _ in 0..2 {
        let version = old.version();
        let back = store.switch_version(&version, &updates, &SettingsChange::Previous);
        assert_eq!(back.await.unwrap(), old.config, "also the second time");
    }
    drop(store);
    let (_, loaded) = Store::open(folder.path().to_path_buf()).await.unwrap();
    assert_eq!(loaded.plugins[0].config, old.config);
    assert_eq!(loaded.plugins[0].updates, updates);
}

/// The database as the version before made it, with one plugin whose manifest it took.
fn state_of_before(folder: &TempDir, manifest: &str, updates: &str) {
    let connection = Connection::open(folder.path().join("hap.db")).unwrap();
    connection
        .pragma_update(None, "application_id", 0x6861_7031)
        .unwrap();
    for step in [
        include_str!("../schema/v1.sql"),
        include_str!("../schema/v2.sql"),
        include_str!("../schema/v3.sql"),
        include_str!("../schema/v4.sql"),
        include_str!("../schema/v5.sql"),
    ] {
        connection.execute_batch(step).unwrap();
    }
    connection.pragma_update(None, "user_version", 5).unwrap();
    let [token, secret] = pair(7).texts();
    connection
        .execute(
            "INSERT INTO plugins (id, manifest, desired, token, webhook_secret, image_id, updates) \
             VALUES ('light', ?1, '\"running\"', ?2, ?3, 'sha256:0', ?4)",
            [manifest, &token, &secret, updates],
        )
        .unwrap();
}

#[tokio::test]
async fn what_the_version_before_took_is_read_whatever_rules_came_since() {
    let id = "0".repeat(64);
    let took = json!({
        "id": "light", "name": "\u{2800}", "version": "1.0.0", "description": "a\u{200b}b",
        "author": "A\u{ad}uthor", "image": format!("sha256:{id}"), "tags": ["x\u{2028}y"],
    });
    let took = took.to_string();
    assert!(Manifest::from_json(&took).is_err(), "it is new to nobody");
    let updates = json!({
        "previous": {
            "manifest": serde_json::from_str::<serde_json::Value>(&took).unwrap(),
            "admission": Admission::of_everything(InstallOrigin::Image, &record("light").manifest),
            "image_id": "sha256:1", "program": null, "snapshot": null,
        }
    });
    let folder = folder();
    state_of_before(&folder, &took, &updates.to_string());

    for _ in 0..2 {
        let (store, loaded) = Store::open(folder.path().to_path_buf()).await.unwrap();
        assert_eq!(loaded.corrupt, []);
        let light = &loaded.plugins[0];
        assert_eq!(light.manifest.image().as_str(), format!("sha256:{id}"));
        assert_eq!(light.manifest.name(), "\u{2800}");
        let previous = light.updates.previous.as_ref().unwrap();
        assert_eq!(previous.manifest, light.manifest);
        // Written by this version, it is read by it again.
        store.put_plugin(light).await.unwrap();
    }
}

#[tokio::test]
async fn a_plugin_keeps_its_number_and_no_other_ever_has_it() {
    let folder = folder();
    let store = open(&folder).await;
    let range = 20..=23;
    let mut numbers = std::collections::BTreeSet::new();
    for name in ["a", "b", "c", "d"] {
        let number = store.user_number(&id(name), range.clone(), false).await.unwrap();
        assert!(range.contains(&number) && numbers.insert(number), "{number}");
        let again = store.user_number(&id(name), range.clone(), false).await.unwrap();
        assert_eq!(again, number);
    }
    let full = store
        .user_number(&id("e"), range.clone(), false)
        .await
        .unwrap_err();
    assert!(full.to_string().contains("between 20 and 23"), "{full}");
    // Gone, it may have left data.
    store.put_plugin(&record("a")).await.unwrap();
    store.remove_plugin(&id("a")).await.unwrap();
    store
        .user_number(&id("e"), range.clone(), false)
        .await
        .unwrap_err();
    let elsewhere = store.user_number(&id("a"), 30..=33, true).await.unwrap();
    assert!((30..=33).contains(&elsewhere));
    drop(store);
    let store = open(&folder).await;
    assert!(numbers.contains(&store.user_number(&id("a"), range, false).await.unwrap()));
}
