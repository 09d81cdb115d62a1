//! What an engine says that its reader does not know.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt as _;
use hap_host::{
    Supervisor,
    engine::{DockerEngine, Engine as _, EngineEventKind, InstanceName, ResourceKind},
};
use hap_manifest::{Manifest, PluginId};
use hap_tests::docker::{Fixture, Instance, image};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
};

/// A socket at which a pretended engine answers each request, by its path and query.
fn pretend(answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&at).unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut request = vec![0; 8192];
                let read = stream.read(&mut request).await.unwrap_or_default();
                let request = String::from_utf8_lossy(request.get(..read).unwrap_or_default()).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default();
                let (status, body) = match answer(path) {
                    Some(body) => ("200 OK", body),
                    None => ("404 Not Found", r#"{"message":"there is none"}"#.to_owned()),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all((head + &body).as_bytes()).await;
            });
        }
    });
    (folder, format!("unix://{}", at.display()))
}

fn labels(plugin: &str) -> Value {
    json!({ "hap.schema": "1", "hap.instance": "home", "hap.plugin.id": plugin })
}

fn container(plugin: &str, status: &str, mount: &Value) -> String {
    json!({
        "Id": plugin.repeat(16), "Name": format!("/{plugin}"), "Config": { "Labels": labels(plugin) },
        "State": { "Status": status, "Running": true }, "HostConfig": { "Mounts": [{ "Type": mount }] }
    })
    .to_string()
}

fn answers(path: &str) -> Option<String> {
    let path = path.strip_prefix("/v1.41").unwrap_or(path);
    let (path, _) = path.split_once('?').unwrap_or((path, ""));
    let summary = |plugin: &str, state: &str| {
        json!({
            "Id": plugin.repeat(16), "Names": [format!("/{plugin}")], "Labels": labels(plugin), "State": state,
            "ImageID": plugin
        })
    };
    let image = |plugin: &str, kind: &str| {
        let tag = format!("hap/home/{plugin}:1");
        json!({
            "Id": plugin, "ParentId": "", "RepoTags": [tag], "RepoDigests": [], "Created": 1, "Size": 7,
            "SharedSize": -1, "Containers": -1, "Manifests": [{ "Kind": kind }],
            "Labels": { "hap.image.instance": "home", "hap.image.tag": tag, "hap.image.plugin": plugin }
        })
    };
    let answer = match path {
        "/version" => json!({ "Version": "99.0", "ApiVersion": "1.41" }),
        "/containers/json" => json!([
            summary("quiet", "dreaming"),
            summary("light", "running"),
            summary("odd", "running")
        ]),
        "/networks" => json!([
            { "Id": "n1", "Name": "other", "Labels": labels("x"), "Scope": "local", "IPAM": { "Config": "future" } },
            { "Id": "n2", "Name": "another", "Labels": labels("x") }
        ]),
        "/networks/n1" => json!({ "Id": "n1", "Name": "other", "Containers": { "c": { "Name": 7 } } }),
        "/networks/n2" => json!({ "Id": "n2", "Name": "another" }),
        "/volumes" => {
            let volume = |name: &str, scope: &str| {
                json!({ "Name": name, "Driver": "local", "Mountpoint": "/m", "Labels": labels("light"), "Options": {},
                    "Scope": scope })
            };
            json!({ "Volumes": [volume("v1", "galaxy"), volume("v2", "local")] })
        }
        "/images/json" => json!([image("light", "future"), image("quiet", "image")]),
        _ => {
            let id = path.strip_prefix("/containers/")?.strip_suffix("/json")?;
            return match id {
                _ if id.starts_with("quiet") => Some(container("quiet", "dreaming", &json!("future"))),
                _ if id.starts_with("light") => Some(container("light", "running", &json!("volume"))),
                // Nothing of this can be read.
                _ if id.starts_with("odd") => Some("[]".to_owned()),
                _ => None,
            };
        }
    };
    Some(answer.to_string())
}

/// bollard#703, #715, #293: an engine used a word for a mount that the client library did not know, and nothing that
/// the engine had was seen any more.
#[tokio::test]
async fn a02_what_cannot_be_read_of_one_thing_hides_no_other() {
    let (_folder, uri) = pretend(answers);
    let engine = DockerEngine::connect_to(&uri).await.unwrap();
    let home = InstanceName::new("home").unwrap();
    let plugin = |id: &str| PluginId::new(id).unwrap();

    let listed = engine.list(&home).await.unwrap();
    let plugins: Vec<_> = listed.iter().map(|observed| observed.plugin.as_str()).collect();
    assert_eq!(plugins, ["quiet", "light"], "the third is left out");
    assert!(
        listed
            .iter()
            .all(|observed| observed.status == hap_host::engine::ContainerStatus::Running)
    );
    // Whoever looks for that one alone is told, and does not take it for gone.
    let error = engine.find(&home, &plugin("odd")).await.unwrap_err();
    assert!(
        error.is_retryable() && error.to_string().contains("unexpected"),
        "{error}"
    );

    for (kind, wanted) in [
        (ResourceKind::Container, &["quiet", "light", "odd"][..]),
        (ResourceKind::Network, &["other", "another"]),
        (ResourceKind::Volume, &["v1", "v2"]),
        (ResourceKind::Image, &["hap/home/light:1", "hap/home/quiet:1"]),
    ] {
        let found = engine.list_resources(&home, kind).await;
        let found = found.unwrap_or_else(|error| panic!("{kind}: {error}"));
        let names: Vec<_> = found.iter().map(|resource| resource.name.as_str()).collect();
        assert_eq!(names, wanted, "{kind}");
    }
}

/// The same of what an engine tells while it runs: the client library ends the whole stream.
#[tokio::test]
async fn a02_an_event_that_cannot_be_read_ends_no_stream() {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let paths = Arc::clone(&asked);
    let (_folder, uri) = pretend(move |path| {
        if !path.contains("/events?") {
            return answers(path);
        }
        let event = |action: &str, scope: &str, at: u32| {
            json!({ "Type": "container", "Action": action, "scope": scope, "timeNano": 1_000_000_000_u64 + u64::from(at),
                "Actor": { "ID": "abc", "Attributes": labels("light") } })
            .to_string()
        };
        let mut asked = paths.lock().unwrap();
        asked.push(path.to_owned());
        Some(match asked.len() {
            1 => [
                event("start", "local", 1),
                event("die", "galaxy", 2),
                event("oom", "local", 3),
            ]
            .join("\n"),
            _ => [event("oom", "local", 3), String::new()].join("\n"),
        })
    });
    let engine = DockerEngine::connect_to(&uri).await.unwrap();
    let home = InstanceName::new("home").unwrap();
    let events: Vec<_> = engine.events(&home).take(3).collect().await;
    let kinds: Vec<_> = events.into_iter().map(|event| event.unwrap().kind).collect();
    let wanted = [
        EngineEventKind::Started,
        EngineEventKind::Died,
        EngineEventKind::Changed,
    ];
    assert_eq!(kinds, wanted);
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(
        asked[1].contains("since=1.000000003"),
        "what came after the one: {asked:?}"
    );
}

/// A socket before the engine, behind which it has a word that nobody knows for each volume that is mounted.
#[expect(clippy::indexing_slicing, reason = "what was read is within the piece")]
fn with_a_future_word(uri: &str) -> (TempDir, String, Arc<AtomicUsize>) {
    let engine = uri.strip_prefix("unix://").unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&at).unwrap();
    let replaced = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&replaced);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (engine, counted) = (engine.clone(), Arc::clone(&counted));
            tokio::spawn(async move {
                let far = UnixStream::connect(engine).await.unwrap();
                let ((mut near_reads, mut near_writes), (mut far_reads, mut far_writes)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(async move { tokio::io::copy(&mut near_reads, &mut far_writes).await });
                let mut piece = vec![0; 1 << 20];
                while let Ok(read) = far_reads.read(&mut piece).await {
                    if read == 0 {
                        break;
                    }
                    // Of one length, so that the lengths that were announced stay true.
                    let (word, other) = (br#""Type":"volume","Source""#, br#""Type":"future","Source""#);
                    let mut at = 0;
                    while let Some(found) = piece[at..read].windows(word.len()).position(|part| part == word)
                    {
                        at += found;
                        piece[at..at + word.len()].copy_from_slice(other);
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                    if near_writes.write_all(&piece[..read]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    (folder, format!("unix://{}", at.display()), replaced)
}

/// The same on an engine: a host starts, adopts what runs, stops and removes it.
#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a02_a_host_adopts_and_stops_a_plugin_of_which_the_engine_says_what_nobody_knows() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let image = image(instance.engine(), Fixture::Faulty).await;
    let state = tempfile::tempdir().unwrap();
    let host = Supervisor::builder(instance.engine().clone(), state.path());
    let host = host.instance(instance.name().clone()).start().await.unwrap();
    let manifest = Manifest::builder("odd", "Odd", "1.0.0", image.as_str()).volume("/data");
    let plugin = host.install(manifest.build().unwrap()).await.unwrap();
    plugin.start().await.unwrap();
    host.shutdown(hap_host::ShutdownMode::LeaveRunning).await.unwrap();

    let (_folder, uri, replaced) = with_a_future_word(instance.engine().uri());
    let engine = DockerEngine::connect_to(&uri).await.unwrap();
    let host = Supervisor::builder(engine, state.path());
    let host = host.instance(instance.name().clone()).start().await.unwrap();
    let plugin = host.plugin(&PluginId::new("odd").unwrap()).unwrap();
    let healthy = plugin.wait_for(|state| state.phase == hap_host::Phase::Healthy);
    let adopted = tokio::time::timeout(Duration::from_secs(60), healthy).await;
    assert_eq!(adopted.unwrap().unwrap().restarts, 0);
    assert!(replaced.load(Ordering::Relaxed) > 0, "the word came");
    plugin.stop().await.unwrap();
    plugin.uninstall().await.unwrap();
    host.shutdown(hap_host::ShutdownMode::StopPlugins).await.unwrap();
}
