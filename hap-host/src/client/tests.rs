//! Clients of a real management API over the fake engine, and of servers that are none.
#![cfg(feature = "testing")]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use axum::Router;
use futures_util::StreamExt as _;
use hap_manifest::{ApiToken, Manifest, PluginId};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, UnixListener},
    task::JoinHandle,
};

use super::{operation::Operation, *};
use crate::{
    engine::fake::FakeEngine,
    supervisor::{Supervisor, options::ShutdownMode},
};

/// Longest wait for anything here. Generous, because the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);

/// A host on a Unix socket.
struct Host {
    engine: FakeEngine,
    supervisor: Supervisor,
    folder: tempfile::TempDir,
    serving: JoinHandle<()>,
}

impl Host {
    async fn new() -> Self {
        let (engine, folder) = (FakeEngine::new(), tempfile::tempdir().unwrap());
        let state = folder.path().join("state");
        let supervisor = Supervisor::builder(engine.clone(), state).start().await.unwrap();
        let serving = serve(&folder.path().join("s"), supervisor.management_router());
        Self {
            engine,
            supervisor,
            folder,
            serving,
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    fn client(&self) -> Client {
        Client::unix(self.socket())
    }

    async fn installed(&self, id: &str) -> PluginId {
        let manifest = Manifest::builder(id, "Light", "1.0.0", "light:1")
            .build()
            .unwrap();
        let client = self.client();
        let installed = client.install_plugin(manifest.into(), InstallOptions::default(), |_| ());
        soon(installed).await.unwrap().id
    }
}

fn serve(socket: &Path, router: Router) -> JoinHandle<()> {
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() })
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, Box::pin(work))
        .await
        .expect("in time")
}

/// A server of one answer, whatever it is asked.
async fn saying(answer: &'static [u8]) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer).await;
                // It keeps the connection.
                std::future::pending::<()>().await;
            });
        }
    });
    Client::http(&format!("http://{address}")).unwrap()
}

#[tokio::test]
async fn there_is_a_method_for_each_operation_of_the_document() {
    let host = Host::new().await;
    let document = soon(host.client().get_openapi()).await.unwrap();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            described.insert((name, method.to_uppercase(), path.clone()));
        }
    }
    let known: BTreeSet<_> = Operation::ALL
        .iter()
        .map(|operation| {
            let (name, path) = (operation.name().to_owned(), operation.path().to_owned());
            (name, operation.method().to_string(), path)
        })
        .collect();
    assert_eq!(known, described);
}

#[tokio::test]
async fn a_plugin_lives_its_life_through_a_client() {
    let host = Host::new().await;
    let client = host.client();
    let light = host.installed("light").await;
    assert_eq!(client.list_plugins().await.unwrap().plugins[0].id, light);
    let limits = WantedLimits {
        memory_limit: Some("64m".parse().unwrap()),
        ..WantedLimits::default()
    };
    let limits = soon(client.set_limits(&light, &limits)).await.unwrap();
    assert_eq!(limits.in_force.memory_bytes, 64 << 20);
    let mut env = OperatorEnv::default();
    env.secrets.insert("PIN".to_owned(), "hunter2".to_owned());
    let kept = soon(client.set_env(&light, &env)).await.unwrap();
    assert_eq!(kept.secrets["PIN"], "[REDACTED]");
    assert!(!format!("{env:?}").contains("hunter2"));
    let asked = client.set_grants(&light, &["network".to_owned()]).await.unwrap();
    assert_eq!(asked.granted[0].id, "network");
    client.set_boot(&light, BootState::Never).await.unwrap();
    let settings = json!({"level": 3});
    let answer = client
        .set_config(&light, settings.as_object().unwrap())
        .await
        .unwrap();
    assert!(!answer.delivered, "{answer:?}");
    assert_eq!(client.get_config(&light).await.unwrap().settings, Some(settings));
    assert_eq!(
        client.get_usage(&light).await.unwrap_err().code(),
        Some("not_running")
    );
    let asked = client.send_command(&light, "ring", Value::Null, CommandOptions::default());
    let refused = soon(asked).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.refused_by()),
        (Some("not_running"), Some("host"))
    );
    soon(client.stop_plugin(&light, false)).await.unwrap();
    let options = UninstallOptions {
        remove_data: true,
        ..UninstallOptions::default()
    };
    assert!(
        soon(client.uninstall_plugin(&light, options))
            .await
            .unwrap()
            .data_removed
    );
    let gone = client.get_plugin(&light).await.unwrap_err();
    assert_eq!(
        (gone.kind(), gone.status()),
        (ClientErrorKind::Refused, Some(404))
    );
}

/// What is read by a type and written again is what the host sent: nothing of it is lost or named otherwise.
#[tokio::test]
async fn answers_are_read_as_a_whole() {
    let host = Host::new().await;
    let client = host.client();
    let light = host.installed("light").await;
    async fn same<T: serde::Serialize>(client: &Client, operation: Operation, light: &PluginId, typed: T) {
        let raw: Value = client.call_of(operation, light).answer().await.unwrap();
        assert_eq!(serde_json::to_value(typed).unwrap(), raw, "{}", operation.name());
    }
    same(
        &client,
        Operation::ListPlugins,
        &light,
        client.list_plugins().await.unwrap(),
    )
    .await;
    same(
        &client,
        Operation::GetPlugin,
        &light,
        client.get_plugin(&light).await.unwrap(),
    )
    .await;
    same(
        &client,
        Operation::GetLimits,
        &light,
        client.get_limits(&light).await.unwrap(),
    )
    .await;
    same(
        &client,
        Operation::GetEnv,
        &light,
        client.get_env(&light).await.unwrap(),
    )
    .await;
    same(
        &client,
        Operation::GetHealth,
        &light,
        client.get_health().await.unwrap(),
    )
    .await;
    same(
        &client,
        Operation::GetActivity,
        &light,
        client.get_activity(&light).await.unwrap(),
    )
    .await;
    let permissions = client.get_permissions(&light).await.unwrap();
    same(&client, Operation::GetPermissions, &light, permissions).await;
    let last = client.get_last_status(&light).await.unwrap();
    same(&client, Operation::GetLastStatus, &light, last).await;
    same(
        &client,
        Operation::ListInstalling,
        &light,
        client.list_installing().await.unwrap(),
    )
    .await;
    same(
        &client,
        Operation::ListOrphans,
        &light,
        client.list_orphans().await.unwrap(),
    )
    .await;
    assert!(client.get_metrics().await.unwrap().contains("hap_plugins"));
}

#[tokio::test]
async fn a_refused_installation_says_which_grants_are_missing() {
    let host = Host::new().await;
    let manifest = Manifest::builder("light", "Light", "1.0.0", "light:1")
        .device_access(true)
        .device("/dev/ttyUSB0")
        .build()
        .unwrap();
    let client = host.client();
    let review = client
        .review_manifest(manifest.clone().into(), &[])
        .await
        .unwrap();
    let asked: Vec<_> = review
        .consent
        .requested
        .iter()
        .map(|asked| asked.id.as_str())
        .collect();
    assert!(asked.contains(&"device:/dev/ttyUSB0"), "{asked:?}");
    let refused = client.install_plugin(manifest.into(), InstallOptions::default(), |_| ());
    let refused = soon(refused).await.unwrap_err();
    assert_eq!(refused.code(), Some("not_permitted"));
    assert!(
        refused.details().to_string().contains("device:/dev/ttyUSB0"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_follower_goes_on_when_its_host_comes_back() {
    let host = Host::new().await;
    let mut events = host.client().follow_events(EventOptions::default());
    // It is connected when the first event comes.
    let first = async {
        for count in 0.. {
            host.installed(&format!("first{count}")).await;
            if let Ok(Some(item)) = tokio::time::timeout(Duration::from_millis(200), events.next()).await {
                return item;
            }
        }
        unreachable!("it goes on until the deadline")
    };
    soon(first).await.unwrap();
    host.serving.abort();
    let broken = async {
        loop {
            if let Some(Ok(Followed::Broken(why))) = events.next().await {
                return why;
            }
        }
    };
    // The connection itself is only closed by the end of the host.
    host.supervisor
        .shutdown(ShutdownMode::LeaveRunning)
        .await
        .unwrap();
    assert!(soon(broken).await.contains(host.socket().to_str().unwrap()));
    let state = host.folder.path().join("state");
    let again = Supervisor::builder(host.engine.clone(), state)
        .start()
        .await
        .unwrap();
    let _serving = serve(&host.socket(), again.management_router());
    let next = async {
        for count in 0.. {
            let manifest = Manifest::builder(format!("next{count}"), "L", "1.0.0", "light:1");
            again.install(manifest.build().unwrap()).await.unwrap();
            if let Ok(Some(Ok(Followed::Item(item)))) =
                tokio::time::timeout(Duration::from_millis(500), events.next()).await
            {
                return item;
            }
        }
        unreachable!("it goes on until the deadline")
    };
    soon(next).await;
}

#[tokio::test]
async fn a_host_that_is_not_there_is_told_from_one_that_does_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    let dead = Client::unix(folder.path().join("none"));
    let error = soon(dead.list_plugins()).await.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::Unreachable);
    assert!(error.to_string().contains("none"), "{error}");
    let slow = saying(b"").await.timeout(Duration::from_millis(300));
    let error = soon(slow.list_plugins()).await.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::Timeout);
    assert!(error.to_string().contains("may still happen"), "{error}");
    let mut followed = slow.follow_logs(&"light".parse().unwrap(), LogOptions::default());
    let error = soon(followed.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::Timeout);
    assert!(soon(followed.next()).await.is_none(), "it has ended");
}

#[tokio::test]
async fn what_is_no_management_api_is_told_as_that() {
    let answers: [&[u8]; 5] = [
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 14\r\n\r\n<html>x</html>",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
        b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\n{}",
        b"220 mail ready\r\n\r\n",
    ];
    for answer in answers {
        let error = soon(saying(answer).await.list_plugins()).await.unwrap_err();
        let text = String::from_utf8_lossy(answer);
        assert!(
            matches!(
                error.kind(),
                ClientErrorKind::InvalidReply | ClientErrorKind::Unreachable
            ),
            "{text}: {error:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[b' '; 65536]).await.is_ok() {}
        }
    });
    let client = Client::http(&format!("http://{address}")).unwrap();
    let error = soon(client.list_plugins()).await.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::InvalidReply);
    assert!(error.to_string().contains("more than"), "{error}");
}

#[test]
fn an_address_is_checked_and_a_token_is_never_shown() {
    for wrong in [
        "",
        "home",
        "ftp://home",
        "http://me:secret@home",
        "unix://s",
        "https://home?token=secret",
    ] {
        let error = Client::at(wrong).unwrap_err();
        assert_eq!(error.kind(), ClientErrorKind::Usage, "{wrong}");
        assert!(!error.to_string().contains("secret@"), "{error}");
    }
    let token = ApiToken::from_bytes(&[7; 32]);
    let client = Client::at("http://127.0.0.1:1/api/")
        .unwrap()
        .token(token.clone());
    assert!(!format!("{client:?}").contains(token.expose()));
    assert_eq!(client.place(), "http://127.0.0.1:1/api");
    assert_eq!(Client::at("unix:///a/b").unwrap().place(), "/a/b");
    Client::at("https://home.example.com").unwrap();
}

#[test]
fn what_a_newer_host_says_is_read() {
    let summary = json!({"id": "light", "name": "L", "version": "1.0.0", "image": "l:1", "desired": "hibernating",
        "phase": "dreaming", "crash_loop": false, "restarts": 0, "config": "none", "problem": null, "mood": 3});
    let summary: PluginSummary = serde_json::from_value(summary).unwrap();
    assert_eq!((&*summary.phase, &*summary.desired), ("dreaming", "hibernating"));
    let event = json!({"plugin": "light", "at": "", "kind": "levitated", "height": 3});
    let event: SupervisorEvent = serde_json::from_value(event).unwrap();
    assert!(matches!(event.what, What::Unknown));
    let progress: ProgressView = serde_json::from_value(json!({"kind": "song"})).unwrap();
    assert!(matches!(progress, ProgressView::Unknown));
    let host: HostEventView = serde_json::from_value(json!({"at": "", "kind": "eclipse"})).unwrap();
    assert!(matches!(host.what, HostWhat::Unknown));
}
