//! Isolation is not believed: what an engine granted is read back, and what it promises is measured.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use bollard::{Docker, query_parameters::InspectContainerOptions};
use hap_host::{
    ErrorKind, EventStream, FailureCause, HostEventKind, IsolationState, LostIsolation, Phase, Policy,
    ShutdownMode, StreamItem, Supervisor,
    engine::{DockerEngine, Engine as _, EngineErrorKind, IsolationLoss, NetworkMode},
};
use hap_manifest::Manifest;
use hap_tests::docker::{Fixture, Instance, PrivateDocker, image, in_private_network, probe_image};
use rustix::process::Signal;
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

/// Longest until a loss, or its end, is told of.
const TOLD_WITHIN: Duration = Duration::from_secs(120);

async fn measuring(instance: &Instance, state: &std::path::Path, policy: Policy) -> Supervisor {
    Supervisor::builder(instance.engine().clone(), state)
        .instance(instance.name().clone())
        .policy(policy)
        .measure_isolation_every(Some(Duration::from_secs(2)))
        .start()
        .await
        .unwrap()
}

/// The next event of the host.
async fn next(events: &mut EventStream) -> HostEventKind {
    let told = async {
        loop {
            if let Some(StreamItem::Host(event)) = events.next().await {
                return event.kind;
            }
        }
    };
    tokio::time::timeout(TOLD_WITHIN, told).await.unwrap()
}

async fn loss(events: &mut EventStream) -> IsolationLoss {
    match next(events).await {
        HostEventKind::IsolationLost(loss) => loss,
        other => panic!("{other:?}"),
    }
}

async fn until(supervisor: &Supervisor, wanted: impl Fn(&IsolationState) -> bool) {
    let comes = async {
        while !wanted(&supervisor.isolation()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let came = tokio::time::timeout(TOLD_WITHIN, comes).await;
    assert!(came.is_ok(), "{:?}", supervisor.isolation());
}

async fn until_holds(supervisor: &Supervisor) {
    until(supervisor, IsolationState::holds).await;
}

/// What the kernel of this network is told, and what it answers.
fn run(command: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(command)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command} {arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Nothing of a measurement is left on the engine: no container, and no image without a name.
async fn nothing_is_left(instance: &Instance) {
    let docker = Docker::connect_with_host(instance.engine().uri()).unwrap();
    let options = bollard::query_parameters::ListContainersOptionsBuilder::default()
        .all(true)
        .build();
    let containers = docker.list_containers(Some(options)).await.unwrap();
    let label = |labels: &std::collections::HashMap<String, String>| {
        labels
            .iter()
            .any(|(name, value)| name.starts_with("hap.probe.") && *value == instance.name().to_string())
    };
    assert!(
        !containers
            .iter()
            .any(|one| one.labels.as_ref().is_some_and(label)),
        "{containers:?}"
    );
    let images = docker
        .list_images(None::<bollard::query_parameters::ListImagesOptions>)
        .await
        .unwrap();
    assert!(!images.iter().any(|one| label(&one.labels)), "{images:?}");
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s12_isolation_that_holds_is_measured_and_nothing_is_left_of_the_measurement() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let supervisor = crate::supervisor(&instance, state.path(), Policy::default()).await;
    assert!(!supervisor.isolation().holds());
    until_holds(&supervisor).await;
    supervisor.measure_isolation().await.unwrap();
    nothing_is_left(&instance).await;
    // One that is given up is cleared away too, and the next goes on.
    let given_up = tokio::time::timeout(Duration::from_millis(700), supervisor.measure_isolation()).await;
    assert!(given_up.is_err());
    let state = supervisor.measure_isolation().await.unwrap();
    assert!(state.holds(), "{state:?}");
    nothing_is_left(&instance).await;
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    assert!(
        instance
            .engine()
            .isolation_signs(instance.name())
            .await
            .unwrap()
            .facts
            .iter()
            .any(|fact| fact.starts_with("no network"))
    );
}

#[test]
#[ignore = "needs root and dockerd"]
fn s12_an_engine_without_its_rules_is_told_of_and_stops_the_plugins_of_a_host_that_wants_it() {
    in_private_network(|| async {
        let docker = PrivateDocker::start_with(&["--iptables=false"]).await;
        let instance = Instance::on(docker.engine().await).unwrap();
        let state = tempfile::tempdir().unwrap();
        let policy = Policy::default().lost_isolation(LostIsolation::StopPlugins);
        let supervisor = measuring(&instance, state.path(), policy).await;
        let mut events = supervisor.events();
        let loss = loss(&mut events).await;
        let (isolated, outbound) = (NetworkMode::Isolated, NetworkMode::Outbound);
        for way in [(isolated, isolated), (outbound, outbound)] {
            assert!(loss.open.contains(&way), "{loss:?}");
        }
        assert!(loss.hint.contains("--iptables=false"), "{loss}");
        assert!(supervisor.metrics().contains("hap_isolation{state=\"lost\"} 1"));
        let image = image(instance.engine(), Fixture::Probe).await;
        let light = supervisor
            .install(crate::modest("light", image.as_str()))
            .await
            .unwrap();
        let error = light.start().await.unwrap_err();
        assert_eq!(light.state().failure.unwrap().cause, FailureCause::IsolationLost);
        assert!(
            error.to_string().contains("plugins are not kept apart"),
            "{error}"
        );
        supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    });
}

#[test]
#[ignore = "needs root and dockerd"]
fn s12_rules_that_a_firewall_removes_are_missed_and_regained_isolation_is_told() {
    in_private_network(|| async {
        let mut docker = PrivateDocker::start(false).await;
        let instance = Instance::on(docker.engine().await).unwrap();
        let state = tempfile::tempdir().unwrap();
        let supervisor = measuring(&instance, state.path(), Policy::default()).await;
        let image = image(instance.engine(), Fixture::Probe).await;
        let light = supervisor
            .install(crate::modest("light", image.as_str()))
            .await
            .unwrap();
        light.start().await.unwrap();
        until_holds(&supervisor).await;
        let mut events = supervisor.events();

        let rules = run("iptables-save", &["-t", "filter"], "");
        run("iptables", &["-P", "FORWARD", "ACCEPT"], "");
        run("iptables", &["-F", "FORWARD"], "");
        let lost = loss(&mut events).await;
        // What was measured while the rules went is completed by the next measurement.
        let isolated = NetworkMode::Isolated;
        until(&supervisor, |state| {
            state
                .loss()
                .is_some_and(|loss| loss.open.contains(&(isolated, isolated)))
        })
        .await;
        assert!(lost.hint.contains("restarting Docker"), "{lost}");
        assert!(!supervisor.isolation().holds());
        assert_eq!(
            light.state().phase,
            Phase::Healthy,
            "it goes on, as the policy says"
        );
        run("iptables-restore", &["-T", "filter"], &rules);
        assert_eq!(next(&mut events).await, HostEventKind::IsolationRegained);
        assert!(supervisor.isolation().holds());

        // Only what keeps those with network access apart.
        let subnet = outbound_subnet(&instance).await;
        run(
            "iptables",
            &["-I", "FORWARD", "1", "-s", &subnet, "-d", &subnet, "-j", "ACCEPT"],
            "",
        );
        let lost = loss(&mut events).await;
        assert_eq!(lost.open, [(NetworkMode::Outbound, NetworkMode::Outbound)]);
        // The engine makes its rules anew when it starts, and it is measured when it is back.
        docker.end(Signal::TERM).await;
        run("iptables", &["-F", "FORWARD"], "");
        docker.resume().await;
        assert_eq!(next(&mut events).await, HostEventKind::IsolationRegained);
        supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    });
}

async fn outbound_subnet(instance: &Instance) -> String {
    let docker = Docker::connect_with_host(instance.engine().uri()).unwrap();
    let options = None::<bollard::query_parameters::ListNetworksOptions>;
    let networks = docker.list_networks(options).await.unwrap();
    let name = format!("hap-{}-outbound", instance.name());
    let network = networks
        .into_iter()
        .find(|network| network.name.as_deref() == Some(&name));
    let configs = network.unwrap().ipam.unwrap().config.unwrap();
    configs.into_iter().find_map(|config| config.subnet).unwrap()
}

#[test]
#[ignore = "needs root and dockerd"]
fn s12_a_kernel_that_stops_filtering_bridges_is_noticed() {
    in_private_network(|| async {
        let docker = PrivateDocker::start(false).await;
        let instance = Instance::on(docker.engine().await).unwrap();
        let state = tempfile::tempdir().unwrap();
        let supervisor = measuring(&instance, state.path(), Policy::default()).await;
        until_holds(&supervisor).await;
        let mut events = supervisor.events();
        let setting = "/proc/sys/net/bridge/bridge-nf-call-iptables";
        std::fs::write(setting, "0").unwrap();
        let lost = loss(&mut events).await;
        assert!(lost.hint.contains("set it to 1"), "{lost}");
        assert!(matches!(supervisor.isolation(), IsolationState::Lost { .. }));
        std::fs::write(setting, "1").unwrap();
        assert_eq!(next(&mut events).await, HostEventKind::IsolationRegained);
        supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    });
}
