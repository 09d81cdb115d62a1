//! The host and the engine.

use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{Router, http::StatusCode, routing::get, routing::post};
use hap_host::{
    ErrorKind, FailureCause, HealthPolicy, Phase, PluginHandle, PluginState, Supervisor,
    engine::{
        BuildContext, DockerEngine, Engine as _, EngineError, EngineErrorKind, FakeEngine, InstanceName,
        ProgressSink,
    },
};
use hap_manifest::Manifest;
use hap_tests::{
    between::{Between, Watched},
    docker::{Fixture, Instance, PrivateDocker, in_private_network, remove_image},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, UnixListener},
};

const DEADLINE: Duration = Duration::from_secs(60);

fn light() -> Manifest {
    let light = Manifest::builder("light", "Light", "1.0.0", "light:1");
    light.build().unwrap()
}

async fn until(plugin: &PluginHandle, wanted: impl FnMut(&PluginState) -> bool) -> PluginState {
    let state = tokio::time::timeout(DEADLINE, plugin.wait_for(wanted)).await;
    state.unwrap().unwrap()
}

/// A plugin that runs on a pretended engine, and whose API is served here.
async fn served(state: &Path, router: Router) -> (Supervisor, PluginHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let served = running_at(state, listener.local_addr().unwrap()).await;
    tokio::spawn(async move { axum::serve(listener, router).await });
    served
}

async fn running_at(state: &Path, address: SocketAddr) -> (Supervisor, PluginHandle) {
    let engine = FakeEngine::new();
    let host = Supervisor::builder(engine.clone(), state).start().await.unwrap();
    let plugin = host.install(light()).await.unwrap();
    engine.set_address(plugin.id(), address);
    plugin.start().await.unwrap();
    (host, plugin)
}

/// Says something in place of an engine.
#[derive(Debug, Default)]
struct Says {
    at_start: Option<&'static str>,
    listening: Option<Vec<SocketAddr>>,
}

#[async_trait]
impl Between for Says {
    async fn come(&self, operation: &'static str) -> Result<(), EngineError> {
        match self.at_start.filter(|_| operation == "start") {
            Some(words) => Err(EngineError::new(EngineErrorKind::Failed, "start", "light", words)),
            None => Ok(()),
        }
    }

    async fn go(&self, _: &'static str) -> Result<(), EngineError> {
        Ok(())
    }

    fn listening(&self) -> Option<Vec<SocketAddr>> {
        self.listening.clone()
    }
}

/// libnetwork#779, docker/for-linux#418: a company's VPN takes all of 10.0.0.0/8, and no network was made any more.
#[test]
#[ignore = "needs a Docker engine"]
fn a01_a_route_that_is_broader_than_the_pool_and_leads_far_away_takes_no_subnet() {
    in_private_network(async || {
        let docker = PrivateDocker::start(false).await;
        let ip = |arguments: &str| {
            let done = Command::new("ip").args(arguments.split(' ')).status().unwrap();
            assert!(done.success(), "ip {arguments}");
        };
        ip("link add far0 type bridge");
        ip("addr add 192.0.2.1/24 dev far0");
        ip("link set far0 up");
        ip("route add 10.0.0.0/8 via 192.0.2.2");
        let engine = docker.engine().await;
        let instance = InstanceName::new("a01").unwrap();
        engine.prepare(&instance).await.unwrap();
        engine.teardown(&instance).await.unwrap();

        ip("route add 10.213.0.0/16 via 192.0.2.2");
        let error = engine.prepare(&instance).await.unwrap_err();
        let told = error.to_string();
        assert!(told.contains("no free subnet is left in 10.213.0.0/16"), "{told}");
        assert!(told.contains("the route to 10.213.0.0/16 by far0"), "{told}");
        assert!(error.is_retryable(), "the route may go: {told}");
        ip("route del 10.213.0.0/16 via 192.0.2.2");
        engine.prepare(&instance).await.unwrap();
        engine.teardown(&instance).await.unwrap();
    });
}

/// bollard#736, moby#46889: without a version in the path an engine answers in its newest dialect, whatever that
/// is by then.
#[tokio::test]
async fn a03_each_request_names_the_newest_version_of_the_api_that_both_sides_know() {
    for (engines, spoken) in [("1.41", "/v1.41/"), ("1.99", "/v1.53/")] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("engine.sock");
        let listener = UnixListener::bind(&at).unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let paths = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 8192];
                let read = stream.read(&mut request).await.unwrap_or_default();
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                let body = if path.contains("json") {
                    "[]".to_owned()
                } else {
                    format!(r#"{{"Version":"99.0","ApiVersion":"{engines}"}}"#)
                };
                paths.lock().unwrap().push(path);
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        let uri = format!("unix://{}", at.display());
        let engine = DockerEngine::connect_to(&uri).await.unwrap();
        engine.info().await.unwrap();
        engine.list(&InstanceName::default()).await.unwrap();
        let asked = asked.lock().unwrap().clone();
        assert_eq!(asked[0], "/version", "which is where the version comes from");
        let others: Vec<_> = asked.iter().filter(|path| *path != "/version").collect();
        assert!(others.len() >= 2, "{asked:?}");
        assert!(others.iter().all(|path| path.starts_with(spoken)), "{asked:?}");
    }
}

/// wallabag/docker#407: nginx listened on `[::]` alone, and everybody looked for what blocked it.
#[tokio::test]
async fn a06_one_that_listens_for_ipv6_only_is_told_to_listen_on_all_of_ipv4() {
    let state = tempfile::tempdir().unwrap();
    let engine = FakeEngine::new();
    let says = Says {
        listening: Some(vec!["[::]:8000".parse().unwrap()]),
        ..Says::default()
    };
    let mut health = HealthPolicy::default();
    health.startup_deadline = Duration::from_secs(1);
    health.interval = Duration::from_millis(50);
    let host = Supervisor::builder(
        Watched::new(Arc::new(engine.clone()), Arc::new(says)),
        state.path(),
    );
    let host = host.health_policy(health).start().await.unwrap();
    let plugin = host.install(light()).await.unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    engine.set_address(plugin.id(), nobody);
    let told = plugin.start().await.unwrap_err().to_string();
    assert!(told.contains("listens on [::]:8000 for IPv6 only"), "{told}");
    assert!(told.contains("let it listen on 0.0.0.0:8000"), "{told}");
}

/// hyper#2136, conbench#1156: a server closes a kept connection at the very moment of the next request.
#[tokio::test]
async fn a10_a_question_that_meets_a_goodbye_is_asked_again_and_a_command_is_not() {
    let (state, listener) = (
        tempfile::tempdir().unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let (_host, plugin) = running_at(state.path(), listener.local_addr().unwrap()).await;
    let commands = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&commands);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let commands = Arc::clone(&counted);
            tokio::spawn(async move {
                // Answers once, says that the connection is kept, and hangs up on the next request.
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let is_command = |request: &[u8]| usize::from(request.starts_with(b"POST"));
                commands.fetch_add(is_command(&request), Ordering::Relaxed);
                let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{\"success\":true}";
                let _ = stream.write_all(answer.as_bytes()).await;
                request = [0; 4096];
                let _ = stream.read(&mut request).await;
                commands.fetch_add(is_command(&request), Ordering::Relaxed);
            });
        }
    });
    for round in 0..5 {
        plugin.status().await.unwrap();
        plugin
            .status()
            .await
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
    }
    let before = commands.load(Ordering::Relaxed);
    plugin.command("turn_on", json!({})).await.unwrap();
    let error = plugin.command("turn_on", json!({})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted, "it may have acted");
    assert_eq!(commands.load(Ordering::Relaxed), before + 2);
}

/// hyper#2136: gunicorn closes what is idle for 2 s, and a client that keeps it longer meets that.
#[tokio::test]
async fn a10_a_connection_is_not_used_again_once_common_servers_may_close_it() {
    let (state, listener) = (
        tempfile::tempdir().unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let (_host, plugin) = running_at(state.path(), listener.local_addr().unwrap()).await;
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
                    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{\"success\":true}";
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    plugin.command("turn_on", json!({})).await.unwrap();
    let before = connections.load(Ordering::Relaxed);
    // The pause is what is tested: a server with a limit of 2 s begins to close here.
    tokio::time::sleep(Duration::from_millis(1_900)).await;
    plugin.command("turn_on", json!({})).await.unwrap();
    assert_eq!(connections.load(Ordering::Relaxed), before + 1);
}

/// What authors write where the protocol says `"error": "text", "code": "text"`.
#[tokio::test]
async fn a11_a_refusal_is_told_in_the_plugins_words_whatever_the_types_of_its_fields() {
    for (body, text, code) in [
        (
            r#"{"success":false,"error":"lamp is off","code":7}"#,
            "lamp is off",
            Some("7"),
        ),
        (
            r#"{"success":false,"error":"lamp is off","code":null,"details":null}"#,
            "lamp is off",
            None,
        ),
        (
            r#"{"success":false,"error":"lamp is off","code":{"a":1}}"#,
            "lamp is off",
            None,
        ),
        (
            r#"{"success":false,"error":{"code":"off","message":"lamp is off"}}"#,
            "lamp is off",
            Some("off"),
        ),
        (
            r#"{"success":false,"error":["lamp is off","fuse blew"]}"#,
            "lamp is off; fuse blew",
            None,
        ),
        (
            r#"{"success":false,"error":[{"message":"lamp is off"}]}"#,
            "lamp is off",
            None,
        ),
        (
            r#"{"success":false,"message":"lamp is off"}"#,
            "lamp is off",
            None,
        ),
        (
            r#"{"success":false,"error":true,"message":"lamp is off"}"#,
            "lamp is off",
            None,
        ),
        (
            r#"{"success":false,"error":"","detail":"lamp is off"}"#,
            "lamp is off",
            None,
        ),
        (r#"{"success":false,"error":7}"#, "7", None),
        (
            r#"{"success":false,"error":{"lamp":"off"}}"#,
            r#"{"lamp":"off"}"#,
            None,
        ),
        (r#"{"success":false}"#, "refused without saying why", None),
    ] {
        for status in [StatusCode::OK, StatusCode::CONFLICT] {
            let state = tempfile::tempdir().unwrap();
            let refuse = async move || (status, body);
            let router = Router::new()
                .route("/command", post(refuse))
                .route("/status", get(refuse));
            let (_host, plugin) = served(state.path(), router).await;
            for error in [
                plugin.command("turn_on", json!({})).await.unwrap_err(),
                plugin.status().await.unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::Rejected, "{body}");
                let wire = error.wire().unwrap();
                // What says nothing at all is shown as it is where the status alone refuses.
                if status == StatusCode::OK || !text.contains("without") {
                    assert_eq!(wire.error, text, "{body}");
                }
                assert_eq!(wire.code.as_deref(), code, "{body}");
            }
        }
    }
}

/// podman#1817: no container of an image starts whose `USER` the image does not know, however often.
#[tokio::test]
async fn a12_a_user_or_folder_that_the_image_lacks_is_the_images_fault_and_tried_once() {
    for words in [
        "unable to find user nosuch: no matching entries in passwd file",
        "linux spec user: unable to find group nosuch: no matching entries in group file",
        "uids and gids must be in range 0-2147483647",
        "OCI runtime create failed: Cwd must be an absolute path: unknown",
        "OCI runtime create failed: chdir to cwd (\"/x\") set in config.json failed: not a directory",
    ] {
        let state = tempfile::tempdir().unwrap();
        let says = Says {
            at_start: Some(words),
            ..Says::default()
        };
        let engine = Watched::new(Arc::new(FakeEngine::new()), Arc::new(says));
        let host = Supervisor::builder(engine, state.path()).start().await.unwrap();
        let plugin = host.install(light()).await.unwrap();
        let told = plugin.start().await.unwrap_err().to_string();
        let failed = until(&plugin, |state| state.failure.is_some()).await;
        let failure = failed.failure.unwrap();
        assert_eq!(failure.cause, FailureCause::Image, "{words}: {told}");
        assert_eq!((failed.phase, failed.retry_in), (Phase::Failed, None), "{words}");
        assert!(failure.message.contains(words), "{failure}");
        let hint = failure.hint.unwrap();
        assert!(hint.contains("USER") || hint.contains("WORKDIR"), "{hint}");
    }
}

/// podman#1817, on an engine.
#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a12_an_engine_says_of_a_user_that_does_not_exist_what_is_known_here() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    for (number, user) in ["nosuch", "65534:nosuch", "4294967290"].into_iter().enumerate() {
        let tag = format!("hap-tests-a12-{}:{number}", std::process::id())
            .parse()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        Fixture::Probe.make(&folder.path().join("probe"));
        let dockerfile = format!("FROM scratch\nCOPY probe /probe\nUSER {user}\nENTRYPOINT [\"/probe\"]\n");
        std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
        let context = BuildContext::new(folder.path(), "Dockerfile");
        let built = instance.engine().build(&context, &tag, ProgressSink::none());
        built.await.unwrap();
        let host = Supervisor::builder(instance.engine().clone(), state.path());
        let host = host.instance(instance.name().clone()).start().await.unwrap();
        let manifest = Manifest::builder(format!("p{number}"), "Probe", "1.0.0", tag.as_str());
        let plugin = host.install(manifest.build().unwrap()).await.unwrap();
        let told = plugin.start().await.unwrap_err().to_string();
        let failed = until(&plugin, |state| state.failure.is_some()).await;
        assert_eq!(
            failed.failure.unwrap().cause,
            FailureCause::Image,
            "{user}: {told}"
        );
        assert_eq!(failed.phase, Phase::Failed, "{user}: {told}");
        plugin.uninstall().await.unwrap();
        host.shutdown(hap_host::ShutdownMode::StopPlugins).await.unwrap();
        remove_image(&instance, &tag).await;
    }
}

/// Docker's own tools mean port 2375 by `tcp://host`.
#[tokio::test]
async fn a13_an_engines_address_without_a_port_means_dockers_port_and_says_so() {
    let error = DockerEngine::connect_to("tcp://127.77.0.1").await.unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::Unavailable);
    assert!(error.to_string().contains("tcp://127.77.0.1:2375"), "{error}");
    assert!(error.to_string().contains("address and port"), "{error}");
}

/// The protocol's page allowed a reply one level more than its reader does.
#[tokio::test]
async fn a15_a_reply_may_be_nested_as_deep_as_the_protocol_says_and_no_deeper() {
    let page = include_str!("../../../docs/protocol.md");
    let depth = page.split("JSON nested at most ").nth(1);
    let depth = depth.and_then(|rest| rest.split(' ').next());
    let depth: usize = depth.unwrap().parse().unwrap();
    for (depth, is_taken) in [(depth, true), (depth + 1, false)] {
        // The reply itself is the outermost.
        let lists = depth - 1;
        let (open, close) = ("[".repeat(lists), "]".repeat(lists));
        let body = format!(r#"{{"success":true,"result":{open}{close}}}"#);
        let state = tempfile::tempdir().unwrap();
        let router = Router::new().route("/command", post(async move || body));
        let (_host, plugin) = served(state.path(), router).await;
        let answered = plugin.command("turn_on", json!({})).await;
        match answered.map_err(|error| error.kind()) {
            Ok(_) => assert!(is_taken, "{depth}"),
            Err(kind) => assert!(!is_taken && kind == ErrorKind::InvalidReply, "{depth}: {kind:?}"),
        }
    }
}
