//! A state folder that the version of before wrote, and the containers that it left running.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use hap_host::{
    Cursor, Delivery, Desired, Phase, ProbationPolicy, RunsAs, ShutdownMode, SubscribeOptions, Supervisor,
    UpdateResult,
    engine::{
        ContainerSpec, Engine as _, EnvVar, FakeEngine, InstanceName, NetworkMode, Observed, ResourceLimits,
        VolumeCopy, VolumeMount, labels,
    },
};
use hap_manifest::PluginId;
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::json;

use crate::{builder, until};

const DATABASE: &str = include_str!("../../fixtures/state/v5.sql");
const CONTAINERS: &str = include_str!("../../fixtures/state/v5.containers.json");

/// The port of the listener is in the folder: one host at a time.
static PORT: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What the version of before had on its engine.
#[derive(Deserialize)]
struct Left {
    containers: Vec<Container>,
    volumes: Vec<String>,
}

/// A container, made from a spec of the version of before.
#[derive(Deserialize)]
struct Container {
    name: String,
    plugin: PluginId,
    image: String,
    port: u16,
    env: Vec<(String, String, bool)>,
    labels: BTreeMap<String, String>,
    memory: u64,
    cpus: u64,
    pids: u32,
    network: String,
    volumes: Vec<(String, String)>,
    running: bool,
}

impl Container {
    fn spec(&self) -> ContainerSpec {
        let limits = ResourceLimits::new(self.memory, self.cpus, self.pids);
        let (name, image) = (self.name.clone(), self.image.clone());
        let instance = InstanceName::new(self.labels.get(labels::INSTANCE).unwrap()).unwrap();
        let mut spec = ContainerSpec::new(name, self.plugin.clone(), instance, image, limits, self.port);
        spec.env = self
            .env
            .iter()
            .map(|(name, value, secret)| match secret {
                true => EnvVar::secret(name, value),
                false => EnvVar::plain(name, value),
            })
            .collect();
        spec.labels = self.labels.clone();
        spec.network = match self.network.as_str() {
            "Isolated" => NetworkMode::Isolated,
            _ => NetworkMode::Outbound,
        };
        let volumes = self.volumes.iter();
        spec.volumes = volumes
            .map(|(name, path)| VolumeMount::new(name.clone(), path.clone()))
            .collect();
        spec
    }
}

/// Puts everything where the version of before left it.
async fn from_before(state: &Path) -> FakeEngine {
    fs::set_permissions(state, fs::Permissions::from_mode(0o700)).unwrap();
    let database = Connection::open(state.join("hap.db")).unwrap();
    database.execute_batch(DATABASE).unwrap();
    let left: Left = serde_json::from_str(CONTAINERS).unwrap();
    let engine = FakeEngine::new();
    for container in left.containers {
        let id = engine.create(&container.spec()).await.unwrap();
        if container.running {
            engine.start(&id).await.unwrap();
        }
    }
    // What the plugin's container mounts is there with it; the other one is a copy from before its update.
    let [data, snapshot] = &left.volumes[..] else {
        panic!("{:?}", left.volumes);
    };
    engine.write_volume(data, "of 1.0.0");
    let plugin = PluginId::new("light").unwrap();
    let image = "light:1.0.0".to_owned();
    let pair = vec![(data.clone(), snapshot.clone())];
    let copy = VolumeCopy::new(InstanceName::new("home").unwrap(), plugin, image, pair);
    engine.copy_volumes(&copy).await.unwrap();
    engine.write_volume(data, "of 1.1.0");
    engine
}

async fn host(engine: &FakeEngine, state: &Path) -> Supervisor {
    let probation = ProbationPolicy::default().healthy_for(Duration::from_millis(200));
    let builder = builder(engine, state).instance(InstanceName::new("home").unwrap());
    builder.probation_policy(probation).start().await.unwrap()
}

fn of(engine: &FakeEngine, plugin: &str) -> Observed {
    let mut found = engine.containers().into_iter();
    found.find(|one| one.plugin.as_str() == plugin).unwrap()
}

#[tokio::test]
async fn a_state_folder_of_the_version_before_opens_and_its_plugins_run_on_without_a_restart() {
    let _alone = PORT.lock().await;
    let state = tempfile::tempdir().unwrap();
    let engine = from_before(state.path()).await;
    let (before, stopped) = (of(&engine, "light"), of(&engine, "lamp"));
    let host = host(&engine, state.path()).await;
    assert_eq!(host.events_port(), 19_387);

    let light = host.plugin(&PluginId::new("light").unwrap()).unwrap();
    let healthy = until(&light, |state| state.phase == Phase::Healthy).await;
    assert_eq!((healthy.desired, healthy.restarts), (Desired::Running, 0));
    assert_eq!(
        healthy.runs_as,
        RunsAs::AsBefore,
        "it stays as it was, and says so"
    );
    let adopted = of(&engine, "light");
    assert_eq!((&adopted.id, adopted.started_at), (&before.id, before.started_at));
    assert_eq!(light.manifest().version().to_string(), "1.1.0");
    assert_eq!(light.limits().memory_bytes, 96 << 20);
    assert_eq!(light.env().get("LEVEL"), Some("2"));
    let shown = json!({"level": 3, "key": "[REDACTED]"});
    assert_eq!(light.config().await.unwrap(), Some(shown));
    assert_eq!(light.previous_version().unwrap().to_string(), "1.0.0");
    let last = healthy.last_update.unwrap();
    assert_eq!(last.result, UpdateResult::Committed);

    let lamp = host.plugin(&PluginId::new("lamp").unwrap()).unwrap();
    assert_eq!(
        (lamp.state().desired, lamp.state().phase),
        (Desired::Stopped, Phase::Stopped)
    );
    assert_eq!(of(&engine, "lamp").started_at, stopped.started_at);

    let mut events = host.plugin_events(SubscribeOptions::default().after(Cursor::START));
    let first = tokio::time::timeout(crate::DEADLINE, events.next())
        .await
        .unwrap();
    let Some(Ok(Delivery::Event(event))) = first else {
        panic!("{first:?}");
    };
    assert_eq!(
        (event.event.id.as_str(), event.event.r#type.as_str()),
        ("kept", "motion")
    );
    host.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
}

#[tokio::test]
async fn a_plugin_of_the_version_before_is_sealed_at_its_next_restart_and_goes_back_with_its_data() {
    let _alone = PORT.lock().await;
    let state = tempfile::tempdir().unwrap();
    let engine = from_before(state.path()).await;
    let before = of(&engine, "light");
    let host = host(&engine, state.path()).await;
    let light = host.plugin(&PluginId::new("light").unwrap()).unwrap();
    until(&light, |state| state.phase == Phase::Healthy).await;
    assert_eq!(of(&engine, "light").seal, None);
    light.restart().await.unwrap();
    let anew = of(&engine, "light");
    assert!(anew.seal.is_some());
    assert_ne!(anew.id, before.id);
    let spec = engine.spec(light.id()).unwrap();
    let keys = |name: &str| {
        let mut env = spec.env.iter();
        env.find(|var| var.name() == name)
            .unwrap()
            .expose_value()
            .to_owned()
    };
    assert_eq!(
        keys("HAP_API_TOKEN"),
        "hap_bc0pljOcy2LdXVJ2lR5RhOpmtdrHB_AExdagcBVqgRI"
    );
    assert_eq!(keys("KEY"), "hunter2");
    light.roll_back().restore_data(true).await.unwrap();
    assert_eq!(light.manifest().version().to_string(), "1.0.0");
    let data = &spec.volumes[0].name;
    assert_eq!(engine.read_volume(data).unwrap(), "of 1.0.0");
    host.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

/// Its data is root's, and the one that it had would find it closed.
#[tokio::test]
async fn a_plugin_of_the_version_before_stays_the_user_that_it_was_and_a_new_one_is_nobody_else() {
    let _alone = PORT.lock().await;
    let state = tempfile::tempdir().unwrap();
    let engine = from_before(state.path()).await;
    let host = host(&engine, state.path()).await;
    let light = host.plugin(&PluginId::new("light").unwrap()).unwrap();
    let next = light.manifest().to_builder().version("1.2.0").build().unwrap();
    light.update(next).await.unwrap();
    assert_eq!(light.state().runs_as, RunsAs::AsBefore);
    assert_eq!(engine.spec(light.id()).unwrap().user, None);

    let manifest = hap_manifest::Manifest::builder("fresh", "Fresh", "1.0.0", "light:1.0.0");
    let fresh = host.install(manifest.build().unwrap()).await.unwrap();
    fresh.start().await.unwrap();
    let spec = engine.spec(fresh.id()).unwrap();
    let RunsAs::Own(number) = fresh.state().runs_as else {
        panic!("{:?}", fresh.state());
    };
    assert_eq!(spec.user, Some(format!("{number}:{number}")));
    assert!(spec.owns_volumes);
    // Installed again it is new to this host, and its data becomes its own.
    light.uninstall().await.unwrap();
    let again = host.install(light.manifest().as_ref().clone()).await.unwrap();
    again.start().await.unwrap();
    assert!(matches!(again.state().runs_as, RunsAs::Own(other) if other != number));
    host.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
