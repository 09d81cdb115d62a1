//! Machines whose networks are broken, each with an engine of its own in a network of its own.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use hap_tests::docker::{PrivateDocker, in_private_network};

use super::bed::{Found, Machine};

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
}

/// What is left of the doctor's containers, networks and images.
fn left(docker: &PrivateDocker) -> String {
    let list = |arguments: &[&str]| {
        let mut command = Command::new("docker");
        command.args(["--host", &docker.uri()]).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let networks = list(&["network", "ls", "-q", "--filter", "label=hap.instance"]);
    list(&["ps", "-aq"]) + &networks + &list(&["image", "ls", "-aq"])
}

/// A machine of this engine, and what is found on it before a test breaks it.
fn machine(docker: &PrivateDocker) -> (Machine, Found) {
    let machine = Machine::new(&docker.uri());
    let found = machine.found(&[]);
    for id in [
        "network.isolation",
        "network.way_in",
        "network.pool",
        "engine.limits_measured",
    ] {
        assert!(!found.contains_key(id), "{found:#?}");
    }
    assert_eq!(left(docker), "");
    (machine, found)
}

#[test]
#[ignore = "needs root and dockerd"]
fn a_route_of_a_vpn_over_the_pool_is_told_and_so_is_a_foreign_network() {
    in_private_network(async || {
        let docker = PrivateDocker::start(false).await;
        let (machine, before) = machine(&docker);
        run("ip", &["link", "add", "vpn0", "type", "bridge"]);
        run("ip", &["link", "set", "vpn0", "up"]);
        run("ip", &["route", "add", "10.213.0.0/16", "dev", "vpn0"]);
        machine.finds(
            &[],
            &before,
            "network.pool",
            "fix",
            "sudo ip route del 10.213.0.0/16 dev vpn0",
        );
        run("ip", &["link", "del", "vpn0"]);
        let host = docker.uri();
        run(
            "docker",
            &[
                "--host",
                &host,
                "network",
                "create",
                "--subnet",
                "10.213.0.0/16",
                "big",
            ],
        );
        machine.finds(&[], &before, "network.pool", "fix", "docker network prune");
        run("docker", &["--host", &host, "network", "rm", "big"]);
        assert_eq!(machine.found(&[]), before);
    });
}

#[test]
#[ignore = "needs root and dockerd"]
fn a_firewall_that_drops_what_containers_send_to_the_host_is_told() {
    in_private_network(async || {
        let docker = PrivateDocker::start(false).await;
        let (machine, before) = machine(&docker);
        let rule = [
            "INPUT",
            "-i",
            "br-+",
            "-m",
            "conntrack",
            "--ctstate",
            "NEW",
            "-j",
            "DROP",
        ];
        run("iptables", &[&["-I"][..], &rule].concat());
        machine.finds(
            &[],
            &before,
            "network.way_in",
            "fix",
            "sudo iptables -I INPUT -s 10.213.0.0/16",
        );
        assert_eq!(left(&docker), "");
        // What mends it does.
        run(
            "iptables",
            &["-I", "INPUT", "-s", "10.213.0.0/16", "-p", "tcp", "-j", "ACCEPT"],
        );
        assert_eq!(machine.found(&[]), before);
    });
}

#[test]
#[ignore = "needs root and dockerd"]
fn an_engine_whose_rules_are_off_is_told() {
    in_private_network(async || {
        let docker = PrivateDocker::start_with(&["--iptables=false"]).await;
        let machine = Machine::new(&docker.uri());
        let before = machine.found(&["--quick"]);
        machine.finds(
            &[],
            &before,
            "network.isolation",
            "fix",
            "/etc/docker/daemon.json",
        );
        assert_eq!(left(&docker), "");
    });
}

#[test]
#[ignore = "needs root and dockerd"]
fn bridges_that_the_kernel_does_not_filter_are_told() {
    in_private_network(async || {
        let docker = PrivateDocker::start(false).await;
        let (machine, before) = machine(&docker);
        let setting = PathBuf::from("/proc/sys/net/bridge/bridge-nf-call-iptables");
        fs::write(&setting, "0").unwrap();
        let fix = "sudo sysctl -w net.bridge.bridge-nf-call-iptables=1";
        machine.finds(&[], &before, "network.bridges", "fix", fix);
    });
}

#[test]
#[ignore = "needs root and dockerd"]
fn an_engine_that_was_stopped_by_a_signal_hangs_and_is_told_in_time() {
    in_private_network(async || {
        let docker = PrivateDocker::start(false).await;
        let (machine, before) = machine(&docker);
        docker.signal(rustix::process::Signal::STOP);
        let began = Instant::now();
        machine.finds(
            &[],
            &before,
            "engine.reach",
            "fix",
            "sudo systemctl restart docker",
        );
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        docker.signal(rustix::process::Signal::CONT);
    });
}

#[test]
#[ignore = "needs root and dockerd"]
fn an_interrupt_at_any_moment_leaves_nothing_on_the_engine() {
    in_private_network(async || {
        let docker = PrivateDocker::start(false).await;
        let machine = Machine::new(&docker.uri());
        // Moments between its first network and the end of its measurements.
        for moment in [0, 300, 900, 1800, 3000] {
            let mut doctor = machine.start();
            tokio::time::sleep(Duration::from_millis(moment)).await;
            let process = rustix::process::Pid::from_child(&doctor);
            let _ = rustix::process::kill_process(process, rustix::process::Signal::INT);
            let ended = tokio::task::spawn_blocking(move || doctor.wait());
            let ended = tokio::time::timeout(Duration::from_secs(60), ended).await;
            let code = ended.unwrap().unwrap().unwrap().code();
            // Before it listens for the signal it is ended by it, and then nothing is made yet.
            assert!(
                [Some(130), None, Some(0)].contains(&code),
                "{code:?} after {moment} ms"
            );
            assert_eq!(left(&docker), "", "after {moment} ms");
        }
    });
}
