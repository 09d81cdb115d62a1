//! Events from plugins to the platform, signed, verified, durable before they are acknowledged: how many in a second,
//! against what the file system itself can make durable in the same run.
//!
//! `cargo bench -p hap-tests --bench intake` (needs no engine; an absolute `-- PATH` keeps the state below another folder).
//! The plugins are pretended; their events are real HTTP on loopback, from the same process, which costs CPU that a real
//! platform would have to itself. The file system's rate is that of writing 4 KiB and waiting until they are on the
//! disk, one after the other: to the end of a file that grows, which also writes the file's length, and into a file that
//! has its length already, as a database's log has after a while.
#![expect(
    clippy::print_stdout,
    reason = "printing the figures is what this program is for"
)]

use std::{
    fs::File,
    io::{Seek as _, Write as _},
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use hap_examples::{Failure, Story};
use hap_host::{EventRateLimit, EventRetention, ShutdownMode, Supervisor, engine::FakeEngine};
use hap_manifest::{Manifest, WebhookSecret, env, webhook};
use hap_tests::measure::argument;
use serde_json::json;

/// Short and many, because what else the machine writes changes the speed of the disk from second to second.
const ROUNDS: usize = 60;
const ROUND: Duration = Duration::from_millis(250);
/// As many as one address may have at once, by as many plugins as that takes.
const CONNECTIONS: usize = 32;
const PLUGINS: usize = 4;
/// Pieces of 4 KiB in the file that does not grow.
const PLACES: usize = 1000;
/// The largest batch.
const BATCH: usize = 500;
/// Events of all plugins that are there when bounds become narrow, and those of each that may stay.
const TOO_MANY: usize = 300_000;
const KEPT: u64 = 1_000;
/// Pairs of rounds; few enough that retention has not caught up before the last.
const CATCHING_UP: usize = 5;

#[tokio::main]
async fn main() -> ExitCode {
    let story = Story::new();
    let folder = argument().map(PathBuf::from);
    match measure(&story, folder.unwrap_or_else(std::env::temp_dir)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            story.fail(&failure);
            ExitCode::FAILURE
        }
    }
}

async fn measure(story: &Story, folder: PathBuf) -> Result<(), Failure> {
    let state = tempfile::tempdir_in(&folder)?;
    let (supervisor, senders) =
        platform(&state.path().join("state"), EventRetention::default(), PLUGINS).await?;
    let one = senders.get(..1).ok_or("there is no sender")?;
    let mut figures: [Vec<f64>; 6] = Default::default();
    let rounds = async {
        for round in 0..=ROUNDS {
            let measured = [
                disk(state.path(), false).await?,
                disk(state.path(), true).await?,
                load(one, 1, 1).await?,
                load(&senders, CONNECTIONS, 1).await?,
                load(one, 1, BATCH).await?,
                load(&senders, PLUGINS, BATCH).await?,
            ];
            // The first round warms up.
            for (all, one) in figures.iter_mut().zip(measured).filter(|_| round > 0) {
                all.push(one);
            }
        }
        Ok::<_, Failure>(())
    };
    story.during("sending events", rounds).await?;
    supervisor.shutdown(ShutdownMode::StopPlugins).await?;

    let [growing, disk, single, many, batch, batches] = figures.map(median);
    println!("\nper second, median of {ROUNDS} rounds of {ROUND:?} each, in turns:");
    println!("  4 KiB made durable at the end of a file    {growing:9.0}");
    println!("  4 KiB made durable within a file           {disk:9.0}");
    for (name, events) in [
        ("events, one in each request, 1 connection ", single),
        ("events, one in each request, 32 connections", many),
        ("events, 500 in each request, 1 connection ", batch),
        ("events, 500 in each request, 4 connections", batches),
    ] {
        println!(
            "  {name:43}{events:9.0}   {:6.2} for each write within a file",
            events / disk
        );
    }
    while_retention_catches_up(story, &folder).await
}

/// A platform, and plugins that send to it.
async fn platform(
    state: &Path,
    retention: EventRetention,
    plugins: usize,
) -> Result<(Supervisor, Vec<Sender>), Failure> {
    let engine = FakeEngine::new();
    let unbounded = NonZeroU32::MAX;
    let rate = EventRateLimit::new(unbounded, unbounded).bytes(unbounded, unbounded);
    let supervisor = Supervisor::builder(engine.clone(), state)
        .event_rate(rate)
        .event_retention(retention)
        .start()
        .await?;
    let mut senders = Vec::new();
    for index in 0..plugins {
        let id = format!("sender-{index}");
        let manifest = Manifest::builder(&id, "Sender", "1.0.0", "sender:1").build()?;
        let plugin = match supervisor.plugin(&id.parse()?) {
            Some(plugin) => plugin,
            None => supervisor.install(manifest).await?,
        };
        plugin.start().await?;
        senders.push(Sender::of(&engine, &plugin)?);
    }
    Ok((supervisor, senders))
}

/// Two platforms with the same bounds, one of which has far too much from before.
async fn while_retention_catches_up(story: &Story, folder: &Path) -> Result<(), Failure> {
    let (full, usual) = (tempfile::tempdir_in(folder)?, tempfile::tempdir_in(folder)?);
    let narrow = || EventRetention::default().events(KEPT).dedup_window(KEPT);
    let wide = EventRetention::default().events(u64::MAX).bytes(u64::MAX);
    let (supervisor, senders) = platform(full.path(), wide, PLUGINS).await?;
    let filling = senders.iter().map(async |sender| {
        for _ in 0..TOO_MANY / PLUGINS / BATCH {
            sender.send(BATCH).await?;
        }
        Ok::<_, Failure>(())
    });
    story.during("filling a log", try_join_all(filling)).await?;
    let next: Vec<_> = senders
        .iter()
        .map(|sender| sender.next.load(Ordering::Relaxed))
        .collect();
    supervisor.shutdown(ShutdownMode::StopPlugins).await?;

    let (rival, usuals) = platform(usual.path(), narrow(), PLUGINS).await?;
    // So that each append takes something away there, too.
    for _ in 0..4 {
        load(&usuals, PLUGINS, BATCH).await?;
    }
    let (supervisor, senders) = platform(full.path(), narrow(), PLUGINS).await?;
    for (sender, next) in senders.iter().zip(next) {
        // What is sent has other ids than what is there.
        sender.next.store(next, Ordering::Relaxed);
    }
    let mut figures: [Vec<f64>; 2] = Default::default();
    let rounds = async {
        for _ in 0..CATCHING_UP {
            for (figures, (connections, batch)) in figures.iter_mut().zip([(CONNECTIONS, 1), (1, BATCH)]) {
                let caught = load(&senders, connections, batch).await?;
                figures.push(caught / load(&usuals, connections, batch).await?);
            }
        }
        Ok::<_, Failure>(())
    };
    story.during("sending while retention catches up", rounds).await?;
    for platform in [supervisor, rival] {
        platform.shutdown(ShutdownMode::StopPlugins).await?;
    }
    let [single, batches] = figures.map(median);
    println!("\nwhile retention takes {TOO_MANY} events away, to the usual, median of {CATCHING_UP} pairs:");
    println!("  events, one in each request, 32 connections  {single:6.2}");
    println!("  events, 500 in each request, 1 connection    {batches:6.2}");
    Ok(())
}

/// What the file system makes durable in a second.
async fn disk(folder: &Path, within: bool) -> Result<f64, Failure> {
    let path = folder.join("durable");
    let writing = move || {
        let mut file = File::create(path)?;
        if within {
            file.write_all(&vec![0; PLACES * 4096])?;
            file.sync_all()?;
        }
        let (began, mut writes) = (Instant::now(), 0_u32);
        while began.elapsed() < ROUND {
            if within && usize::try_from(writes)?.is_multiple_of(PLACES) {
                file.rewind()?;
            }
            file.write_all(&[7; 4096])?;
            file.sync_data()?;
            writes += 1;
        }
        Ok::<_, Failure>(f64::from(writes) / began.elapsed().as_secs_f64())
    };
    tokio::task::spawn_blocking(writing).await?
}

/// Events that were acknowledged in a second.
async fn load(senders: &[Sender], connections: usize, batch: usize) -> Result<f64, Failure> {
    let (began, events) = (Instant::now(), AtomicU64::new(0));
    let all = senders.iter().cycle().take(connections).map(async |sender| {
        while began.elapsed() < ROUND {
            sender.send(batch).await?;
            events.fetch_add(u64::try_from(batch)?, Ordering::Relaxed);
        }
        Ok::<_, Failure>(())
    });
    try_join_all(all).await?;
    let events = u32::try_from(events.into_inner())?;
    Ok(f64::from(events) / began.elapsed().as_secs_f64())
}

/// A plugin that does nothing but send.
struct Sender {
    http: reqwest::Client,
    url: String,
    secret: WebhookSecret,
    next: AtomicU64,
}

impl Sender {
    fn of(engine: &FakeEngine, plugin: &hap_host::PluginHandle) -> Result<Self, Failure> {
        let spec = engine.spec(plugin.id()).ok_or("the plugin has no container")?;
        let variable = |name: &str| {
            let found = spec.env.iter().find(|variable| variable.name() == name);
            found
                .map(|variable| variable.expose_value().to_owned())
                .ok_or_else(|| format!("the plugin has no {name}"))
        };
        Ok(Self {
            http: reqwest::Client::builder().no_proxy().build()?,
            url: format!("{}/events", variable(env::PLATFORM_API_URL)?),
            secret: variable(env::HAP_WEBHOOK_SECRET)?.parse()?,
            next: AtomicU64::new(0),
        })
    }

    async fn send(&self, batch: usize) -> Result<(), Failure> {
        let event = || {
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            json!({
                "specversion": "1.0", "id": format!("event-{id}"), "source": "/sensors/hall", "type": "motion",
                "time": "2026-01-02T03:04:05Z", "data": {"room": "hall", "level": 40, "moving": true}
            })
        };
        let body = if batch == 1 {
            event()
        } else {
            (0..batch).map(|_| event()).collect()
        };
        let body = serde_json::to_vec(&body)?;
        let id = format!("message-{}", self.next.fetch_add(1, Ordering::Relaxed));
        let now = std::time::SystemTime::now();
        let signature = webhook::sign(&self.secret, &id, now, &body);
        let kind = if batch == 1 {
            "application/cloudevents+json"
        } else {
            "application/cloudevents-batch+json"
        };
        let request = self
            .http
            .post(&self.url)
            .header("content-type", kind)
            .header(webhook::ID_HEADER, id)
            .header(webhook::TIMESTAMP_HEADER, webhook::timestamp(now).to_string())
            .header(webhook::SIGNATURE_HEADER, signature)
            .body(body);
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if status.as_u16() == 202 {
            Ok(())
        } else {
            Err(format!("the platform answered {status}: {text}").into())
        }
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
