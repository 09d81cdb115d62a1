//! Broken machines, as their facts say. Each has one thing that is wrong, and exactly that is found.

use std::time::Duration;

use super::{
    super::{
        check::Health,
        checks::CHECKS,
        facts::{
            Answer, Certificate, Described, Drift, EngineFacts, Entry, Facts, Folder, HostHealth, Left,
            Listener, Probe, Probed, Socket, SocketOwner, Unreached, Way,
        },
    },
    folder, healthy, limits, now, pool, probe,
};

/// What is found besides what is fine or cannot be known, each as `health id | fix`.
fn found(facts: &Facts) -> Vec<String> {
    let findings = CHECKS.iter().map(|check| check.judge(facts));
    let wrong = findings.filter(|finding| matches!(finding.health, Health::Warn | Health::Fix));
    wrong
        .map(|finding| {
            format!(
                "{} {} | {}",
                finding.health.word(),
                finding.id,
                finding.fix.unwrap_or_default()
            )
        })
        .collect()
}

/// Holds that of a machine with this change exactly one thing is found, and what mends it.
fn finds(expected: &str, change: impl FnOnce(&mut Facts)) {
    let mut facts = healthy();
    change(&mut facts);
    let found = found(&facts);
    assert!(
        found.len() == 1 && found[0].contains(expected),
        "expected {expected}\nfound {found:#?}"
    );
}

fn engine(facts: &mut Facts) -> &mut EngineFacts {
    facts.engine.as_mut().unwrap()
}

fn described(facts: &mut Facts) -> &mut Described {
    engine(facts).described.as_mut().unwrap()
}

fn state(facts: &mut Facts) -> &mut Folder {
    match &mut facts.state.entry {
        Entry::Folder(folder) => folder,
        other => panic!("{other:?}"),
    }
}

fn listening(address: &str) -> Option<Vec<Listener>> {
    Some(vec![Listener {
        address: address.parse().unwrap(),
        program: Some("nginx (process 7)".to_owned()),
    }])
}

fn socket(mode: u32, answer: Answer) -> Option<Socket> {
    Some(Socket {
        path: "/home/ann/.local/state/hap/hap.sock".into(),
        is_socket: true,
        owner: 1000,
        mode: 0o140_000 | mode,
        answer,
    })
}

#[test]
fn nothing_is_found_on_a_machine_that_is_as_it_should_be() {
    assert_eq!(found(&healthy()), [""; 0]);
    for check in CHECKS {
        let finding = check.judge(&healthy());
        assert_eq!(finding.health, Health::Ok, "{finding:?}");
        assert!(
            !finding.sentence.is_empty() && finding.fix.is_none(),
            "{finding:?}"
        );
    }
}

#[test]
fn an_engine_that_is_not_reached_is_told_with_the_reason() {
    let unreached = |why: Unreached| move |facts: &mut Facts| facts.engine = Err(why);
    finds(
        "fix engine.reach | sudo systemctl start docker",
        unreached(Unreached::NoSocket),
    );
    finds(
        "fix engine.reach | sudo systemctl start docker",
        unreached(Unreached::Refused),
    );
    let silent = Unreached::Silent(Duration::from_secs(5));
    finds(
        "fix engine.reach | sudo systemctl restart docker",
        unreached(silent),
    );
    finds("fix engine.reach | ", unreached(Unreached::Odd("x".to_owned())));
    finds("fix engine.reach | unset DOCKER_HOST", |facts| {
        facts.address.named_by = Some("DOCKER_HOST".to_owned());
        facts.engine = Err(Unreached::NoSocket);
    });
    for (group, is_member, fix) in [
        (
            Some("docker"),
            false,
            "| sudo usermod -aG docker ann && newgrp docker",
        ),
        (Some("docker"), true, "| newgrp docker"),
        (Some("root"), false, "| sudo groupadd -f docker"),
        (None, false, "| sudo groupadd -f docker"),
    ] {
        let owner = SocketOwner {
            group: group.map(str::to_owned),
            is_member,
        };
        finds(fix, unreached(Unreached::Forbidden(owner)));
    }
}

#[test]
fn an_engine_of_another_machine_is_refused() {
    finds("fix engine.address | unset DOCKER_HOST", |facts| {
        facts.address.way = Way::Refused("it is another machine's".to_owned());
        facts.address.named_by = Some("DOCKER_HOST".to_owned());
        facts.engine = Err(Unreached::NotAsked);
    });
    finds(
        "warn engine.address | export DOCKER_HOST=$(docker context inspect box",
        |facts| {
            facts.address.context = Some("box".to_owned());
        },
    );
}

#[test]
fn an_engine_that_is_not_supported_is_told() {
    finds("fix engine.kind | ", |facts| {
        engine(facts).podman = Some("Podman Engine 5.4.2".to_owned())
    });
    for (version, api) in [("19.03.15", "1.40"), ("25.0.3", "1.44"), ("1.9.1", "1.21")] {
        finds("fix engine.version | ", |facts| {
            engine(facts).version = version.to_owned();
            engine(facts).api = api.to_owned();
        });
    }
    finds("warn engine.version | ", |facts| {
        engine(facts).api = "new".to_owned()
    });
    finds("fix engine.root | ", |facts| {
        described(facts).security.push("rootless".to_owned())
    });
}

#[test]
fn a_host_of_processes_is_not_told_of_docker() {
    let mut facts = healthy();
    facts.address.way = Way::None;
    facts.engine = Err(Unreached::NotAsked);
    let concerned: Vec<_> = CHECKS.iter().filter(|check| check.concerns(&facts)).collect();
    let unknown = concerned.iter().map(|check| check.judge(&facts));
    assert!(unknown.into_iter().all(|finding| finding.health == Health::Ok));
    let ids: Vec<_> = concerned.iter().map(|check| check.id).collect();
    assert!(
        ids.contains(&"engine.address") && ids.contains(&"state.disk"),
        "{ids:?}"
    );
    assert!(
        !ids.contains(&"engine.reach") && !ids.contains(&"network.pool"),
        "{ids:?}"
    );
}

#[test]
fn limits_that_the_engine_or_the_kernel_does_not_keep_are_told() {
    finds("fix engine.limits | sudo sed", |facts| {
        described(facts).memory_limit = false
    });
    finds("fix engine.limits | sudo sed", |facts| {
        described(facts).pids_limit = false
    });
    finds("fix engine.limits | sudo sed", |facts| {
        described(facts).cpu_limit = false
    });
    finds("warn engine.limits | sudo sed", |facts| {
        described(facts).swap_limit = false
    });
    finds("fix engine.cgroup | ", |facts| described(facts).cgroup = None);
    finds(
        "fix engine.limits_measured | sudo systemctl restart docker",
        |facts| {
            facts.probe = Probed::Done(Box::new(Probe {
                limits: Ok(limits(Some(false))),
                ..probe()
            }));
        },
    );
    let mut facts = healthy();
    facts.probe = Probed::Done(Box::new(Probe {
        limits: Ok(limits(None)),
        ..probe()
    }));
    assert_eq!(
        found(&facts),
        [""; 0],
        "what cannot be seen is not taken for broken"
    );
}

#[test]
fn clocks_that_do_not_agree_are_told() {
    let seconds = Duration::from_secs;
    finds("warn engine.clock | ", |facts| {
        described(facts).clock = Some(Drift::Ahead(seconds(6)))
    });
    finds("fix engine.clock | sudo timedatectl", |facts| {
        described(facts).clock = Some(Drift::Behind(seconds(61)));
    });
    finds("fix machine.clock | sudo timedatectl", |facts| {
        state(facts).newest = Some(now() + seconds(61));
    });
}

#[test]
fn what_the_machine_itself_lacks_is_told() {
    finds("fix machine.kernel | ", |facts| {
        facts.kernel = Some("2.6.32-5".to_owned())
    });
    finds("warn machine.kernel | ", |facts| {
        facts.kernel = Some("4.15.0-213-generic".to_owned())
    });
    finds("warn engine.processor | ", |facts| facts.arch = "arm64");
    finds(
        "fix network.bridges | sudo sysctl -w net.bridge.bridge-nf-call-iptables=1",
        |facts| {
            facts.bridges_are_filtered = Some(false);
        },
    );
}

#[test]
fn a_pool_without_room_is_told_with_what_is_in_the_way() {
    finds(
        "fix network.pool | sudo ip route del 10.213.0.0/16 dev wg0",
        |facts| {
            engine(facts).pool = Ok(pool(0, &["the route to 10.213.0.0/16 by wg0"]));
        },
    );
    finds("fix network.pool | docker network prune", |facts| {
        engine(facts).pool = Ok(pool(
            1,
            &[
                "the network big (10.213.0.0/16)",
                "the route to 10.213.0.0/16 by br-1",
            ],
        ));
    });
    finds("warn network.pool | docker network prune", |facts| {
        engine(facts).pool = Ok(pool(9, &[]))
    });
    let mut facts = healthy();
    engine(&mut facts).pool = Ok(pool(0, &[]));
    engine(&mut facts).gateways = vec![[10, 213, 7, 1].into(), [10, 213, 8, 1].into()];
    assert_eq!(
        found(&facts),
        [""; 0],
        "a host that has its networks needs no more"
    );
}

#[test]
fn what_containers_measure_is_told() {
    let measured = |change: fn(&mut Probe)| {
        move |facts: &mut Facts| {
            let mut probe = probe();
            change(&mut probe);
            facts.probe = Probed::Done(Box::new(probe));
        }
    };
    finds(
        "fix network.isolation | sudo sed -i '/\"iptables\"/d'",
        measured(|probe| {
            probe.isolation = Ok(Some((
                "a container reached another".to_owned(),
                "rules are off".to_owned(),
            )));
        }),
    );
    finds(
        "fix network.isolation | sudo sysctl",
        measured(|probe| {
            let hint = "net.bridge.bridge-nf-call-iptables is 0".to_owned();
            probe.isolation = Ok(Some(("a container reached another".to_owned(), hint)));
        }),
    );
    finds(
        "fix network.way_in | sudo iptables -I INPUT",
        measured(|probe| {
            probe.cut_off = Ok(vec!["isolated network"]);
        }),
    );
}

#[test]
fn ports_of_others_are_told_and_those_of_the_host_are_not() {
    for at in ["0.0.0.0:4000", "[::]:4000", "10.213.7.1:4000"] {
        finds("fix network.events_port | sudo fuser -k 4000/tcp", |facts| {
            facts.config.events_port = Some(4000);
            facts.listeners = listening(at);
        });
    }
    finds("fix host.listen | sudo fuser -k 8443/tcp", |facts| {
        facts.config.listen = Some("0.0.0.0:8443".to_owned());
        facts.listeners = listening("127.0.0.1:8443");
    });
    finds("fix host.listen | ${EDITOR:-vi} ", |facts| {
        facts.config.listen = Some("8443".to_owned())
    });
    let mut facts = healthy();
    facts.config.events_port = Some(4000);
    facts.config.listen = Some("127.0.0.2:4000".to_owned());
    facts.listeners = listening("127.0.0.1:4000");
    assert_eq!(found(&facts), [""; 0], "loopback is in nobody's way");
}

#[test]
fn disks_without_room_are_told() {
    const MIB: u64 = 1 << 20;
    let of_state = |free, files| {
        move |facts: &mut Facts| {
            let disk = facts.state.disk.as_mut().unwrap();
            (disk.free, disk.free_files) = (free, files);
        }
    };
    finds("fix state.disk | sudo du -xh", of_state(63 * MIB, 100_000));
    finds("warn state.disk | sudo du -xh", of_state(511 * MIB, 100_000));
    finds("fix state.inodes | sudo du -x --inodes", of_state(900 * MIB, 999));
    finds(
        "warn state.inodes | sudo du -x --inodes",
        of_state(900 * MIB, 9_999),
    );
    let of_engine = |free, files| {
        move |facts: &mut Facts| {
            let disk = described(facts).disk.as_mut().unwrap();
            (disk.free, disk.free_files) = (free, files);
        }
    };
    finds(
        "fix engine.disk | docker system prune",
        of_engine(255 * MIB, 100_000),
    );
    finds(
        "warn engine.disk | docker system prune",
        of_engine(2047 * MIB, 100_000),
    );
    finds(
        "fix engine.inodes | docker system prune",
        of_engine(9000 * MIB, 999),
    );
    let mut facts = healthy();
    let disk = facts.state.disk.as_mut().unwrap();
    (disk.files, disk.free_files) = (0, 0);
    assert_eq!(
        found(&facts),
        [""; 0],
        "a file system that makes inodes as they are needed has none to count"
    );
}

#[test]
fn a_state_folder_that_no_host_would_take_is_told() {
    finds(
        "fix state.folder | sudo install -d -m 700 -o ann /home/ann/.local/state/hap",
        |facts| {
            facts.state.entry = Entry::Missing {
                above: "/home".into(),
                may_make: false,
            };
        },
    );
    finds("fix state.folder | mv ", |facts| {
        facts.state.entry = Entry::NotAFolder
    });
    finds("fix state.folder | ", |facts| {
        facts.state.entry = Entry::Unreadable("x".to_owned())
    });
    finds("fix state.owner | sudo chown -R ann ", |facts| {
        *state(facts) = Folder {
            owner: 0,
            may_write: false,
            ..folder()
        };
    });
    finds("fix state.owner | chmod 700 ", |facts| {
        *state(facts) = Folder {
            mode: 0o755,
            has_database: false,
            ..folder()
        };
    });
    finds("warn state.owner | chmod 700 ", |facts| state(facts).mode = 0o750);
    finds("fix state.access | chmod u+rwx ", |facts| {
        state(facts).may_write = false
    });
    finds("fix state.access | sudo mount -o remount,rw /home", |facts| {
        state(facts).may_write = false;
        facts.state.disk.as_mut().unwrap().is_read_only = true;
    });
    for kind in ["tmpfs", "nfs4"] {
        finds("warn state.file_system | ", |facts| {
            facts.state.disk.as_mut().unwrap().kind = kind.to_owned()
        });
    }
}

#[test]
fn a_second_host_is_told_by_its_process_and_one_that_answers_is_none() {
    finds("fix state.lock | kill 42", |facts| facts.state.holder = Some(42));
    finds("fix state.lock | export HAP_STATE=", |facts| {
        facts.state.holder = Some(0)
    });
    let health = |isolation: &str, problems: &[&str]| HostHealth {
        isolation: isolation.to_owned(),
        isolation_message: None,
        problems: problems.iter().map(|problem| (*problem).to_owned()).collect(),
    };
    let serving = |answer| {
        move |facts: &mut Facts| {
            facts.state.holder = Some(42);
            facts.state.socket = socket(0o600, answer);
        }
    };
    let mut facts = healthy();
    serving(Answer::Healthy(health("holds", &[])))(&mut facts);
    assert_eq!(found(&facts), [""; 0]);
    finds(
        "fix network.isolation | sudo systemctl restart docker",
        serving(Answer::Healthy(health("lost", &[]))),
    );
    finds(
        "warn host.health | journalctl",
        serving(Answer::Healthy(health("holds", &["no descriptor is left"]))),
    );
    finds(
        "fix host.health | journalctl",
        serving(Answer::Unhealthy("the engine is away".to_owned())),
    );
}

#[test]
fn a_socket_that_is_not_the_hosts_alone_is_told() {
    finds("fix state.socket | chmod 600 ", |facts| {
        facts.state.socket = socket(0o666, Answer::Nobody)
    });
    finds("fix state.socket | sudo hap doctor", |facts| {
        facts.state.socket = socket(0o600, Answer::Forbidden)
    });
    let silent = Answer::Silent(Duration::from_secs(5));
    finds("warn state.socket | ", |facts| {
        facts.state.socket = socket(0o600, silent)
    });
    finds("warn state.socket | rm ", |facts| {
        facts.state.socket = socket(0o600, Answer::Odd("it hung up".to_owned()));
    });
    finds("fix state.socket | export HAP_STATE", |facts| {
        facts.state.folder = format!("/{}", "x".repeat(100)).into();
    });
    let mut facts = healthy();
    facts.state.socket = socket(0o600, Answer::Nobody);
    assert_eq!(found(&facts), [""; 0], "a socket that is left is replaced");
}

#[test]
fn a_certificate_that_clients_refuse_is_told() {
    let day = Duration::from_secs(24 * 60 * 60);
    let with = |change: fn(&mut Certificate, Duration)| {
        move |facts: &mut Facts| {
            let mut certificate = Certificate {
                not_before: now() - 30 * day,
                not_after: now() + 60 * day,
                fits: Ok(true),
            };
            change(&mut certificate, day);
            facts.certificate = Some(Ok(certificate));
        }
    };
    let mut facts = healthy();
    with(|_, _| ())(&mut facts);
    assert_eq!(found(&facts), [""; 0]);
    finds(
        "fix host.certificate | sudo certbot renew",
        with(|it, day| it.not_after = now() - day),
    );
    finds(
        "warn host.certificate | sudo certbot renew",
        with(|it, day| it.not_after = now() + 13 * day),
    );
    finds(
        "fix host.certificate | sudo timedatectl",
        with(|it, day| it.not_before = now() + day),
    );
    finds("fix host.certificate | ", with(|it, _| it.fits = Ok(false)));
    finds(
        "fix host.certificate | ",
        with(|it, _| it.fits = Err("no key".to_owned())),
    );
    finds("fix host.certificate | ", |facts| {
        facts.certificate = Some(Err("it cannot be read".to_owned()))
    });
    finds("fix host.config | ${EDITOR:-vi} /etc/hap/hap.toml", |facts| {
        facts.config.path = Some("/etc/hap/hap.toml".into());
        facts.config.trouble = Some("/etc/hap/hap.toml:2 is no TOML".to_owned());
    });
}

#[test]
fn what_killed_runs_left_is_told_by_its_name_as_a_shell_takes_it() {
    finds(
        "warn engine.leftovers | for i in test-1 'test-2;x'; do docker ps",
        |facts| {
            let left = |instance: &str| Left {
                instance: instance.to_owned(),
                things: 2,
            };
            engine(facts).left = Ok(vec![left("test-1"), left("test-2;x")]);
        },
    );
}

#[test]
fn what_could_not_be_looked_at_says_why_and_fails_nothing() {
    let mut facts = healthy();
    facts.engine.as_mut().unwrap().described =
        Err("the engine does not tell of itself within 5 s".to_owned());
    facts.engine.as_mut().unwrap().pool = Err("x".to_owned());
    facts.engine.as_mut().unwrap().left = Err("x".to_owned());
    facts.state.disk = Err("the disk does not answer".to_owned());
    facts.kernel = None;
    facts.probe = Probed::Not("no containers were started".to_owned());
    assert_eq!(found(&facts), [""; 0]);
    let unknown = CHECKS.iter().map(|check| check.judge(&facts));
    let unknown: Vec<_> = unknown
        .filter(|finding| finding.health == Health::Unknown)
        .collect();
    assert!(
        unknown.len() > 10 && unknown.iter().all(|finding| !finding.sentence.is_empty()),
        "{unknown:#?}"
    );
}
