mod machines;
mod pages;

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hap_host::engine::{FreeSubnets, LimitsInForce};

use super::facts::{
    ConfigFacts, Described, Disk, Drift, EngineAddress, EngineFacts, Entry, Facts, Folder, Probe, Probed,
    StateFacts, User, Way,
};

/// A moment of which all facts are.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn disk(mount: &str) -> Disk {
    Disk {
        mount: PathBuf::from(mount),
        kind: "ext4".to_owned(),
        is_read_only: false,
        free: 50 << 30,
        free_files: 1_000_000,
        files: 2_000_000,
    }
}

fn pool(free: usize, in_the_way: &[&str]) -> FreeSubnets {
    let mut pool = FreeSubnets::default();
    pool.free = free;
    pool.total = 256;
    pool.in_the_way = in_the_way.iter().map(|what| (*what).to_owned()).collect();
    pool
}

fn limits(memory: Option<bool>) -> LimitsInForce {
    let mut limits = LimitsInForce::default();
    limits.memory = memory;
    limits.processes = Some(true);
    limits.cpu = Some(true);
    limits
}

/// A machine on which nothing is wrong.
fn healthy() -> Facts {
    Facts {
        now: now(),
        user: User {
            id: 1000,
            name: "ann".to_owned(),
        },
        arch: "amd64",
        kernel: Some("6.1.0-18-amd64".to_owned()),
        bridges_are_filtered: Some(true),
        address: EngineAddress {
            uri: "unix:///var/run/docker.sock".to_owned(),
            named_by: None,
            context: None,
            way: Way::Socket("/var/run/docker.sock".into()),
        },
        engine: Ok(EngineFacts {
            version: "28.5.2".to_owned(),
            api: "1.51".to_owned(),
            podman: None,
            described: Ok(Described {
                cgroup: Some("2".to_owned()),
                memory_limit: true,
                swap_limit: true,
                pids_limit: true,
                cpu_limit: true,
                security: vec!["seccomp".to_owned(), "cgroupns".to_owned()],
                architecture: "x86_64".to_owned(),
                clock: Some(Drift::Ahead(Duration::from_millis(3))),
                disk: Some(disk("/var/lib/docker")),
            }),
            pool: Ok(pool(250, &["the network bridge (172.17.0.0/16)"])),
            gateways: vec![IpAddr::from(Ipv4Addr::new(10, 213, 7, 1))],
            left: Ok(Vec::new()),
        }),
        state: StateFacts {
            folder: "/home/ann/.local/state/hap".into(),
            entry: Entry::Folder(folder()),
            disk: Ok(disk("/home")),
            holder: None,
            socket: None,
        },
        config: ConfigFacts::default(),
        listeners: Some(Vec::new()),
        certificate: None,
        probe: Probed::Done(Box::new(probe())),
    }
}

fn folder() -> Folder {
    Folder {
        owner: 1000,
        mode: 0o700,
        may_write: true,
        has_database: true,
        is_empty: false,
        newest: Some(now() - Duration::from_secs(60)),
    }
}

fn probe() -> Probe {
    Probe {
        isolation: Ok(None),
        cut_off: Ok(Vec::new()),
        limits: Ok(limits(Some(true))),
        port: 40_000,
    }
}
