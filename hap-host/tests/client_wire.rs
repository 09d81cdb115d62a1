//! What a client sends, compared with what the OpenAPI document says that can be sent.
#![cfg(feature = "client")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::Request,
    http::{StatusCode, Uri},
    response::IntoResponse as _,
};
use futures_util::StreamExt as _;
use hap_host::client::{
    BootState, Client, ClientError, ClientErrorKind, CommandOptions, DesiredState, EventOptions, Follow,
    InstallOptions, LogOptions, OperatorEnv, Package, PluginEventOptions, PluginStateView, RollBackOptions,
    UninstallOptions, UpdateOptions, WantedLimits,
};
use hap_manifest::{Manifest, PluginId};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Longest wait for anything here. Generous, because the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);

const DOCUMENT: &str = include_str!("../../docs/management-api.openapi.json");

/// An operation by method and path, with the parameters that it is given by name.
type Operations = BTreeMap<(String, String), BTreeSet<String>>;

/// Headers that are parameters. Only a stream that goes on sends the last one.
const HEADERS: [&str; 4] = [
    "idempotency-key",
    "plugin-settings",
    "traceparent",
    "x-request-id",
];
const GOES_ON: &str = "last-event-id";

/// A server that writes down what it is asked, and refuses it.
async fn recorder() -> (Client, Arc<Mutex<Operations>>) {
    let asked = Arc::new(Mutex::new(Operations::new()));
    let kept = Arc::clone(&asked);
    let record = move |request: Request| {
        let (operation, parameters) = operation(&request);
        let twice = kept.lock().unwrap().insert(operation, parameters);
        async move {
            assert!(twice.is_none(), "two methods do the same");
            let body =
                json!({"success": false, "error": "no", "code": "forbidden_role", "refused_by": "host"});
            (StatusCode::FORBIDDEN, Json(body)).into_response()
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(record);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (Client::http(&format!("http://{address}/below")).unwrap(), asked)
}

fn operation(request: &Request) -> ((String, String), BTreeSet<String>) {
    let path = request.uri().path().strip_prefix("/below").unwrap();
    let path = path.replace("/plugins/light", "/plugins/{id}");
    let mut parameters = names(request.uri());
    let headers = request.headers();
    parameters.extend(
        HEADERS
            .iter()
            .filter(|name| headers.contains_key(**name))
            .map(ToString::to_string),
    );
    ((request.method().to_string(), path), parameters)
}

fn names(uri: &Uri) -> BTreeSet<String> {
    let pairs = uri.query().unwrap_or_default().split('&');
    pairs
        .filter_map(|pair| pair.split('=').next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn described() -> Operations {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let mut described = Operations::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let names = parameters
                .filter(|parameter| parameter["in"] != "path" && parameter["name"] != GOES_ON)
                .map(|parameter| parameter["name"].as_str().unwrap().to_owned());
            described.insert((method.to_uppercase(), path.clone()), names.collect());
        }
    }
    assert!(described.len() > 30, "{described:?}");
    described
}

async fn refused<T>(call: impl Future<Output = Result<T, ClientError>>) {
    let answer = tokio::time::timeout(DEADLINE, call).await.expect("in time");
    let error = answer.err().expect("a refusal");
    assert_eq!(
        (error.kind(), error.code()),
        (ClientErrorKind::Refused, Some("forbidden_role")),
        "{error}"
    );
}

async fn refused_stream<T: Send + 'static>(mut items: Follow<T>) {
    refused(async { items.next().await.expect("an item") }).await;
    let end = tokio::time::timeout(DEADLINE, items.next())
        .await
        .expect("in time");
    assert!(end.is_none(), "it ends after a refusal");
}

#[tokio::test]
async fn every_operation_has_a_method_that_sends_each_of_its_parameters() {
    let (client, asked) = recorder().await;
    let light: PluginId = "light".parse().unwrap();
    of_the_host(&client, &light).await;
    of_versions(&client, &light).await;
    of_a_plugin(&client, &light).await;
    of_its_talk(&client, &light).await;
    assert_eq!(*asked.lock().unwrap(), described());
}

/// Options can only be made by their defaults, so that they may become more.
fn made<T: Default>(set: impl FnOnce(&mut T)) -> T {
    let mut options = T::default();
    set(&mut options);
    options
}

fn package() -> Package {
    Manifest::builder("light", "Light", "1.0.0", "light:1")
        .build()
        .unwrap()
        .into()
}

fn grants() -> Vec<String> {
    vec!["network".to_owned()]
}

async fn of_the_host(client: &Client, light: &PluginId) {
    refused(client.list_plugins()).await;
    refused(client.review_manifest(package(), &grants())).await;
    refused(client.list_installing()).await;
    refused(client.list_orphans()).await;
    refused(client.sweep_orphans(60)).await;
    refused(client.prune_images()).await;
    refused(client.remove_orphaned_data(light)).await;
    refused(client.get_metrics()).await;
    refused(client.get_health()).await;
    refused(client.get_openapi()).await;
    let plugin = Some(light.clone());
    refused_stream(client.follow_events(made(|options: &mut EventOptions| {
        options.plugin = plugin.clone();
    })))
    .await;
    refused_stream(
        client.follow_plugin_events(made(|options: &mut PluginEventOptions| {
            options.plugin = plugin;
            options.type_prefix = Some("light.".to_owned());
            options.after = Some("0".to_owned());
        })),
    )
    .await;
}

async fn of_versions(client: &Client, light: &PluginId) {
    let install = made(|options: &mut InstallOptions| {
        options.grants = grants();
        options.grant_all = true;
        options.adopt_data = true;
    });
    refused(client.install_plugin(package(), install, |_| ())).await;
    let update = made(|options: &mut UpdateOptions| {
        options.grants = grants();
        options.grant_all = true;
        options.accept_publisher = Some("somebody".to_owned());
        options.allow_downgrade = true;
        options.allow_same_version = true;
        options.without_snapshot = true;
        options.max_snapshot_mib = Some(1);
        options.even_if_dependants_break = true;
        options.settings = Some(json!({"name": "Küche"}));
    });
    refused(client.update_plugin(light, package(), update, |_| ())).await;
    let back = made(|options: &mut RollBackOptions| {
        options.restore_data = true;
        options.without_snapshot = true;
        options.max_snapshot_mib = Some(1);
    });
    refused(client.roll_back_plugin(light, back)).await;
    refused(client.forget_previous_version(light)).await;
    let remove = made(|options: &mut UninstallOptions| {
        options.remove_data = true;
        options.even_if_needed = true;
        options.force = true;
    });
    refused(client.uninstall_plugin(light, remove)).await;
}

async fn of_a_plugin(client: &Client, light: &PluginId) {
    refused(client.get_plugin(light)).await;
    refused(client.start_plugin(light)).await;
    refused(client.stop_plugin(light, true)).await;
    refused(client.restart_plugin(light, true)).await;
    refused(client.set_desired(light, DesiredState::Running)).await;
    refused(client.rotate_secrets(light)).await;
    refused(client.get_limits(light)).await;
    refused(client.set_limits(light, &WantedLimits::default())).await;
    refused(client.set_boot(light, BootState::Never)).await;
    refused(client.get_env(light)).await;
    refused(client.set_env(light, &OperatorEnv::default())).await;
    refused(client.get_activity(light)).await;
    refused(client.get_permissions(light)).await;
    refused(client.set_grants(light, &grants())).await;
    refused(client.get_usage(light)).await;
}

async fn of_its_talk(client: &Client, light: &PluginId) {
    let command = made(|options: &mut CommandOptions| {
        options.timeout = Some(Duration::from_secs(5));
        options.idempotency_key = Some("key".to_owned());
        options.request_id = Some("id".to_owned());
        options.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    });
    refused(client.send_command(light, "ring", Value::Null, command)).await;
    refused(client.get_config(light)).await;
    refused(client.set_config(light, json!({"level": 3}).as_object().unwrap())).await;
    refused(client.get_status(light)).await;
    refused(client.get_last_status(light)).await;
    let logs = made(|options: &mut LogOptions| {
        options.tail = Some(1);
        options.since = Some("2026-01-01T00:00:00Z".to_owned());
    });
    refused(client.get_logs(light, &logs)).await;
    refused_stream(client.follow_logs(light, logs)).await;
}

/// A host may say more about a plugin in its next version than this client knows.
#[test]
fn what_a_newer_host_adds_breaks_no_answer() {
    let limits = json!({
        "in_force": {"memory_bytes": 1, "nano_cpus": 1, "pids": 1, "swap_bytes": 1},
        "overrides": {"memory_limit": null, "cpu_limit": null, "pids_limit": null, "swap_limit": "1m"},
        "later": {}
    });
    serde_json::from_value::<hap_host::client::Limits>(limits).unwrap();
    let state = json!({
        "desired": "running", "phase": "healthy", "container": null, "restarts": 0, "crash_loop": false,
        "last_exit": null, "failure": null, "last_failure": null, "retry_in_ms": null, "health_message": null,
        "missed_health_check": null, "waiting_for": [], "time_to_healthy_ms": null,
        "config": {"state": "none", "reason": null}, "update": null, "last_update": null,
        "previous_version": null, "previous_snapshot": null, "boot": "when_somebody_is_home",
        "runs_as": {"kind": "own", "user": "1", "text": "1"}, "data_loss": null, "operation": null, "later": 1
    });
    let state: PluginStateView = serde_json::from_value(state).unwrap();
    assert_eq!(state.boot, "when_somebody_is_home");
}

#[tokio::test]
async fn an_environment_of_a_newer_host_is_read() {
    let body = json!({"variables": {"A": "1"}, "secrets": {"B": "[REDACTED]"}, "files": {"C": "/c"}});
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(move || async move { Json(body) });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let client = Client::http(&format!("http://{address}")).unwrap();
    let light = "light".parse().unwrap();
    let env = tokio::time::timeout(DEADLINE, client.get_env(&light))
        .await
        .expect("in time")
        .unwrap();
    assert_eq!(
        (env.variables["A"].as_str(), env.secrets["B"].as_str()),
        ("1", "[REDACTED]")
    );
    let env = tokio::time::timeout(DEADLINE, client.set_env(&light, &env))
        .await
        .expect("in time")
        .unwrap();
    assert_eq!(env.variables.len(), 1);
}

#[test]
fn a_password_in_an_address_is_never_repeated() {
    for address in [
        "https://me:hunter2@home",
        "https://me:hunter2@home:port",
        "https://me:hunter2@",
        "https://home:x?token=hunter2",
    ] {
        let error = Client::at(address).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[test]
fn a_port_that_is_none_is_refused_and_not_replaced() {
    for address in ["http://home:99999", "http://home:port", "https://home:65536/api"] {
        let error = Client::http(address).expect_err(address);
        assert_eq!(error.kind(), ClientErrorKind::Usage, "{address}");
    }
}
