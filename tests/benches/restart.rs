//! From a plugin's death to its first healthy answer: the supervisor against Docker's own `restart: always`, in one run.
//!
//! `cargo bench -p hap-tests --bench restart` (needs a Docker engine). The two containers are twins:
//! the same image, limits, hardening and network. Each process is killed with SIGKILL after it has been
//! healthy for more than ten seconds, and the host polls `/health` every millisecond until it answers again. The two
//! take turns, so a slow moment of the machine hits both.
#![expect(
    clippy::print_stdout,
    reason = "printing the figures is what this program is for"
)]

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use bollard::{
    Docker,
    models::{RestartPolicy, RestartPolicyNameEnum},
    query_parameters::InspectContainerOptions,
};
use hap_examples::{Failure, Story, instance, light};
use hap_host::{PluginHandle, PluginSource, ShutdownMode, Supervisor, engine::DockerEngine};
use hap_tests::measure::twin::{Twin, remove};

/// Kills of each of the two.
const ROUNDS: usize = 15;
/// Docker forgets its delay after ten seconds of running, and so does the supervisor's calm run.
const CALM: Duration = Duration::from_secs(11);
const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> ExitCode {
    let story = Story::new();
    match measure(&story).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            story.fail(&failure);
            ExitCode::FAILURE
        }
    }
}

async fn measure(story: &Story) -> Result<(), Failure> {
    let state = tempfile::tempdir()?;
    story
        .during(
            "cargo build --profile small",
            light::beside_dockerfile(light::build_small()),
        )
        .await?;
    let builder = Supervisor::builder(DockerEngine::connect().await?, state.path());
    let supervisor = builder.instance(instance("benchmark")?).start().await?;
    let light = supervisor.install(PluginSource::folder(light::folder())).await?;
    light.start().await?;
    let docker = Docker::connect_with_local_defaults()?;
    let rival = format!("restart-always-{}", std::process::id());
    let run = rounds(story, &docker, &light, &rival).await;
    remove(&docker, &rival).await;
    light.uninstall().remove_data(true).await?;
    supervisor.shutdown(ShutdownMode::StopPlugins).await?;
    let (mut ours, mut dockers) = run?;
    let (ours, dockers) = (median(&mut ours), median(&mut dockers));
    println!("\nfrom SIGKILL to the first healthy answer, median of {ROUNDS}:");
    println!("  supervisor              {ours:7.0} ms");
    println!("  docker restart: always  {dockers:7.0} ms");
    println!("  ratio                   {:7.2}", ours / dockers);
    Ok(())
}

async fn rounds(
    story: &Story,
    docker: &Docker,
    light: &PluginHandle,
    rival: &str,
) -> Result<(Vec<f64>, Vec<f64>), Failure> {
    // A twin in Docker's own hands.
    let always = RestartPolicy {
        name: Some(RestartPolicyNameEnum::ALWAYS),
        maximum_retry_count: None,
    };
    let twin = Twin::of(docker, light).await?.restarting(always);
    twin.start(rival).await?;
    let http = reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .timeout(DEADLINE)
        .build()?;
    let (mut ours, mut dockers) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        // One crash is measured, not a loop of them: wanting what is wanted already forgives the ones before.
        light.start().await?;
        story
            .wait(&format!("round {round} of {ROUNDS}: letting both run"), CALM)
            .await;
        let container = light.state().container.ok_or("the plugin has no container")?;
        ours.push(kill_and_wait(&http, docker, container.as_str()).await?);
        dockers.push(kill_and_wait(&http, docker, rival).await?);
        let (ours, dockers) = (ours.last().unwrap_or(&0.0), dockers.last().unwrap_or(&0.0));
        story.say(&format!(
            "supervisor {ours:.0} ms, docker restart: always {dockers:.0} ms"
        ));
    }
    Ok((ours, dockers))
}

/// Kills a container's process as a crash would, and returns the milliseconds until it answers again.
async fn kill_and_wait(http: &reqwest::Client, docker: &Docker, container: &str) -> Result<f64, Failure> {
    let before = started_at(docker, container).await?;
    let seen = docker
        .inspect_container(container, None::<InspectContainerOptions>)
        .await?;
    // 0 stands for no process here, and for the whole process group in a call of `kill`.
    let pid = seen.state.and_then(|state| state.pid).filter(|pid| *pid > 1);
    let pid = pid.ok_or("the container has no process")?;
    // By signal and not by the API: after `docker kill` the engine takes the end for wanted and does not restart.
    let killed = tokio::process::Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status()
        .await?;
    if !killed.success() {
        return Err("the process could not be killed: run this as root on the engine's machine".into());
    }
    let began = Instant::now();
    loop {
        if began.elapsed() > DEADLINE {
            return Err(format!("{container} did not come back within {DEADLINE:?}").into());
        }
        if let Some(address) = address(docker, container, &before).await? {
            let asked = http.get(format!("http://{address}:8000/health")).send().await;
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(began.elapsed().as_secs_f64() * 1000.0);
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn started_at(docker: &Docker, container: &str) -> Result<String, Failure> {
    let seen = docker
        .inspect_container(container, None::<InspectContainerOptions>)
        .await?;
    let started = seen
        .state
        .and_then(|state| state.started_at)
        .ok_or("the container never started")?;
    Ok(format!("{started:?}"))
}

/// The container's address once it runs again.
async fn address(docker: &Docker, container: &str, before: &str) -> Result<Option<String>, Failure> {
    let seen = docker
        .inspect_container(container, None::<InspectContainerOptions>)
        .await?;
    let state = seen.state.unwrap_or_default();
    let started = state.started_at.map(|at| format!("{at:?}")).unwrap_or_default();
    if state.running != Some(true) || started == before {
        return Ok(None);
    }
    let networks = seen
        .network_settings
        .and_then(|settings| settings.networks)
        .unwrap_or_default();
    Ok(networks
        .into_values()
        .find_map(|network| network.ip_address.filter(|ip| !ip.is_empty())))
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
