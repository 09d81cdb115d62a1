//! One plugin from nothing to its first healthy answer: the supervisor against `docker run` and asking until it answers,
//! in one run.
//!
//! `cargo run --release --example benchmark_start` (needs a Docker engine and the `docker` command). Both make a new
//! container of the same image with the same limits and hardening. The command publishes the port on loopback, as a
//! person would who has to reach it, and `/health` is asked every 5 ms. The two take turns.
#![expect(
    clippy::print_stdout,
    reason = "printing the figures is what this program is for"
)]

use std::{
    net::TcpListener,
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use bollard::{Docker, query_parameters::RemoveContainerOptionsBuilder};
use hap_examples::{Failure, Story, instance, light};
use hap_host::{Phase, PluginHandle, Shutdown, Supervisor, UninstallOptions, engine::DockerEngine};
use tokio::process::Command;

const ROUNDS: usize = 21;
const POLL: Duration = Duration::from_millis(5);
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
        .during("cargo build --profile small", light::build_beside_dockerfile())
        .await?;
    let builder = Supervisor::builder(DockerEngine::connect().await?, state.path());
    let supervisor = builder.instance(instance("start")?).start().await?;
    story.say(&supervisor.engine_info().to_string());
    let light = supervisor.install_folder(light::folder()).await?;
    let docker = Docker::connect_with_local_defaults()?;
    let rival = format!("docker-run-{}", std::process::id());
    let run = rounds(story, &docker, &light, &rival).await;
    remove(&docker, &rival).await;
    light
        .uninstall(UninstallOptions::default().remove_data(true))
        .await?;
    supervisor.shutdown(Shutdown::StopPlugins).await?;
    let (mut ours, mut theirs) = run?;
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    println!("\nfrom nothing to the first healthy answer, median of {ROUNDS}:");
    println!("  supervisor              {ours:7.0} ms");
    println!("  docker run and asking   {theirs:7.0} ms");
    println!("  ratio                   {:7.2}", ours / theirs);
    Ok(())
}

async fn rounds(
    story: &Story,
    docker: &Docker,
    light: &PluginHandle,
    rival: &str,
) -> Result<(Vec<f64>, Vec<f64>), Failure> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_secs(1))
        .build()?;
    let image = light.manifest().image().to_string();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first turn of each warms what can be warm, and does not count.
    for round in 0..=ROUNDS {
        let began = Instant::now();
        light.start().await?;
        let supervisor = milliseconds(began);
        forget_container(docker, light).await?;

        let began = Instant::now();
        docker_run(&http, rival, &image).await?;
        let command = milliseconds(began);
        remove(docker, rival).await;
        if round > 0 {
            ours.push(supervisor);
            theirs.push(command);
            story.say(&format!(
                "supervisor {supervisor:.0} ms, docker run {command:.0} ms"
            ));
        }
    }
    Ok((ours, theirs))
}

/// Leaves the plugin installed and without a container, as it is before its first start.
async fn forget_container(docker: &Docker, light: &PluginHandle) -> Result<(), Failure> {
    light.stop().await?;
    if let Some(container) = light.state().container {
        remove(docker, container.as_str()).await;
    }
    let gone = light.wait_for(|state| state.container.is_none() && state.phase == Phase::Stopped);
    tokio::time::timeout(DEADLINE, gone).await??;
    Ok(())
}

async fn docker_run(http: &reqwest::Client, name: &str, image: &str) -> Result<(), Failure> {
    // Free a moment ago; nothing else here takes ports.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let publish = format!("127.0.0.1:{port}:8000");
    let run = ["run", "--detach", "--name", name, "--publish", &publish];
    let limits = [
        "--memory",
        "64m",
        "--memory-swap",
        "64m",
        "--cpus",
        "0.5",
        "--pids-limit",
        "256",
    ];
    let hardening = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"];
    let more = [
        "--security-opt",
        "no-new-privileges",
        "--init",
        "--volume",
        "/data",
        "--no-healthcheck",
    ];
    let status = Command::new("docker")
        .args(run)
        .args(limits)
        .args(hardening)
        .args(more)
        .arg(image)
        .stdout(Stdio::null())
        .status()
        .await?;
    if !status.success() {
        return Err("docker run failed, see above".into());
    }
    let began = Instant::now();
    while began.elapsed() < DEADLINE {
        let asked = http.get(format!("http://127.0.0.1:{port}/health")).send().await;
        if asked.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
    Err("what docker run started did not become healthy".into())
}

async fn remove(docker: &Docker, container: &str) {
    let options = RemoveContainerOptionsBuilder::default()
        .force(true)
        .v(true)
        .build();
    // It may not have been made.
    let _ = docker.remove_container(container, Some(options)).await;
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
