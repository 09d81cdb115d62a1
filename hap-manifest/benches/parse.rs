//! What it costs to read a manifest with all its fields, beside `serde_json` into a struct of plain types.
//!
//! `cargo bench -p hap-manifest`. Both are measured in turns in one run, so that the ratio holds on a busy machine.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it prints its result, and has no input but its own"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use hap_manifest::Manifest;
use serde::Deserialize;
use serde_json::Value;

const TEXT: &str = include_str!("../tests/fixtures/full.json");
const ROUNDS: usize = 301;
const READS: u32 = 200;

/// The fields of a manifest, none of them checked.
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
    health_check: BTreeMap<String, Value>,
    stop_timeout: String,
    restart: BTreeMap<String, Value>,
    platform: String,
}

fn time(read: impl Fn()) -> Duration {
    let began = Instant::now();
    for _ in 0..READS {
        read();
    }
    began.elapsed() / READS
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap()
}

fn main() {
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(time(|| {
            drop(black_box(Manifest::from_json(black_box(TEXT)).unwrap()))
        }));
        plain.push(time(|| {
            drop(black_box(serde_json::from_str::<Plain>(black_box(TEXT)).unwrap()))
        }));
    }
    let (ours, plain) = (median(ours), median(plain));
    println!("{} bytes, median of {ROUNDS} rounds of {READS}", TEXT.len());
    println!("Manifest::from_json, all rules  {ours:?}");
    println!("serde_json, no rules            {plain:?}");
    println!(
        "ratio                           {:.2}",
        ours.as_secs_f64() / plain.as_secs_f64()
    );
}
