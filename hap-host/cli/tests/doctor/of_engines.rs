//! Machines without an engine, or with one that is not as it should be. The engine is pretended.

use std::{
    fs,
    os::unix::net::UnixListener,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    bed::{Found, Machine},
    pretended::Engine,
};

/// A machine with an engine that a test changes.
fn with(change: impl FnOnce(&mut Engine)) -> Machine {
    let mut machine = Machine::new("");
    let mut engine = Engine::new();
    change(&mut engine);
    let uri = engine.serve(&machine.path("engine.sock"));
    machine.set("DOCKER_HOST", &uri);
    machine
}

/// Of a machine on which only the test's own change is wrong, the doctor finds that one thing.
fn finds(machine: &Machine, id: &str, result: &str, fix: &str) {
    let before = with(|_| ()).found(&["--quick"]);
    machine.finds(&["--quick"], &before, id, result, fix);
}

#[test]
fn nothing_is_wrong_with_the_engine_that_the_tests_change() {
    let mut found = with(|_| ()).found(&["--quick"]);
    // That is the machine's own, as is its kernel.
    found.retain(|id, _| !["state.file_system", "state.disk", "state.inodes"].contains(&id.as_str()));
    found.retain(|id, _| !id.starts_with("machine."));
    assert_eq!(found, Found::new());
}

#[test]
fn a_socket_that_is_not_there_is_an_engine_that_is_missing() {
    let machine = Machine::new("unix:///nowhere/engine.sock");
    finds(&machine, "engine.reach", "fix", "unset DOCKER_HOST");
}

#[test]
fn a_socket_without_a_listener_is_an_engine_that_does_not_run() {
    let mut machine = Machine::new("");
    drop(UnixListener::bind(machine.path("gone.sock")).unwrap());
    machine.set(
        "DOCKER_HOST",
        &format!("unix://{}", machine.path("gone.sock").display()),
    );
    finds(&machine, "engine.reach", "fix", "unset DOCKER_HOST");
}

#[test]
fn an_engine_that_hangs_is_told_in_time() {
    let mut machine = Machine::new("");
    let _listener = UnixListener::bind(machine.path("hangs.sock")).unwrap();
    machine.set(
        "DOCKER_HOST",
        &format!("unix://{}", machine.path("hangs.sock").display()),
    );
    let began = Instant::now();
    let found = machine.found(&[]);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(
        found["engine.reach"].1.contains("sudo systemctl restart docker"),
        "{found:#?}"
    );
    finds(&machine, "engine.reach", "fix", "sudo systemctl restart docker");
}

#[test]
fn an_engine_of_another_machine_is_refused() {
    for uri in ["ssh://box", "tcp://192.0.2.7:2375"] {
        finds(&Machine::new(uri), "engine.address", "fix", "unset DOCKER_HOST");
    }
}

#[test]
fn an_engine_that_is_too_old_is_refused() {
    let machine = with(|engine| engine.version = json!({"Version": "19.03.15", "ApiVersion": "1.40"}));
    finds(&machine, "engine.version", "fix", "apt-get install docker.io");
}

#[test]
fn podman_is_told_by_its_name() {
    let machine = with(|engine| {
        engine.version = json!({
            "Version": "5.4.2", "ApiVersion": "1.41",
            "Components": [{"Name": "Podman Engine", "Version": "5.4.2"}],
        });
    });
    finds(&machine, "engine.kind", "fix", "apt-get install docker.io");
}

#[test]
fn an_engine_without_root_is_refused() {
    let machine = with(|engine| engine.info["SecurityOptions"] = json!(["name=seccomp", "name=rootless"]));
    finds(
        &machine,
        "engine.root",
        "fix",
        "DOCKER_HOST=unix:///var/run/docker.sock",
    );
}

#[test]
fn limits_that_the_engine_cannot_set_are_told() {
    for limit in ["MemoryLimit", "PidsLimit", "CpuCfsQuota"] {
        let machine = with(|engine| engine.info[limit] = json!(false));
        finds(&machine, "engine.limits", "fix", "cgroup_enable=memory");
    }
    let machine = with(|engine| engine.info["SwapLimit"] = json!(false));
    finds(&machine, "engine.limits", "warn", "swapaccount=1");
}

#[test]
fn an_engine_with_another_clock_is_told() {
    for ahead in [3600, -3600] {
        let machine = with(|engine| engine.ahead = ahead);
        finds(&machine, "engine.clock", "fix", "timedatectl set-ntp true");
    }
}

#[test]
fn foreign_networks_that_take_the_whole_pool_are_told() {
    let machine = with(|engine| {
        engine.networks = json!([{
            "Id": "0123456789abcdef", "Name": "big", "Driver": "bridge",
            "IPAM": {"Config": [{"Subnet": "10.213.0.0/16"}]},
        }]);
    });
    finds(&machine, "network.pool", "fix", "docker network prune");
}

#[test]
fn a_context_that_hap_does_not_follow_is_told_where_nothing_else_names_an_engine() {
    let mut machine = with(|_| ());
    fs::create_dir(machine.path(".docker")).unwrap();
    machine.write(".docker/config.json", "{\"currentContext\": \"box\"}");
    // As an engine is named, the context is of no matter.
    let found = machine.found(&["--only", "engine.address"]);
    assert_eq!(found, Found::new());
    machine.set("DOCKER_HOST", "");
    let found = machine.found(&["--only", "engine.address"]);
    assert!(
        found["engine.address"].1.contains("docker context inspect box"),
        "{found:#?}"
    );
}
