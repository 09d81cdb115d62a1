//! What it costs to read a manifest with all its fields, beside `serde_json` into a struct of plain types.
//!
//! `cargo bench -p hap-manifest --bench parse` measures both in turns in one run, so that the ratio holds on a busy
//! machine. Arguments after `--`:
//!
//! * `--limit 3` fails if a ratio is above 3;
//! * `--only ours --reads 1000`, or `--only plain`, just reads so often and prints nothing: to count instructions.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it prints its result, and has no input but its own and what it is called with"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use hap_manifest::Manifest;
use serde::Deserialize;
use serde_json::Value;

const BYTES: &[u8] = include_bytes!("../tests/fixtures/full.json");
const ROUNDS: usize = 3001;
/// So few that most rounds end before another program takes the processor: else the longer of the two would lose more
/// of them, and the ratio would grow with the load of the machine.
const READS: u32 = 20;

/// The fields of a manifest in plain types, none of them checked.
#[derive(Deserialize)]
#[expect(dead_code, reason = "read by nobody: it is there to be filled")]
struct Plain {
    id: String,
    name: String,
    version: String,
    description: String,
    author: String,
    image: String,
    api_port: u16,
    cpu_limit: f64,
    memory_limit: String,
    network_access: bool,
    device_access: bool,
    dockerfile: String,
    health_check_path: String,
    command_endpoint: String,
    status_endpoint: String,
    config_endpoint: String,
    env_vars: BTreeMap<String, String>,
    volumes: Vec<String>,
    depends_on: Vec<Value>,
    price: f64,
    category: String,
    tags: Vec<String>,
    homepage: String,
    license: String,
    icon: String,
    config_schema: Value,
    secrets: Vec<String>,
    devices: Vec<String>,
    capabilities: Vec<String>,
    user: String,
    writable_rootfs: bool,
    tmpfs: Vec<String>,
    pids_limit: u32,
    health_check: PlainHealthCheck,
    stop_timeout: String,
    restart: PlainRestart,
    platform: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "as above")]
struct PlainHealthCheck {
    interval: String,
    timeout: String,
    retries: u32,
    start_period: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "as above")]
struct PlainRestart {
    mode: String,
    initial: String,
    max: String,
}

fn read_ours(bytes: &[u8]) {
    drop(black_box(Manifest::from_slice(black_box(bytes)).unwrap()));
}

fn read_plain(bytes: &[u8]) {
    drop(black_box(
        serde_json::from_slice::<Plain>(black_box(bytes)).unwrap(),
    ));
}

fn time(read: fn(&[u8]), bytes: &[u8]) -> Duration {
    let began = Instant::now();
    for _ in 0..READS {
        read(bytes);
    }
    began.elapsed() / READS
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap()
}

/// Measures both on one text, prints what it found and returns how often the one fits into the other.
fn compare(what: &str, bytes: &[u8]) -> f64 {
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(time(read_ours, bytes));
        plain.push(time(read_plain, bytes));
    }
    let (ours, plain) = (median(ours), median(plain));
    let ratio = ours.as_secs_f64() / plain.as_secs_f64();
    println!(
        "{what}, {} bytes, median of {ROUNDS} rounds of {READS}",
        bytes.len()
    );
    println!("  Manifest::from_slice, all rules  {ours:?}");
    println!("  serde_json, no rules             {plain:?}");
    println!("  ratio                            {ratio:.2}");
    ratio
}

/// The value behind an argument of that name.
fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn main() -> ExitCode {
    if let Some(only) = argument("--only") {
        let read = match only.as_str() {
            "ours" => read_ours,
            _ => read_plain,
        };
        let reads: u32 = argument("--reads").unwrap().parse().unwrap();
        (0..reads).for_each(|_| read(BYTES));
        return ExitCode::SUCCESS;
    }
    // Neither reader may live from the order of the keys or from the line breaks: the second text has all fields by
    // the alphabet and in one line.
    let sorted = serde_json::from_slice::<BTreeMap<String, Value>>(BYTES).unwrap();
    let sorted = serde_json::to_vec(&sorted).unwrap();
    let ratio = compare("as people write it", BYTES).max(compare("sorted, in one line", &sorted));
    match argument("--limit").map(|limit| limit.parse::<f64>().unwrap()) {
        Some(limit) if ratio > limit => {
            println!("more than {limit}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
