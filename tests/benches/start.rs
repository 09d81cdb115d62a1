//! One plugin from nothing to its first healthy answer: the supervisor against what a person would type, and against
//! Docker's API without anything around it, in one run.
//!
//! `cargo bench -p hap-tests --bench start` (needs a Docker engine, the `docker` command and curl). All make a
//! new container of the same image with the same limits and hardening. The person types `docker run` with the port
//! published on loopback, and then `until curl ...; do sleep 0.1; done`. The API is told to make and start a twin of
//! the plugin's container, and `/health` is asked every 2 ms. The three take turns.
#![expect(
    clippy::print_stdout,
    reason = "printing the figures is what this program is for"
)]

use std::{
    net::TcpListener,
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use bollard::{Docker, query_parameters::RemoveVolumeOptions};
use hap_examples::{Failure, Story, instance, light};
use hap_host::{Phase, PluginHandle, PluginSource, ShutdownMode, Supervisor, engine::DockerEngine};
use hap_tests::measure::twin::{Twin, remove};
use tokio::process::Command;

const ROUNDS: usize = 21;
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
    let supervisor = builder.instance(instance("start")?).start().await?;
    story.say(&supervisor.engine_info().to_string());
    let light = supervisor.install(PluginSource::folder(light::folder())).await?;
    let docker = Docker::connect_with_local_defaults()?;
    let rival = format!("docker-run-{}", std::process::id());
    let run = rounds(story, &docker, &light, &rival).await;
    remove(&docker, &rival).await;
    // The volume that `docker run` was given a name for, if it came to that.
    let _ = docker.remove_volume(&rival, None::<RemoveVolumeOptions>).await;
    light.uninstall().remove_data(true).await?;
    supervisor.shutdown(ShutdownMode::StopPlugins).await?;
    let [ours, typed, raw] = run?.map(|mut figures| median(&mut figures));
    println!("\nfrom nothing to the first healthy answer, median of {ROUNDS}:");
    println!("  supervisor                     {ours:7.0} ms");
    println!("  docker run, until curl answers {typed:7.0} ms");
    println!("  ratio                          {:7.2}", ours / typed);
    println!("  Docker's API                   {raw:7.0} ms");
    println!("  ratio                          {:7.2}", ours / raw);
    Ok(())
}

async fn rounds(
    story: &Story,
    docker: &Docker,
    light: &PluginHandle,
    rival: &str,
) -> Result<[Vec<f64>; 3], Failure> {
    light.start().await?;
    let twin = Twin::of(docker, light).await?;
    forget_container(docker, light).await?;
    let image = twin.image().to_owned();
    let mut figures = [const { Vec::new() }; 3];
    // The first turn of each warms what can be warm, and does not count.
    for round in 0..=ROUNDS {
        let began = Instant::now();
        light.start().await?;
        let ours = milliseconds(began);
        forget_container(docker, light).await?;

        let began = Instant::now();
        docker_run(rival, &image).await?;
        let typed = milliseconds(began);
        remove(docker, rival).await;

        let began = Instant::now();
        twin.start(rival).await?;
        twin.answers(rival).await?;
        let raw = milliseconds(began);
        remove(docker, rival).await;
        if round > 0 {
            story.say(&format!(
                "supervisor {ours:.0} ms, docker run {typed:.0} ms, API {raw:.0} ms"
            ));
            for (side, figure) in figures.iter_mut().zip([ours, typed, raw]) {
                side.push(figure);
            }
        }
    }
    Ok(figures)
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

/// As a person would: the command, then curl until it succeeds.
async fn docker_run(name: &str, image: &str) -> Result<(), Failure> {
    // Free a moment ago; nothing else here takes ports.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let script = format!(
        "docker run --detach --name {name} --publish 127.0.0.1:{port}:8000 --volume {name}:/data --init \
         --memory 64m --memory-swap 64m --cpus 0.5 --pids-limit 256 --read-only --tmpfs /tmp --cap-drop ALL \
         --security-opt no-new-privileges --env HAP_BIND=0.0.0.0 {image} && \
         until curl --silent --fail http://127.0.0.1:{port}/health; do sleep 0.1; done"
    );
    let run = Command::new("sh")
        .args(["-c", &script])
        .kill_on_drop(true)
        .stdout(Stdio::null())
        .status();
    if !tokio::time::timeout(DEADLINE, run).await??.success() {
        return Err("docker run failed, see above".into());
    }
    Ok(())
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
