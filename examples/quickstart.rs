//! One plugin's whole life, told as it happens: built, installed, started, commanded, killed, healed, removed.
//!
//! `cargo run -p hap-examples --example quickstart` from the root of the repository. It needs Rust, and
//! uses the Docker engine where one answers. Without one it runs the plugin as a plain process and says
//! what that does not give. Without `-p hap-examples` it does the same, and builds more first.

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use hap_examples::{
    Failure, Interrupt, Story, build_progress, instance, light, mebibytes, show_what_is_left,
};
use hap_host::{
    Delivery, PluginHandle, PluginSource, ShutdownMode, SubscribeOptions, Supervisor,
    engine::{DockerEngine, Engine, EngineErrorKind, LogOptions, ProcessEngine},
};
use serde_json::json;

#[tokio::main]
async fn main() -> ExitCode {
    let story = Story::new();
    match tell(&story).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            story.fail(&failure);
            ExitCode::FAILURE
        }
    }
}

async fn tell(story: &Story) -> Result<(), Failure> {
    let state = tempfile::tempdir()?;
    let folder = light::folder();

    story.chapter("Build the plugin: a smart light, as a static binary");
    let building = light::beside_dockerfile(light::build());
    let binary = story
        .during(
            "cargo rustc -- -C target-feature=+crt-static (seconds; a minute if its dependencies are not built yet)",
            building,
        )
        .await?;
    let size = std::fs::metadata(&binary)?.len();
    story.say(&format!("{:.1} MiB, no shared library needed", mebibytes(size)));

    story.chapter("Start a supervisor");
    let instance = instance("quickstart")?;
    let state_folder = state.path().join("state");
    // The second value of each engine stands for somebody outside who kills the plugin.
    let (builder, outside): (_, Arc<dyn Engine>) = match DockerEngine::connect().await {
        Ok(engine) => {
            story.say(&format!("{} answers", engine.info().await?));
            story.say("so plugins run in containers, isolated and limited");
            (
                Supervisor::builder(engine, state_folder),
                Arc::new(DockerEngine::connect().await?),
            )
        }
        Err(error) if error.kind() == EngineErrorKind::Unavailable => {
            story.say(&error.to_string());
            story.say(
                "so the plugin runs as a plain process: NO isolation, NO limits, only for trying things out",
            );
            let processes = state.path().join("processes");
            let engine = ProcessEngine::new(&processes)?;
            (
                Supervisor::builder(engine, state_folder),
                Arc::new(ProcessEngine::new(&processes)?),
            )
        }
        Err(error) => return Err(error.into()),
    };
    // From here on Ctrl-C breaks the story off, and does not leave half of it on the engine.
    let interrupt = Interrupt::new()?;
    let supervisor = builder.instance(instance.clone()).start().await?;
    story.say(&format!(
        "plugins reach it on port {}, on loopback and their own networks only",
        supervisor.events_port()
    ));
    let told = tokio::select! {
        told = live(story, &supervisor, &*outside, &folder, &binary) => told,
        () = interrupt.happened() => Err("it was asked to end".into()),
    };
    if told.is_err() {
        // A story that broke off leaves nothing behind either.
        for plugin in supervisor.plugins() {
            plugin.uninstall().remove_data(true).await?;
        }
        supervisor.prune_images().await?;
    }
    supervisor.shutdown(ShutdownMode::StopPlugins).await?;
    told?;
    story.say("the supervisor has shut down");
    show_what_is_left(story, &*outside, &instance).await?;
    story.end();
    Ok(())
}

async fn live(
    story: &Story,
    supervisor: &Supervisor,
    outside: &dyn Engine,
    folder: &Path,
    binary: &Path,
) -> Result<(), Failure> {
    let mut events = supervisor.plugin_events(SubscribeOptions::default());

    story.chapter("Install it from its folder: manifest.json and Dockerfile");
    let light = supervisor
        .install(PluginSource::folder(folder))
        .process_program(binary)
        .progress(build_progress())
        .await?;
    let manifest = light.manifest();
    let limit = |set: Option<String>| set.unwrap_or_else(|| "the host's default".to_owned());
    story.say(&format!(
        "{} {} is installed; memory {}, cores {}, network access: {}",
        manifest.name(),
        manifest.version(),
        limit(manifest.memory_limit().map(|limit| limit.to_string())),
        limit(manifest.cpu_limit().map(|limit| limit.as_cores().to_string())),
        if manifest.network_access() { "yes" } else { "no" },
    ));

    story.chapter("Start it and wait until it is healthy");
    let started = std::time::Instant::now();
    light.start().await?;
    story.say(&format!("healthy after {:.0?}", started.elapsed()));

    story.chapter("Talk to it");
    command(story, &light, "turn_on", json!({})).await?;
    command(story, &light, "set_brightness", json!({"level": 40})).await?;
    let settings = json!({"default_brightness": 80, "transition_ms": 250});
    let accepted = light.configure(&settings).await?;
    story.say(&format!("config {settings} -> {}", accepted.message));
    story.say(&format!("status -> {}", light.status().await?.data));
    match light.command("set_brightness", json!({"level": 400})).await {
        Err(error) => story.say(&format!("a mistake on purpose -> {error}")),
        Ok(reply) => story.say(&format!("brightness 400 was taken?! {}", reply.result)),
    }

    story.chapter("Its events have come in by signed webhook, durable before they were acknowledged");
    for _ in 0..2 {
        match tokio::time::timeout(Duration::from_secs(20), events.next())
            .await?
            .transpose()?
        {
            Some(Delivery::Event(event)) => {
                story.say(&format!(
                    "{} from {}: {}",
                    event.event.r#type, event.plugin, event.event.data
                ));
            }
            other => story.say(&format!("{other:?}")),
        }
    }

    story.chapter("Kill its process from outside");
    // A first crash after ten healthy seconds is answered at once; an earlier one waits half a second.
    story
        .wait("letting it run for a while first", Duration::from_secs(11))
        .await;
    let before = light.state();
    outside
        .kill(before.container.as_ref().ok_or("the plugin has no container")?)
        .await?;
    let healed = light.wait_for(|state| state.restarts > before.restarts && state.phase.is_reachable());
    let state = tokio::time::timeout(Duration::from_secs(60), healed).await??;
    let exit = state
        .last_exit
        .map_or_else(|| "an unknown end".to_owned(), |exit| exit.to_string());
    story.say(&format!("it ended with {exit}"));
    if let Some(time) = state.time_to_healthy {
        story.say(&format!("healthy again {time:.0?} after its death"));
    }
    story.say(&format!(
        "its config is still there -> {}",
        light.status().await?.data
    ));

    story.chapter("Look at it");
    let mut lines = light.logs(&LogOptions::default().tail(4));
    while let Some(line) = lines.next().await {
        story.say(&format!("log | {}", line?.text));
    }
    let stats = light.stats().await?;
    story.say(&format!(
        "uses {:.1} MiB of memory, {:.0?} of CPU time since its start, {} threads",
        mebibytes(stats.memory_bytes),
        stats.cpu_time,
        stats.pids,
    ));

    story.chapter("Stop and uninstall it, with its data");
    light.stop().await?;
    story.say("stopped");
    light.uninstall().remove_data(true).await?;
    story.say("uninstalled");
    // An image stays for whoever installs it again, until somebody wants the disk back.
    let pruned = supervisor.prune_images().await?;
    story.say(&format!("images removed: {}", pruned.removed.len()));
    Ok(())
}

async fn command(
    story: &Story,
    light: &PluginHandle,
    name: &str,
    params: serde_json::Value,
) -> Result<(), Failure> {
    let asked = format!("{name} {params}");
    let reply = light.command(name, params).await?;
    story.say(&format!("{asked} -> {}", reply.result));
    Ok(())
}
