//! A plugin against a bare axum program, in one run: requests per second, CPU for each request, the time from exec to the
//! first healthy answer, and what the light's image and its process in a container weigh.
//!
//! `cargo bench -p hap-tests --bench plugin` (the part about the container needs a Docker engine and root on its
//! machine). Both programs are built with the same profile and take turns, so a slow moment of the machine hits both.
#![expect(
    clippy::print_stdout,
    reason = "printing the figures is what this program is for"
)]

use std::{
    path::Path,
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use bollard::{Docker, query_parameters::InspectContainerOptions};
use hap_examples::{
    Failure, Story, instance, light, mebibytes,
    program::{Linkage, Program, Target},
};
use hap_host::{PluginSource, ShutdownMode, Supervisor, engine::DockerEngine};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
};

const CONNECTIONS: usize = 16;
/// Many and short, so that a slow moment of the machine spoils one pair and not the median.
const ROUNDS: usize = 60;
const ROUND: Duration = Duration::from_millis(250);
const STARTS: usize = 25;
const HEALTH: &str = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
const DEADLINE: Duration = Duration::from_secs(30);

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
    let built = |binary, profile, linkage| Program {
        package: "hap-controls",
        target: Target::Bin(binary),
        profile,
        linkage,
    };
    let building = async {
        Ok::<_, Failure>([
            built("measured", "release", Linkage::Dynamic).build().await?,
            built("bare", "release", Linkage::Dynamic).build().await?,
            light::beside_dockerfile(light::build_small()).await?,
            built("bare", "small", Linkage::Static).build().await?,
        ])
    };
    let [plugin, bare, light, small_bare] = story.during("building", building).await?;
    throughput(story, &plugin, &bare).await?;
    starts(&light, &small_bare).await?;
    weight(story).await
}

/// Requests per second and CPU for each, in turns.
async fn throughput(story: &Story, plugin: &Path, bare: &Path) -> Result<(), Failure> {
    let body = r#"{"command":"set_level","params":{"level":40}}"#;
    let command = format!(
        "POST /command HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    println!("\nmedians of {ROUNDS} rounds of {ROUND:?} for each, {CONNECTIONS} connections kept alive:");
    for (name, request) in [("GET /health", HEALTH), ("POST /command", command.as_str())] {
        let (mut ours, mut theirs) = (Server::start(plugin).await?, Server::start(bare).await?);
        let (mut rates, mut costs) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
        let rounds = async {
            for round in 0..=ROUNDS {
                let mut turns = [(0, &ours), (1, &theirs)];
                // Whoever goes second may find the machine warmer.
                if round % 2 == 1 {
                    turns.reverse();
                }
                for (side, server) in turns {
                    let (rate, cost) = server.load(request).await?;
                    // The first round warms up.
                    if round > 0
                        && let (Some(rates), Some(costs)) = (rates.get_mut(side), costs.get_mut(side))
                    {
                        rates.push(rate);
                        costs.push(cost);
                    }
                }
            }
            Ok::<_, Failure>(())
        };
        story.during(name, rounds).await?;
        ours.end().await?;
        theirs.end().await?;
        let [our_rates, their_rates] = &rates;
        let pairs = our_rates.iter().zip(their_rates);
        let ratio = median(pairs.map(|(ours, theirs)| ours / theirs).collect());
        let [rate, bare_rate] = rates.map(median);
        let [cost, bare_cost] = costs.map(median);
        println!(
            "  {name:14} plugin {rate:8.0}/s, bare {bare_rate:8.0}/s, ratio {ratio:.2} (median of the rounds' own)"
        );
        println!("  {:14} CPU    {cost:6.1} us, bare {bare_cost:6.1} us", "");
    }
    Ok(())
}

/// From exec to the first healthy answer, in turns.
async fn starts(light: &Path, bare: &Path) -> Result<(), Failure> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=STARTS {
        for (program, times) in [(light, &mut ours), (bare, &mut theirs)] {
            let began = Instant::now();
            let mut server = Server::start(program).await?;
            let took = began.elapsed().as_secs_f64() * 1000.0;
            server.end().await?;
            if round > 0 {
                times.push(took);
            }
        }
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!("\nfrom exec to the first healthy answer, static binaries, median of {STARTS}:");
    println!("  the light      {ours:6.1} ms");
    println!("  bare axum      {theirs:6.1} ms");
    Ok(())
}

/// What the light weighs as an image and as an idle process in its container.
async fn weight(story: &Story) -> Result<(), Failure> {
    let state = tempfile::tempdir()?;
    let builder = Supervisor::builder(DockerEngine::connect().await?, state.path());
    let supervisor = builder.instance(instance("weight")?).start().await?;
    let light = supervisor.install(PluginSource::folder(light::folder())).await?;
    light.start().await?;
    story.wait("letting the light idle", Duration::from_secs(5)).await;
    let docker = Docker::connect_with_local_defaults()?;
    let container = light.state().container.ok_or("the light has no container")?;
    let seen = docker
        .inspect_container(container.as_str(), None::<InspectContainerOptions>)
        .await?;
    let init = seen
        .state
        .and_then(|state| state.pid)
        .ok_or("the light has no process")?;
    let resident = plugin_memory(init)?;
    let image = seen.image.ok_or("the engine does not tell which image runs")?;
    let image = docker.inspect_image(&image).await?;
    let size = image
        .size
        .and_then(|size| u64::try_from(size).ok())
        .unwrap_or_default();
    light.uninstall().remove_data(true).await?;
    supervisor.shutdown(ShutdownMode::StopPlugins).await?;
    println!("\nthe light in its container:");
    println!("  image                {:6.1} MiB", mebibytes(size));
    println!("  resident when idle   {:6.1} MiB", mebibytes(resident));
    Ok(())
}

/// Resident bytes of the plugin's own process, the child of the container's init.
fn plugin_memory(init: i64) -> Result<u64, Failure> {
    let children = std::fs::read_to_string(format!("/proc/{init}/task/{init}/children"))?;
    let child = children
        .split_whitespace()
        .next()
        .map_or_else(|| init.to_string(), str::to_owned);
    let status = std::fs::read_to_string(format!("/proc/{child}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.ok_or("the kernel does not tell the memory")?.parse::<u64>()? * 1024)
}

/// One of the two programs, running.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Starts a program and waits for its first healthy answer.
    async fn start(program: &Path) -> Result<Self, Failure> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = Command::new(program)
            .env_clear()
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let server = Self { process, port };
        let began = Instant::now();
        while began.elapsed() < DEADLINE {
            if let Ok(mut connection) = TcpStream::connect(("127.0.0.1", port)).await
                && exchange(&mut connection, HEALTH, &mut Vec::new()).await?
            {
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        Err(format!("{} did not become healthy", program.display()).into())
    }

    /// Requests per second, and microseconds of the server's CPU for each.
    async fn load(&self, request: &str) -> Result<(f64, f64), Failure> {
        let (before, began) = (self.cpu_seconds()?, Instant::now());
        let clients = (0..CONNECTIONS).map(|_| async {
            let mut connection = TcpStream::connect(("127.0.0.1", self.port)).await?;
            let (mut done, mut buffer) = (0.0, Vec::new());
            while began.elapsed() < ROUND {
                if !exchange(&mut connection, request, &mut buffer).await? {
                    return Err("a request was refused".into());
                }
                done += 1.0;
            }
            Ok::<f64, Failure>(done)
        });
        let done: f64 = futures_util::future::try_join_all(clients)
            .await?
            .into_iter()
            .sum();
        let (took, spent) = (began.elapsed().as_secs_f64(), self.cpu_seconds()? - before);
        Ok((done / took, spent / done * 1e6))
    }

    /// CPU time of all threads of the server.
    fn cpu_seconds(&self) -> Result<f64, Failure> {
        let pid = self.process.id().ok_or("the server has ended")?;
        let mut spent = 0.0;
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread may end meanwhile.
            let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            spent += text.split_whitespace().next().unwrap_or("0").parse::<f64>()? / 1e9;
        }
        Ok(spent)
    }

    async fn end(&mut self) -> Result<(), Failure> {
        self.process.kill().await?;
        Ok(())
    }
}

/// Sends one request and reads the whole answer; whether it was a 200. Does as little as it can, so that the servers
/// are measured and not this.
async fn exchange(connection: &mut TcpStream, request: &str, buffer: &mut Vec<u8>) -> Result<bool, Failure> {
    connection.write_all(request.as_bytes()).await?;
    buffer.clear();
    loop {
        if connection.read_buf(buffer).await? == 0 {
            return Ok(false);
        }
        let Some(head) = buffer.windows(4).position(|end| end == b"\r\n\r\n") else {
            continue;
        };
        let text = String::from_utf8_lossy(buffer.get(..head).unwrap_or_default()).to_ascii_lowercase();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.ok_or("an answer without a length")?.trim().parse()?;
        if buffer.len() >= head + 4 + length {
            return Ok(text.starts_with("http/1.1 200"));
        }
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
