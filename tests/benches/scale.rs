//! A hundred plugins: how soon all are healthy, against the raw Docker API and Docker Compose in the same run; what the
//! host costs while it watches them; how soon a new host has adopted them.
//!
//! `cargo bench -p hap-tests --bench scale` (needs a Docker engine; `-- 20` takes twenty plugins instead). The
//! raw side makes and starts twins of one plugin's container (the same image, limits, hardening and network) and polls
//! `/health` until each answers, with as many at a time as it is told; the best of its concurrencies counts. Compose
//! gets as many services with the same limits and hardening, each with its port published on loopback, where there is a
//! `docker compose` or `docker-compose`.
#![expect(
    clippy::print_stdout,
    reason = "printing the figures is what this program is for"
)]

use std::{
    collections::BTreeMap,
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use bollard::{
    Docker,
    query_parameters::{RemoveImageOptions, TagImageOptionsBuilder},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use hap_examples::{Failure, Story, instance, light};
use hap_host::{Desired, ErrorKind, Phase, PluginSource, ShutdownMode, Supervisor, engine::DockerEngine};
use hap_manifest::Manifest;
use hap_tests::measure::{
    argument,
    twin::{Twin, remove},
    usage,
};
use serde_json::json;

const PLUGINS: usize = 100;
/// Of the raw side; around twice the cores, where the engine saturates, and above.
const CONCURRENCIES: [usize; 3] = [4, 8, 16];
/// Each side takes so many turns.
const ROUNDS: usize = 2;
const WATCHED: Duration = Duration::from_secs(60);
const DEADLINE: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() -> ExitCode {
    let story = Story::new();
    let plugins = argument().and_then(|plugins| plugins.parse().ok());
    match measure(&story, plugins.unwrap_or(PLUGINS)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            story.fail(&failure);
            ExitCode::FAILURE
        }
    }
}

async fn measure(story: &Story, plugins: usize) -> Result<(), Failure> {
    let state = tempfile::tempdir()?;
    story
        .during(
            "cargo build --profile small",
            light::beside_dockerfile(light::build_small()),
        )
        .await?;
    let instance = instance("scale")?;
    let engine = DockerEngine::connect().await?;
    let open = || {
        Supervisor::builder(engine.clone(), state.path())
            .instance(instance.clone())
            .start()
    };
    let supervisor = open().await?;
    let first = supervisor.install(PluginSource::folder(light::folder())).await?;
    first.start().await?;
    let docker = Docker::connect_with_local_defaults()?;
    let twin = Twin::of(&docker, &first).await?;
    let rivals = Raw {
        docker: &docker,
        twin: &twin,
        prefix: format!("scale-twin-{}", std::process::id()),
    };
    // What was built has a name of the instance's own, which no manifest may ask for.
    let shared_image = format!("hap-bench-scale:{}", std::process::id());
    let (name, version) = shared_image.split_once(':').unwrap_or_default();
    let tag = TagImageOptionsBuilder::default().repo(name).tag(version).build();
    docker.tag_image(twin.image(), Some(tag)).await?;
    for index in 1..plugins {
        supervisor
            .install(another(&first.manifest(), index, &shared_image)?)
            .await?;
    }
    stop_all(&supervisor).await?;

    story.say(&supervisor.engine_info().to_string());
    let compose = Compose::find(&twin).await?;
    if compose.is_none() {
        story.say("there is no docker-compose, so it is left out");
    }
    let mut composed = Vec::new();
    let mut ours = Vec::new();
    let mut raw = BTreeMap::<usize, Vec<f64>>::new();
    for round in 1..=ROUNDS {
        story.say(&format!("round {round} of {ROUNDS}"));
        recreate(&supervisor).await?;
        let began = Instant::now();
        all_healthy(&supervisor).await?;
        ours.push(began.elapsed().as_secs_f64());
        story.say(&format!(
            "supervisor: {plugins} healthy in {:.1} s",
            seconds(&ours)
        ));
        stop_all(&supervisor).await?;
        for concurrency in CONCURRENCIES {
            let took = rivals.start_all(plugins, concurrency).await;
            rivals.remove_all(plugins).await;
            let took = took?.as_secs_f64();
            story.say(&format!("raw API, {concurrency} at a time: {took:.1} s"));
            raw.entry(concurrency).or_default().push(took);
        }
        if let Some(compose) = &compose {
            let took = compose.start_all(plugins).await;
            compose.remove_all().await;
            let took = took?.as_secs_f64();
            story.say(&format!("{}: {took:.1} s", compose.command));
            composed.push(took);
        }
    }
    let (best, rival) = raw
        .iter_mut()
        .map(|(concurrency, figures)| (*concurrency, least(figures)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .ok_or("nothing was measured")?;
    let ours = least(&ours);

    all_healthy(&supervisor).await?;
    let cost = story.during("measuring the host", usage::over(WATCHED)).await?;
    let before = containers(&supervisor);
    supervisor.shutdown(ShutdownMode::LeaveRunning).await?;
    drop(supervisor);
    let began = Instant::now();
    let supervisor = open().await?;
    all_healthy(&supervisor).await?;
    let adopted = began.elapsed();
    let same = containers(&supervisor) == before;

    for plugin in supervisor.plugins() {
        plugin.set_desired(Desired::Removed { with_data: true }).await?;
    }
    for plugin in supervisor.plugins() {
        let removed = plugin.uninstall().remove_data(true).await;
        // It may be gone by now.
        if let Err(error) = removed
            && error.kind() != ErrorKind::Gone
        {
            return Err(error.into());
        }
    }
    supervisor.shutdown(ShutdownMode::StopPlugins).await?;
    let nothing = None::<RemoveImageOptions>;
    docker.remove_image(&shared_image, nothing, None).await?;

    println!("\n{plugins} plugins, from nothing to all healthy, the best of {ROUNDS}:");
    println!("  supervisor                    {ours:6.1} s");
    println!("  raw API, {best:2} at a time          {rival:6.1} s");
    println!("  ratio                         {:6.2}", ours / rival);
    if let Some(compose) = compose {
        let composed = least(&composed);
        println!("  {:28}  {composed:6.1} s", compose.command);
        println!("  ratio                         {:6.2}", ours / composed);
    }
    println!("the host while it watches them, over {WATCHED:?}:");
    println!("  CPU, of one core              {:6.2} %", cost.cpu_percent);
    println!(
        "  resident memory               {:6.1} MiB",
        hap_examples::mebibytes(cost.resident_bytes)
    );
    println!("a new host has adopted all:");
    println!("  after                         {:6.2} s", adopted.as_secs_f64());
    println!("  the same containers           {same:>6}");
    if same {
        Ok(())
    } else {
        Err("a plugin was restarted by its adoption".into())
    }
}

/// The light under another id, of an image that is there.
fn another(light: &Manifest, index: usize, image: &str) -> Result<Manifest, Failure> {
    let mut json: serde_json::Map<_, _> = serde_json::from_str(&light.to_json())?;
    json.insert("image".to_owned(), image.into());
    json.insert("id".to_owned(), format!("{}-{index}", light.id()).into());
    Ok(serde_json::from_value(json.into())?)
}

async fn all_healthy(supervisor: &Supervisor) -> Result<(), Failure> {
    for plugin in supervisor.plugins() {
        plugin.set_desired(Desired::Running).await?;
    }
    for plugin in supervisor.plugins() {
        let healthy = plugin.wait_for(|state| state.phase == Phase::Healthy);
        tokio::time::timeout(DEADLINE, healthy).await??;
    }
    Ok(())
}

async fn stop_all(supervisor: &Supervisor) -> Result<(), Failure> {
    for plugin in supervisor.plugins() {
        plugin.set_desired(Desired::Stopped).await?;
    }
    for plugin in supervisor.plugins() {
        let stopped = plugin.wait_for(|state| state.phase == Phase::Stopped);
        tokio::time::timeout(DEADLINE, stopped).await??;
    }
    Ok(())
}

/// Leaves every plugin installed and without a container, as it is before its first start.
async fn recreate(supervisor: &Supervisor) -> Result<(), Failure> {
    let docker = Docker::connect_with_local_defaults()?;
    for plugin in supervisor.plugins() {
        if let Some(container) = plugin.state().container {
            remove(&docker, container.as_str()).await;
        }
    }
    for plugin in supervisor.plugins() {
        let gone = plugin.wait_for(|state| state.container.is_none());
        tokio::time::timeout(DEADLINE, gone).await??;
    }
    Ok(())
}

fn containers(supervisor: &Supervisor) -> Vec<String> {
    let plugins = supervisor.plugins();
    let ids = plugins.iter().filter_map(|plugin| plugin.state().container);
    ids.map(|id| id.as_str().to_owned()).collect()
}

/// Twins by number, straight through the API.
struct Raw<'a> {
    docker: &'a Docker,
    twin: &'a Twin,
    prefix: String,
}

impl Raw<'_> {
    async fn start_all(&self, count: usize, concurrency: usize) -> Result<Duration, Failure> {
        let began = Instant::now();
        stream::iter(0..count)
            .map(|index| self.start(index))
            .buffer_unordered(concurrency)
            .try_collect::<()>()
            .await?;
        Ok(began.elapsed())
    }

    async fn start(&self, index: usize) -> Result<(), Failure> {
        let name = format!("{}-{index}", self.prefix);
        self.twin.start(&name).await?;
        self.twin.answers(&name).await
    }

    async fn remove_all(&self, count: usize) {
        let names = (0..count).map(|index| format!("{}-{index}", self.prefix));
        stream::iter(names)
            .for_each_concurrent(4, |name| async move { remove(self.docker, &name).await })
            .await;
    }
}

/// As many services in the hands of Docker Compose.
struct Compose<'a> {
    command: &'static str,
    between: char,
    folder: tempfile::TempDir,
    project: String,
    twin: &'a Twin,
}

impl<'a> Compose<'a> {
    async fn find(twin: &'a Twin) -> Result<Option<Self>, Failure> {
        for command in ["docker compose", "docker-compose"] {
            let found = words(command).args(["version", "--short"]).output().await;
            if let Some(found) = found.ok().filter(|found| found.status.success()) {
                let folder = tempfile::tempdir()?;
                return Ok(Some(Self {
                    command,
                    // Version 1 and later ones put other characters between the parts of a name.
                    between: if found.stdout.starts_with(b"1.") { '_' } else { '-' },
                    folder,
                    project: format!("scale-{}", std::process::id()),
                    twin,
                }));
            }
        }
        Ok(None)
    }

    fn run(&self) -> tokio::process::Command {
        let mut run = words(self.command);
        run.args(["--project-name", &self.project, "--file"])
            .arg(self.folder.path().join("compose.json"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        run
    }

    async fn start_all(&self, count: usize) -> Result<Duration, Failure> {
        let service = json!({
            "image": self.twin.image(), "mem_limit": "64m", "memswap_limit": "64m", "cpus": 0.5, "pids_limit": 256,
            "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"], "read_only": true, "tmpfs": ["/tmp"],
            "init": true, "volumes": ["/data"], "environment": {"HAP_BIND": "0.0.0.0"}, "ports": ["127.0.0.1::8000"],
        });
        let services: serde_json::Map<_, _> = (0..count)
            .map(|index| (format!("s{index}"), service.clone()))
            .collect();
        let file = json!({"version": "2.4", "services": services}).to_string();
        std::fs::write(self.folder.path().join("compose.json"), file)?;
        let began = Instant::now();
        if !self.run().args(["up", "--detach"]).status().await?.success() {
            return Err(format!("{} up failed", self.command).into());
        }
        for index in 0..count {
            let between = self.between;
            let name = format!("{}{between}s{index}{between}1", self.project);
            self.twin.answers(&name).await?;
        }
        Ok(began.elapsed())
    }

    async fn remove_all(&self) {
        // What does not go is told by the next round, which finds it.
        let _ = self
            .run()
            .args(["down", "--volumes", "--timeout", "1"])
            .status()
            .await;
    }
}

fn words(command: &str) -> tokio::process::Command {
    let mut words = command.split(' ');
    let mut run = tokio::process::Command::new(words.next().unwrap_or_default());
    run.args(words);
    run
}

fn least(figures: &[f64]) -> f64 {
    figures.iter().copied().fold(f64::INFINITY, f64::min)
}

fn seconds(figures: &[f64]) -> f64 {
    figures.last().copied().unwrap_or_default()
}
