//! Isolation is not believed: what an engine granted is read back.

use std::{path::PathBuf, time::Duration};

use bollard::{Docker, query_parameters::InspectContainerOptions};
use hap_host::{
    ErrorKind, Policy, ShutdownMode, Supervisor,
    engine::{DockerEngine, Engine as _, EngineErrorKind},
};
use hap_manifest::Manifest;
use hap_tests::docker::{Instance, probe_image};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
};

/// A socket before the engine that drops one setting from each request, as an engine does that does
/// not know it: the setting's name is written as another of the same length.
fn dropping(uri: &str, setting: &'static str) -> (TempDir, String) {
    let engine = PathBuf::from(uri.strip_prefix("unix://").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = UnixStream::connect(&engine).await.unwrap();
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            tokio::spawn(hand_on(near_in, far_out, setting));
            tokio::spawn(hand_on(far_in, near_out, ""));
        }
    });
    (folder, format!("unix://{}", path.display()))
}

async fn hand_on(
    mut from: impl AsyncRead + Unpin + Send,
    mut to: impl AsyncWrite + Unpin + Send,
    setting: &str,
) {
    // Larger than any request here, so that one comes in one piece.
    let mut buffer = vec![0; 1 << 20];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let piece = &mut buffer[..read];
        if !setting.is_empty()
            && let Some(at) = piece
                .windows(setting.len())
                .position(|window| window == setting.as_bytes())
        {
            // The name's first letter, behind the quotation mark.
            piece[at + 1] = b'_';
        }
        if to.write_all(piece).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s12_a_container_that_lacks_a_wall_is_removed_and_the_wall_is_named() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    instance.engine().prepare(instance.name()).await.unwrap();
    let image = probe_image().await;
    for (setting, wall) in [
        ("\"CapDrop\"", "dropped capabilities"),
        ("\"SecurityOpt\"", "no-new-privileges"),
        ("\"ReadonlyRootfs\"", "read-only root"),
        ("\"PidsLimit\"", "limit of processes"),
        ("\"NanoCpus\"", "processor limit"),
        ("\"Ulimits\"", "limit of open files"),
        ("\"Tmpfs\"", "memory file systems"),
    ] {
        let (_folder, uri) = dropping(instance.engine().uri(), setting);
        let engine = DockerEngine::connect_to(&uri).await.unwrap();
        let error = engine.create(&instance.spec("light", &image)).await.unwrap_err();
        assert_eq!(error.kind(), EngineErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains(wall), "{setting}: {error}");
        assert_eq!(instance.engine().list(instance.name()).await.unwrap(), []);
    }
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s12_a_runtime_that_the_engine_lacks_refuses_the_start_and_one_that_it_has_is_used() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let (state, image) = (tempfile::tempdir().unwrap(), probe_image().await);
    let builder = |policy: Policy| {
        Supervisor::builder(instance.engine().clone(), state.path())
            .instance(instance.name().clone())
            .policy(policy)
    };
    let error = builder(Policy::default().runtime("no-such-runtime"))
        .start()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    for part in ["no-such-runtime", "runc"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    // Past the start, too: nothing falls back to the engine's default.
    let mut spec = instance.spec("light", &image);
    spec.runtime = Some("no-such-runtime".to_owned());
    instance.engine().prepare(instance.name()).await.unwrap();
    instance.engine().create(&spec).await.unwrap_err();

    let known = instance.engine().info().await.unwrap().runtimes.unwrap();
    let chosen = if known.iter().any(|name| name == "crun") {
        "crun"
    } else {
        "runc"
    };
    let supervisor = builder(Policy::default().runtime(chosen)).start().await.unwrap();
    let text = format!(
        r#"{{"id":"light","name":"Probe","version":"1.0.0","description":"d","author":"a","image":"{image}",
            "api_port":8000,"network_access":false}}"#
    );
    let manifest = Manifest::from_json(&text).unwrap().manifest;
    let light = supervisor.install(manifest).await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), light.start())
        .await
        .unwrap()
        .unwrap();
    let docker = Docker::connect_with_host(instance.engine().uri()).unwrap();
    let id = light.state().container.unwrap();
    let found = docker
        .inspect_container(id.as_str(), None::<InspectContainerOptions>)
        .await
        .unwrap();
    assert_eq!(found.host_config.unwrap().runtime.as_deref(), Some(chosen));
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
