//! Five thousand plugins on an engine that only pretends: what one costs the host in memory and CPU, engine aside.
//!
//! `cargo bench -p hap-tests --bench many` (`-- 1000` takes a thousand). The pretended engine lives in the
//! same process, so its own table is part of the figures.
#![expect(
    clippy::print_stdout,
    reason = "printing the figures is what this program is for"
)]

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use hap_examples::{Failure, Story};
use hap_host::{Desired, Phase, ShutdownMode, Supervisor, engine::FakeEngine};
use hap_manifest::Manifest;
use hap_tests::measure::{argument, usage};

const PLUGINS: u32 = 5_000;
const WATCHED: Duration = Duration::from_secs(60);
const DEADLINE: Duration = Duration::from_secs(300);

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

async fn measure(story: &Story, plugins: u32) -> Result<(), Failure> {
    let state = tempfile::tempdir()?;
    let supervisor = Supervisor::builder(FakeEngine::new(), state.path())
        .start()
        .await?;
    let empty = usage::resident_bytes()?;
    let began = Instant::now();
    for index in 0..plugins {
        let manifest = Manifest::builder(format!("plugin-{index}"), "Plugin", "1.0.0", "plugin:1").build()?;
        supervisor.install(manifest).await?;
    }
    story.say(&format!(
        "{plugins} installed in {:.1} s, each durable on its own",
        began.elapsed().as_secs_f64()
    ));
    let began = Instant::now();
    for plugin in supervisor.plugins() {
        plugin.set_desired(Desired::Running).await?;
    }
    for plugin in supervisor.plugins() {
        let healthy = plugin.wait_for(|state| state.phase == Phase::Healthy);
        tokio::time::timeout(DEADLINE, healthy).await??;
    }
    story.say(&format!(
        "{plugins} healthy {:.1} s later",
        began.elapsed().as_secs_f64()
    ));
    let cost = story.during("measuring the host", usage::over(WATCHED)).await?;
    supervisor.shutdown(ShutdownMode::LeaveRunning).await?;
    let each = f64::from(plugins);
    let memory = hap_examples::mebibytes(cost.resident_bytes.saturating_sub(empty)) * 1024.0;
    println!("\n{plugins} plugins on an engine that pretends, each probed every 10 s, over {WATCHED:?}:");
    println!("  memory for each        {:8.1} KiB", memory / each);
    println!(
        "  CPU for each           {:8.4} % of a core",
        cost.cpu_percent / each
    );
    println!("  CPU for all            {:8.1} % of a core", cost.cpu_percent);
    Ok(())
}
