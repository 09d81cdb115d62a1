//! A command from the host to a plugin against a bare HTTP client that keeps its connection: the same plugin, the same
//! request, in turns, one at a time and many at a time.
//!
//! `cargo bench -p hap-tests --bench command` (needs a Docker engine). The bare client is `reqwest` with a pool,
//! and does nothing with the answer but read it; once it sends what a client has to send, once also the two headers that
//! the host adds, so that it tells what is spent on the way and in the plugin. What a call of the host does besides: its deadline, its gate, ids for
//! the trace and the request, a span, the checks of the reply and its parts, metrics.
#![expect(
    clippy::print_stdout,
    reason = "printing the figures is what this program is for"
)]

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use bollard::{Docker, query_parameters::InspectContainerOptions};
use bytes::Bytes;
use futures_util::future::try_join_all;
use hap_examples::{Failure, Story, instance, light};
use hap_host::{
    PluginHandle, PluginSource, ShutdownMode, Supervisor,
    engine::{DockerEngine, Engine as _},
};
use hap_manifest::{TraceParent, env};
use serde_json::json;

/// Calls of each side that are counted, one at a time.
const CALLS: usize = 20_000;
/// Calls of each side that warm up before.
const WARM_UP: usize = 2_000;
/// Calls at once in the second part, rounds of each side, and calls in a round.
const AT_ONCE: usize = 16;
const ROUNDS: usize = 15;
const CALLS_IN_ROUND: usize = 4_000;

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
    let engine = DockerEngine::connect().await?;
    let builder = Supervisor::builder(engine.clone(), state.path());
    let supervisor = builder.instance(instance("command")?).start().await?;
    let light = supervisor.install(PluginSource::folder(light::folder())).await?;
    light.start().await?;
    let bare = Bare::of(&engine, &light).await?;
    let run = rounds(story, &light, &bare).await;
    light.uninstall().remove_data(true).await?;
    supervisor.shutdown(ShutdownMode::StopPlugins).await?;
    run
}

/// Who calls.
const NAMES: [&str; 3] = ["host", "bare client", "bare client with the host's headers"];

async fn call(side: usize, light: &PluginHandle, bare: &Bare) -> Result<f64, Failure> {
    match side {
        0 => host(light).await,
        side => bare.call(side == 2).await,
    }
}

async fn rounds(story: &Story, light: &PluginHandle, bare: &Bare) -> Result<(), Failure> {
    let mut figures: [Vec<f64>; 3] = Default::default();
    let one_at_a_time = async {
        for turn in 0..WARM_UP + CALLS {
            // Who goes first changes, because the others find the plugin awake.
            for step in 0..NAMES.len() {
                let side = (turn + step) % NAMES.len();
                let took = call(side, light, bare).await?;
                if let Some(figures) = figures.get_mut(side).filter(|_| turn >= WARM_UP) {
                    figures.push(took);
                }
            }
        }
        Ok::<_, Failure>(())
    };
    story.during("one at a time", one_at_a_time).await?;
    println!("\n{CALLS} calls of each, in turns, one at a time:");
    tell("median", figures.each_mut().map(|figures| quantile(figures, 0.5)));
    tell("p99", figures.each_mut().map(|figures| quantile(figures, 0.99)));

    let mut figures: [Vec<f64>; 3] = Default::default();
    let many_at_a_time = async {
        for _ in 0..ROUNDS {
            for (side, figures) in figures.iter_mut().enumerate() {
                let began = Instant::now();
                let callers = (0..AT_ONCE).map(async |_| {
                    for _ in 0..CALLS_IN_ROUND / AT_ONCE {
                        call(side, light, bare).await?;
                    }
                    Ok::<_, Failure>(())
                });
                try_join_all(callers).await?;
                figures.push(per_call(began.elapsed()));
            }
        }
        Ok::<_, Failure>(())
    };
    story.during("many at a time", many_at_a_time).await?;
    println!("{AT_ONCE} at a time, time for each call, {ROUNDS} rounds of {CALLS_IN_ROUND}:");
    tell("median", figures.each_mut().map(|figures| quantile(figures, 0.5)));
    Ok(())
}

fn tell(what: &str, figures: [f64; 3]) {
    let [host, ..] = figures;
    println!("  {what}:");
    for (name, figure) in NAMES.into_iter().zip(figures) {
        println!("    {name:36} {figure:8.1} us   host to it {:.3}", host / figure);
    }
}

/// One command by the handle, in microseconds. It changes nothing, so that the plugin sends no event.
async fn host(light: &PluginHandle) -> Result<f64, Failure> {
    let began = Instant::now();
    let reply = light.command("turn_off", json!({})).await?;
    let took = microseconds(began.elapsed());
    if reply.success {
        Ok(took)
    } else {
        Err("the light refused".into())
    }
}

/// The same request by a client that knows nothing of plugins.
struct Bare {
    http: reqwest::Client,
    url: String,
    token: String,
    body: Bytes,
}

impl Bare {
    async fn of(engine: &DockerEngine, light: &PluginHandle) -> Result<Self, Failure> {
        let container = light.state().container.ok_or("the plugin has no container")?;
        let address = engine.inspect(&container).await?.address;
        let docker = Docker::connect_with_local_defaults()?;
        let seen = docker
            .inspect_container(container.as_str(), None::<InspectContainerOptions>)
            .await?;
        let variables = seen.config.and_then(|config| config.env).unwrap_or_default();
        let token = variables.iter().find_map(|variable| {
            let (name, value) = variable.split_once('=')?;
            (name == env::HAP_API_TOKEN).then_some(value)
        });
        Ok(Self {
            http: reqwest::Client::builder().no_proxy().build()?,
            url: format!("http://{}/command", address.ok_or("the plugin has no address")?),
            token: token.ok_or("the plugin has no token")?.to_owned(),
            body: serde_json::to_vec(&json!({"command": "turn_off", "params": {}}))?.into(),
        })
    }

    async fn call(&self, as_the_host: bool) -> Result<f64, Failure> {
        let began = Instant::now();
        let mut request = self
            .http
            .post(&self.url)
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .body(self.body.clone());
        if as_the_host {
            request = request
                .header("x-request-id", "0193a1d2-7c7e-7b5a-9f54-0a6c1c0f7d11")
                .header(
                    TraceParent::HEADER,
                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                );
        }
        let answer = request.send().await?;
        let fine = answer.status().is_success();
        let body = answer.bytes().await?;
        let took = microseconds(began.elapsed());
        if fine && !body.is_empty() {
            Ok(took)
        } else {
            Err("the light refused the bare client".into())
        }
    }
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn per_call(round: Duration) -> f64 {
    microseconds(round / u32::try_from(CALLS_IN_ROUND).unwrap_or(u32::MAX))
}

fn quantile(figures: &mut [f64], part: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list of some thousand"
    )]
    let place = (part * figures.len() as f64) as usize;
    figures.get(place).copied().unwrap_or(f64::NAN)
}
