//! Section 5 of the CIS Docker Benchmark on the container of a plugin that asks for nothing: the table of docs/cis.md.

use std::{collections::BTreeSet, fmt::Write as _, fs, net::SocketAddr, path::Path};

use bollard::{
    Docker,
    models::{ContainerInspectResponse, HostConfig, MountPoint, SystemInfo},
    query_parameters::{InspectContainerOptions, TopOptions},
};
use hap_host::{Phase, PluginHandle, ShutdownMode, engine::EngineDiagnostics};
use hap_manifest::Manifest;
use hap_tests::{
    docker::{Instance, ask, probe_image},
    document,
};

use crate::{address, supervisor};

/// What the container is, as seen from all sides.
struct Sight {
    info: SystemInfo,
    inspected: ContainerInspectResponse,
    host: HostConfig,
    /// Lines of `/proc/self/status` of the plugin.
    status: String,
    /// Commands of all processes of the container.
    processes: Vec<String>,
    /// Where its programs listen.
    listening: BTreeSet<u16>,
    /// What trying the engine's socket from inside says.
    socket: Result<String, String>,
    plugin: PluginHandle,
}

impl Sight {
    async fn of(instance: &Instance, plugin: &PluginHandle) -> Self {
        let docker = Docker::connect_with_host(instance.engine().uri()).unwrap();
        let id = plugin.state().container.unwrap();
        let inspected = docker
            .inspect_container(id.as_str(), None::<InspectContainerOptions>)
            .await
            .unwrap();
        let top = docker
            .top_processes(id.as_str(), None::<TopOptions>)
            .await
            .unwrap();
        let at: SocketAddr = address(instance, plugin).await;
        let listening = EngineDiagnostics::listening(instance.engine(), &id)
            .await
            .unwrap()
            .unwrap();
        Self {
            info: docker.info().await.unwrap(),
            host: inspected.host_config.clone().unwrap(),
            inspected,
            status: ask(at, "/read?/proc/self/status").await.unwrap(),
            processes: top
                .processes
                .unwrap()
                .into_iter()
                .map(|columns| columns.last().cloned().unwrap_or_default())
                .collect(),
            listening: listening.iter().map(SocketAddr::port).collect(),
            socket: ask(at, "/connect?/var/run/docker.sock").await,
            plugin: plugin.clone(),
        }
    }

    fn line(&self, name: &str) -> &str {
        let found = self.status.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_default().trim()
    }

    fn engine_has(&self, module: &str) -> bool {
        let options = self.info.security_options.iter().flatten();
        options
            .into_iter()
            .any(|option| option.starts_with(&format!("name={module}")))
    }

    /// Security options that take something away from the defaults.
    fn turns_off(&self, module: &str) -> bool {
        let options = self.host.security_opt.iter().flatten();
        options
            .into_iter()
            .any(|option| option.starts_with(module) || option.starts_with("label"))
    }

    fn publishes(&self) -> bool {
        let bound = self
            .host
            .port_bindings
            .as_ref()
            .is_some_and(|ports| !ports.is_empty());
        bound || self.host.publish_all_ports == Some(true)
    }

    fn mounts_nothing_of_the_host(&self) -> bool {
        let binds = self.host.binds.iter().flatten().count();
        let mounts = self.inspected.mounts.iter().flatten().count();
        (binds, mounts) == (0, 0)
    }
}

/// One item of the section.
struct Item {
    number: &'static str,
    /// In our words.
    about: &'static str,
    standing: &'static str,
    how: &'static str,
    holds: fn(&Sight) -> bool,
}

const PASSES: &str = "passes";
const WHERE_THERE_IS: &str = "passes where there is one";
const OTHERWISE: &str = "met otherwise";
const NOT_APPLICABLE: &str = "does not apply";
const OPERATORS: &str = "the operator's";

fn not_host(mode: Option<&String>) -> bool {
    mode.is_none_or(|mode| mode != "host")
}

/// The supervisor has no way to run a program in a container.
fn never_executes() -> bool {
    never_names(&["create_exec", "start_exec"])
}

/// The sources of the supervisor call none of these.
fn never_names(calls: &[&str]) -> bool {
    fn search(folder: &Path, calls: &[&str]) -> bool {
        fs::read_dir(folder).unwrap().all(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                return search(&path, calls);
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            calls.iter().all(|call| !text.contains(call))
        })
    }
    search(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../hap-host/src"),
        calls,
    )
}

const ITEMS: [Item; 32] = [
    Item {
        number: "5.1",
        about: "Swarm mode is off where it is not needed",
        standing: OPERATORS,
        how: "the supervisor never turns it on, and its networks and containers are none of a swarm's",
        holds: |seen| {
            let networks = seen.inspected.network_settings.as_ref().unwrap();
            never_names(&["swarm_init", "swarm_join"])
                && networks
                    .networks
                    .iter()
                    .flatten()
                    .all(|(name, _)| name != "ingress")
        },
    },
    Item {
        number: "5.2",
        about: "an AppArmor profile is in force",
        standing: WHERE_THERE_IS,
        how: "the engine's default profile is never replaced or turned off",
        holds: |seen| {
            !seen.turns_off("apparmor")
                && (!seen.engine_has("apparmor")
                    || seen
                        .inspected
                        .app_armor_profile
                        .as_ref()
                        .is_some_and(|profile| !matches!(profile.as_str(), "" | "unconfined")))
        },
    },
    Item {
        number: "5.3",
        about: "SELinux options are in force",
        standing: WHERE_THERE_IS,
        how: "the engine labels the container; labels are never turned off",
        holds: |seen| {
            !seen.turns_off("label")
                && (!seen.engine_has("selinux")
                    || seen
                        .inspected
                        .process_label
                        .as_ref()
                        .is_some_and(|label| !label.is_empty()))
        },
    },
    Item {
        number: "5.4",
        about: "kernel capabilities are restricted",
        standing: PASSES,
        how: "all are dropped, none is added; from inside, every set is empty",
        holds: |seen| {
            seen.host.cap_drop.as_deref() == Some(&["ALL".to_owned()][..])
                && seen.host.cap_add.iter().flatten().count() == 0
                && ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"]
                    .iter()
                    .all(|set| seen.line(set) == "0000000000000000")
        },
    },
    Item {
        number: "5.5",
        about: "the container is not privileged",
        standing: PASSES,
        how: "there is no way to ask for it",
        holds: |seen| seen.host.privileged == Some(false),
    },
    Item {
        number: "5.6",
        about: "no sensitive folder of the host is mounted",
        standing: PASSES,
        how: "no folder of the host is ever mounted; data is in named volumes",
        holds: Sight::mounts_nothing_of_the_host,
    },
    Item {
        number: "5.7",
        about: "no SSH server runs inside",
        standing: PASSES,
        how: "the processes are the engine's init and the plugin's program, and nothing listens on port 22",
        holds: |seen| {
            seen.processes.len() == 2
                && seen.processes.iter().any(|command| command.contains("/probe"))
                && seen.processes.iter().all(|command| !command.contains("sshd"))
                && !seen.listening.contains(&22)
        },
    },
    Item {
        number: "5.8",
        about: "no privileged port of the host is mapped",
        standing: PASSES,
        how: "no port is published at all; the host reaches a plugin by its container's address",
        holds: |seen| !seen.publishes(),
    },
    Item {
        number: "5.9",
        about: "only needed ports are open",
        standing: PASSES,
        how: "no port is published, and nothing but the manifest's `api_port` is listened on",
        holds: |seen| !seen.publishes() && seen.listening == BTreeSet::from([8000]),
    },
    Item {
        number: "5.10",
        about: "the host's network namespace is not shared",
        standing: PASSES,
        how: "a network of the supervisor's own, without traffic between containers",
        holds: |seen| not_host(seen.host.network_mode.as_ref()),
    },
    Item {
        number: "5.11",
        about: "memory is limited",
        standing: PASSES,
        how: "256 MiB where the manifest is silent, swap included",
        holds: |seen| seen.host.memory == Some(256 << 20) && seen.host.memory_swap == Some(256 << 20),
    },
    Item {
        number: "5.12",
        about: "CPU priority is set",
        standing: PASSES,
        how: "half of the engine's default shares for each core of the limit, and the limit itself: one core where the manifest is silent",
        holds: |seen| seen.host.cpu_shares == Some(512) && seen.host.nano_cpus == Some(1_000_000_000),
    },
    Item {
        number: "5.13",
        about: "the root file system is read-only",
        standing: PASSES,
        how: "always, with a memory file system of limited size at `/tmp`",
        holds: |seen| seen.host.readonly_rootfs == Some(true),
    },
    Item {
        number: "5.14",
        about: "traffic comes in by a named interface of the host",
        standing: PASSES,
        how: "none comes in by the host, because no port is published",
        holds: |seen| !seen.publishes(),
    },
    Item {
        number: "5.15",
        about: "the engine does not restart it without end",
        standing: PASSES,
        how: "the engine's policy is `no`; the supervisor restarts it, with growing pauses and a visible crash loop",
        holds: |seen| {
            let policy = seen
                .host
                .restart_policy
                .as_ref()
                .and_then(|policy| policy.name.as_ref());
            policy.is_none_or(|name| name.to_string() == "no")
        },
    },
    Item {
        number: "5.16",
        about: "the host's process namespace is not shared",
        standing: PASSES,
        how: "a namespace of its own, whose first process is the engine's init",
        holds: |seen| not_host(seen.host.pid_mode.as_ref()),
    },
    Item {
        number: "5.17",
        about: "the host's IPC namespace is not shared",
        standing: PASSES,
        how: "a private namespace, which no other container can join",
        holds: |seen| seen.host.ipc_mode.as_deref() == Some("private"),
    },
    Item {
        number: "5.18",
        about: "no device of the host is handed in",
        standing: PASSES,
        how: "none without a grant",
        holds: |seen| {
            seen.host.devices.iter().flatten().count() == 0
                && seen.host.device_requests.iter().flatten().count() == 0
                && seen.host.device_cgroup_rules.iter().flatten().count() == 0
        },
    },
    Item {
        number: "5.19",
        about: "default ulimits are replaced where needed",
        standing: PASSES,
        how: "4,096 open files for each process",
        holds: |seen| {
            seen.host.ulimits.iter().flatten().any(|limit| {
                limit.name.as_deref() == Some("nofile")
                    && (limit.soft, limit.hard) == (Some(4096), Some(4096))
            })
        },
    },
    Item {
        number: "5.20",
        about: "no mount is propagated back to the host",
        standing: PASSES,
        how: "there is no bind mount",
        holds: |seen| {
            let mut mounts = seen.inspected.mounts.iter().flatten();
            mounts.all(|mount| {
                mount
                    .propagation
                    .as_deref()
                    .is_none_or(|mode| !mode.contains("shared"))
            })
        },
    },
    Item {
        number: "5.21",
        about: "the host's UTS namespace is not shared",
        standing: PASSES,
        how: "a namespace of its own; its host name is the plugin's id",
        holds: |seen| not_host(seen.host.uts_mode.as_ref()),
    },
    Item {
        number: "5.22",
        about: "the default seccomp profile is in force",
        standing: PASSES,
        how: "it is never replaced or turned off; from inside, the kernel says that calls are filtered",
        holds: |seen| !seen.turns_off("seccomp") && seen.line("Seccomp:") == "2",
    },
    Item {
        number: "5.23",
        about: "nothing is executed inside with privileges",
        standing: NOT_APPLICABLE,
        how: "the supervisor executes nothing in a container: it has no code that asks the engine for it",
        holds: |_| never_executes(),
    },
    Item {
        number: "5.24",
        about: "nothing is executed inside as root",
        standing: NOT_APPLICABLE,
        how: "as 5.23",
        holds: |_| never_executes(),
    },
    Item {
        number: "5.25",
        about: "the control group is the engine's own",
        standing: PASSES,
        how: "no other one can be asked for",
        holds: |seen| seen.host.cgroup_parent.as_deref().is_none_or(str::is_empty),
    },
    Item {
        number: "5.26",
        about: "no further privileges can be acquired",
        standing: PASSES,
        how: "`no-new-privileges`; from inside, the kernel says so",
        holds: |seen| {
            let mut options = seen.host.security_opt.iter().flatten();
            options.any(|option| option.starts_with("no-new-privileges")) && seen.line("NoNewPrivs:") == "1"
        },
    },
    Item {
        number: "5.27",
        about: "health is checked while it runs",
        standing: OTHERWISE,
        how: "the supervisor asks `/health` over HTTP from outside, every 10 s; a check by the engine would need a program inside the image",
        holds: |seen| seen.plugin.state().phase == Phase::Healthy,
    },
    Item {
        number: "5.28",
        about: "the image is the one that is meant",
        standing: OTHERWISE,
        how: "a plugin is tied to its image by the digest of its content; a newer one comes by an update that somebody asks for",
        holds: |seen| {
            let config = seen.inspected.config.as_ref().unwrap();
            let image = config.image.as_deref().unwrap_or_default();
            image.starts_with("sha256:") && Some(image) == seen.inspected.image.as_deref()
        },
    },
    Item {
        number: "5.29",
        about: "the number of processes is limited",
        standing: PASSES,
        how: "256 where the manifest is silent",
        holds: |seen| seen.host.pids_limit == Some(256),
    },
    Item {
        number: "5.30",
        about: "the engine's default bridge is not used",
        standing: PASSES,
        how: "the supervisor's own network is the only one that is joined",
        holds: |seen| {
            let settings = seen.inspected.network_settings.as_ref().unwrap();
            let joined: Vec<_> = settings.networks.iter().flatten().collect();
            matches!(&joined[..], [(name, _)] if name.starts_with("hap-"))
        },
    },
    Item {
        number: "5.31",
        about: "the host's user namespace is not asked for",
        standing: PASSES,
        how: "where the engine maps users, the container is mapped",
        holds: |seen| not_host(seen.host.userns_mode.as_ref()),
    },
    Item {
        number: "5.32",
        about: "the engine's socket is not inside",
        standing: PASSES,
        how: "nothing of the host is mounted; from inside, nothing is there",
        holds: |seen| seen.mounts_nothing_of_the_host() && seen.socket.is_err(),
    },
];

/// What [docker-bench-security](https://github.com/docker/docker-bench-security) warns of: what it looks at for each item that
/// it decides by itself, in the order of its numbers.
fn warnings(seen: &Sight) -> Vec<&'static str> {
    let host = &seen.host;
    let state = seen.inspected.state.as_ref().unwrap();
    let options = host.security_opt.iter().flatten();
    let writes_or_shares = seen.inspected.mounts.iter().flatten().any(|mount| {
        let sensitive = ["/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr"];
        let source = mount.source.as_deref().unwrap_or_default();
        sensitive.contains(&source) && mount.rw == Some(true)
    });
    let no_profile = seen
        .inspected
        .app_armor_profile
        .as_ref()
        .is_none_or(String::is_empty);
    let restarts = host
        .restart_policy
        .as_ref()
        .and_then(|policy| policy.name.as_ref());
    let shared = |mount: &MountPoint| mount.propagation.as_deref() == Some("shared");
    let unconfined = |option: &String| option.contains("seccomp") && option.contains("unconfined");
    let own_groups = host
        .cgroup_parent
        .as_deref()
        .is_some_and(|parent| !matches!(parent, "" | "/docker"));
    let warns = [
        ("5.2", seen.engine_has("apparmor") && no_profile),
        ("5.3", options.clone().count() == 0),
        ("5.4", host.cap_add.iter().flatten().count() > 0),
        ("5.5", host.privileged != Some(false)),
        ("5.6", writes_or_shares),
        (
            "5.7",
            seen.processes.iter().any(|command| command.contains("sshd")),
        ),
        ("5.8", seen.publishes()),
        ("5.10", !not_host(host.network_mode.as_ref())),
        ("5.11", host.memory.is_none_or(|bytes| bytes == 0)),
        ("5.12", host.cpu_shares.is_none_or(|shares| shares == 0)),
        ("5.13", host.readonly_rootfs != Some(true)),
        ("5.14", seen.publishes()),
        ("5.15", restarts.is_some_and(|name| name.to_string() == "always")),
        ("5.16", !not_host(host.pid_mode.as_ref())),
        ("5.17", !not_host(host.ipc_mode.as_ref())),
        ("5.18", host.devices.iter().flatten().count() > 0),
        ("5.19", host.ulimits.iter().flatten().count() == 0),
        ("5.20", seen.inspected.mounts.iter().flatten().any(shared)),
        ("5.21", !not_host(host.uts_mode.as_ref())),
        ("5.22", options.clone().any(unconfined)),
        ("5.25", own_groups),
        (
            "5.26",
            !options
                .clone()
                .any(|option| option.starts_with("no-new-privileges")),
        ),
        ("5.27", state.health.is_none()),
        ("5.29", host.pids_limit.is_none_or(|limit| limit <= 0)),
        ("5.30", not_ours(seen)),
        ("5.31", !not_host(host.userns_mode.as_ref())),
        ("5.32", !seen.mounts_nothing_of_the_host()),
    ];
    let warns = warns.iter().filter(|(_, warns)| *warns);
    warns.map(|(number, _)| *number).collect()
}

/// Whether it is on a network besides the supervisor's.
fn not_ours(seen: &Sight) -> bool {
    let settings = seen.inspected.network_settings.as_ref().unwrap();
    let mut joined = settings.networks.iter().flatten();
    joined.any(|(name, _)| !name.starts_with("hap-"))
}

fn table() -> String {
    let mut table = "| item | about | standing | how |\n|---|---|---|---|\n".to_owned();
    for item in &ITEMS {
        let Item {
            number,
            about,
            standing,
            how,
            ..
        } = item;
        let _ = writeln!(table, "| {number} | {about} | {standing} | {how} |");
    }
    table
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_plugin_that_asks_for_nothing_stands_as_the_table_of_the_cis_benchmark_says() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let supervisor = supervisor(&instance, state.path()).await;
    let image = probe_image().await.to_string();
    let manifest = Manifest::builder("plain", "Plain", "1.0.0", &image)
        .build()
        .unwrap();
    let plugin = supervisor.install(manifest).await.unwrap();
    plugin.start().await.unwrap();
    let seen = Sight::of(&instance, &plugin).await;
    let failed: Vec<_> = ITEMS
        .iter()
        .filter(|item| !(item.holds)(&seen))
        .map(|item| item.number)
        .collect();
    assert!(failed.is_empty(), "{failed:?}: {:#?}", seen.inspected);
    // It looks for a health check of the engine's own, which would have to run a program of the image.
    assert_eq!(warnings(&seen), ["5.27"], "{:#?}", seen.inspected);
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();

    let path = document::path("cis.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, inside, after) = document::split(&text, "cis");
    if std::env::var_os("UPDATE_CIS").is_some() {
        fs::write(&path, format!("{before}{}{after}", table())).unwrap();
    } else {
        assert_eq!(inside, table(), "run with UPDATE_CIS=1 if the new table is right");
    }
}
