use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use axum::{Router, extract::State, http::StatusCode, routing::post};
use hap_manifest::ApiToken;
use serde_json::json;
use tempfile::TempDir;

use super::delivery::keep_delivered;
use super::*;
use crate::model::{
    desired::Desired,
    keys::{KeyPair, PluginKeys},
    record::PluginRecord,
};

/// A plugin that answers its first settings by this script, and takes all that come later.
#[derive(Clone)]
struct Plugin {
    script: Arc<Vec<(u16, String)>>,
    asked: Arc<AtomicUsize>,
}

impl Plugin {
    fn new(script: &[(u16, &str)]) -> Self {
        let script = script.iter().map(|(status, body)| (*status, (*body).to_owned()));
        Self {
            script: Arc::new(script.collect()),
            asked: Arc::default(),
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn serve(&self) -> SocketAddr {
        let answer = async |State(plugin): State<Self>| {
            let at = plugin.asked.fetch_add(1, Ordering::SeqCst);
            let taken = (200, json!({"success": true, "message": "ok"}).to_string());
            let (status, body) = plugin.script.get(at).cloned().unwrap_or(taken);
            (StatusCode::from_u16(status).unwrap(), body)
        };
        let router = Router::new()
            .route("/config", post(answer))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }
}

struct Bench {
    _folder: TempDir,
    store: Store,
    record: PluginRecord,
    desk: Arc<ConfigDesk>,
}

impl Bench {
    async fn new(kept: Option<Value>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path().to_path_buf()).await.unwrap();
        let manifest = Manifest::builder("light", "Light", "1.0.0", "light:1")
            .secret("password")
            .build()
            .unwrap();
        let record = PluginRecord {
            admission: crate::model::grants::Admission::default(),
            desired: Desired::Running,
            choices: crate::model::overrides::Choices::default(),
            config: kept.clone(),
            keys: PluginKeys::new(KeyPair::generate().unwrap()),
            image_id: None,
            program: None,
            limits: crate::model::limits::LimitOverrides::default(),
            updates: crate::model::version::UpdateRecord::default(),
            manifest,
        };
        store.put_plugin(&record).await.unwrap();
        let desk = Arc::new(ConfigDesk::new(&record.manifest, kept));
        Self {
            _folder: folder,
            store,
            record,
            desk,
        }
    }

    async fn client(&self, plugin: &Plugin) -> PluginClient {
        let token = ApiToken::from_bytes(&[7; 32]);
        PluginClient::new(self.record.manifest.id().clone(), &token, plugin.serve().await).unwrap()
    }

    async fn configure(
        &self,
        settings: Value,
        client: Result<PluginClient, Error>,
    ) -> Result<ConfigAck, Error> {
        let options = CallOptions::default();
        self.desk.configure(&self.store, settings, client, &options).await
    }
}

fn not_running() -> Result<PluginClient, Error> {
    Err(Error::new(ErrorKind::NotRunning, "it does not run"))
}

#[tokio::test]
async fn settings_that_are_refused_are_forgotten_and_the_refusal_keeps_their_secrets() {
    let bench = Bench::new(Some(json!({"password": "first-one"}))).await;
    let refusal = r#"{"success":false,"error":"hunter2 is too short","details":{"was":"first-one"}}"#;
    let client = bench.client(&Plugin::new(&[(422, refusal)])).await;
    let sent = bench.configure(json!({"password": "hunter2"}), Ok(client)).await;
    let error = sent.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    let shown = format!("{error} {error:?} {:?}", error.wire());
    assert!(
        !shown.contains("hunter2") && !shown.contains("first-one") && shown.contains("[REDACTED]"),
        "{shown}"
    );
    assert_eq!(
        *bench.desk.kept.lock().await,
        Some(json!({"password": "first-one"}))
    );
}

#[tokio::test]
async fn settings_for_a_plugin_that_does_not_run_are_kept_and_shown_without_secrets() {
    let bench = Bench::new(None).await;
    assert_eq!(bench.desk.state(), ConfigState::None);
    let settings = json!({"password": "hunter2", "level": 3});
    let error = bench
        .configure(settings.clone(), not_running())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRunning);
    assert!(matches!(
        bench.desk.state(),
        ConfigState::Pending { reason: Some(_) }
    ));
    let shown = bench.desk.shown().await.unwrap().unwrap();
    assert_eq!(shown, json!({"password": "[REDACTED]", "level": 3}));
    // And what was shown can be changed and given back.
    let changed = json!({"password": "[REDACTED]", "level": 4});
    bench.configure(changed, not_running()).await.unwrap_err();
    assert_eq!(
        *bench.desk.kept.lock().await,
        Some(json!({"password": "hunter2", "level": 4}))
    );
    let text = format!("{:?}", bench.desk);
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn settings_that_can_never_be_sent_are_not_kept() {
    let bench = Bench::new(None).await;
    for settings in [
        json!("text"),
        json!({"password": "[REDACTED]"}),
        json!({"x": "x".repeat(1 << 20)}),
    ] {
        let error = bench.configure(settings, not_running()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(bench.desk.state(), ConfigState::None);
    }
}

#[tokio::test]
async fn kept_settings_are_sent_until_the_plugin_has_them() {
    let bench = Bench::new(Some(json!({"level": 3}))).await;
    let busy = (503, r#"{"success":false,"error":"still starting"}"#);
    let plugin = Plugin::new(&[busy, (429, "")]);
    let client = bench.client(&plugin).await;
    let mut news = bench.desk.watch();
    let delivery = tokio::spawn(keep_delivered(Arc::clone(&bench.desk), client));
    news.wait_for(
        |state| matches!(state, ConfigState::Pending { reason: Some(why) } if why.contains("still starting")),
    )
    .await
    .unwrap();
    news.wait_for(|state| *state == ConfigState::Delivered)
        .await
        .unwrap();
    assert_eq!(plugin.asked(), 3);
    // The next run begins without them, while this task is still there.
    bench.desk.run_ended();
    bench.desk.run_began();
    news.wait_for(|state| *state == ConfigState::Delivered)
        .await
        .unwrap();
    assert_eq!(plugin.asked(), 4);
    delivery.abort();
}

#[tokio::test]
async fn a_plugin_that_refuses_kept_settings_is_not_asked_again_in_this_run() {
    let bench = Bench::new(Some(json!({"password": "hunter2"}))).await;
    let no = (422, r#"{"success":false,"error":"hunter2 is wrong"}"#);
    let plugin = Plugin::new(&[no, no]);
    let client = bench.client(&plugin).await;
    let mut news = bench.desk.watch();
    let delivery = tokio::spawn(keep_delivered(Arc::clone(&bench.desk), client));
    let refused = news
        .wait_for(|state| matches!(state, ConfigState::Refused(_)))
        .await
        .unwrap()
        .clone();
    assert!(refused.to_string().contains("[REDACTED] is wrong"), "{refused}");
    // It stays refused after the run, and the next run is asked again.
    bench.desk.run_ended();
    assert_eq!(bench.desk.state(), refused);
    bench.desk.run_began();
    news.wait_for(|state| *state == refused).await.unwrap();
    assert_eq!(plugin.asked(), 2);
    delivery.abort();
}

#[cfg(feature = "config-schema")]
#[tokio::test]
async fn settings_that_do_not_fit_the_schema_are_neither_kept_nor_sent() {
    let bench = Bench::new(None).await;
    let manifest = json!({
        "id": "light", "name": "Light", "version": "1.0.0", "description": "d", "author": "a", "image": "light:1",
        "secrets": ["password"],
        "config_schema": {"properties": {"password": {"type": "string", "minLength": 20}, "level": {"maximum": 9}}},
    });
    let manifest = Manifest::from_json(&manifest.to_string()).unwrap().manifest;
    let desk = ConfigDesk::new(&manifest, None);
    let plugin = Plugin::new(&[]);
    let client = bench.client(&plugin).await;
    let settings = json!({"password": "hunter2", "level": 10});
    let options = CallOptions::default();
    let sent = desk.configure(&bench.store, settings, Ok(client), &options).await;
    let error = sent.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let text = error.to_string();
    assert!(text.contains("/level") && text.contains("/password"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!((desk.state(), plugin.asked()), (ConfigState::None, 0));
}
