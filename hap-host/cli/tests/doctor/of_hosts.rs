//! Machines on which a host would not start, or runs badly. The engine is pretended.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use super::{
    bed::{Machine, shown},
    pretended::{Engine, host},
};

fn machine() -> Machine {
    let mut machine = Machine::new("");
    let uri = Engine::new().serve(&machine.path("engine.sock"));
    machine.set("DOCKER_HOST", &uri);
    machine
}

/// Of a machine on which only the test's own change is wrong, the doctor finds that one thing.
fn finds(machine: &Machine, id: &str, result: &str, fix: &str) {
    let before = self::machine().found(&["--quick"]);
    machine.finds(&["--quick"], &before, id, result, fix);
}

#[test]
fn a_port_that_another_program_has_is_told() {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut machine = machine();
    machine.configure(&format!("events_port = {port}\n"));
    finds(
        &machine,
        "network.events_port",
        "fix",
        &format!("fuser -k {port}/tcp"),
    );
    machine.configure(&format!("[api]\nlisten = \"127.0.0.1:{port}\"\n"));
    finds(&machine, "host.listen", "fix", &format!("fuser -k {port}/tcp"));
    drop(listener);
    let before = self::machine().found(&["--quick"]);
    assert_eq!(machine.found(&["--quick"]), before);
}

#[test]
fn a_second_host_is_told_by_its_process() {
    let machine = machine();
    let path = machine.write("state/hap.lock", &std::process::id().to_string());
    let lock = File::open(path).unwrap();
    lock.lock().unwrap();
    finds(
        &machine,
        "state.lock",
        "fix",
        &format!("kill {}", std::process::id()),
    );
    lock.unlock().unwrap();
    let before = self::machine().found(&["--quick"]);
    assert_eq!(machine.found(&["--quick"]), before);
}

#[test]
fn a_host_that_runs_is_asked_what_it_measured_and_no_container_is_started() {
    let machine = machine();
    let socket = machine.path("state/hap.sock");
    host(&socket, "lost");
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o600)).unwrap();
    let before = self::machine().found(&["--quick"]);
    // The pretended engine could start none.
    machine.finds(
        &[],
        &before,
        "network.isolation",
        "fix",
        "systemctl restart docker",
    );
}

#[test]
fn a_host_that_runs_well_is_nothing_to_mend() {
    let machine = machine();
    let lock = File::open(machine.write("state/hap.lock", "1")).unwrap();
    lock.lock().unwrap();
    let socket = machine.path("state/hap.sock");
    host(&socket, "holds");
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o600)).unwrap();
    let before = self::machine().found(&["--quick"]);
    assert_eq!(machine.found(&[]), before);
}

#[test]
fn a_real_host_that_starts_is_waited_for_and_has_nothing_to_mend() {
    let mut machine = machine();
    machine.configure("engine = \"process\"\n");
    let before = machine.found(&[]);
    let mut host = machine.start_host();
    // It is asked as soon as it has its folder.
    let began = Instant::now();
    while !machine.path("state/hap.lock").exists() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the host does not start"
        );
        std::thread::yield_now();
    }
    let found = machine.found(&[]);
    let told = String::from_utf8(machine.run(&[]).stdout).unwrap();
    host.kill().unwrap();
    host.wait().unwrap();
    assert_eq!(found, before);
    let number = host.id();
    assert!(told.contains(&format!("process {number}")), "{told}");
    assert!(told.contains("host.health: the host is healthy"), "{told}");
    assert!(!told.contains("engine.reach"), "{told}");
    // What it left is in nobody's way.
    assert_eq!(machine.found(&[]), before);
}

#[test]
fn a_socket_that_others_may_open_is_told() {
    let machine = machine();
    let socket = machine.path("state/hap.sock");
    host(&socket, "holds");
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    finds(
        &machine,
        "state.socket",
        "fix",
        &format!("chmod 600 {}", shown(&socket)),
    );
}

#[test]
fn a_certificate_that_has_ended_is_told_and_so_is_one_with_another_key() {
    let mut machine = machine();
    let made = |name: &str, end: i32| {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["home.example".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(end, 1, 1);
        let certificate = parameters.self_signed(&key).unwrap();
        machine.write(&format!("{name}.pem"), &certificate.pem());
        machine.write(&format!("{name}.key"), &key.serialize_pem());
    };
    made("ended", 2021);
    made("holds", 2200);
    // Paths begin at the configuration's own folder.
    let api = |certificate: &str, key: &str| {
        format!("[api]\nlisten = \"127.0.0.1:0\"\ncertificate = \"{certificate}.pem\"\nkey = \"{key}.key\"\n")
    };
    machine.configure(&api("ended", "ended"));
    finds(&machine, "host.certificate", "fix", "certbot renew");
    machine.configure(&api("holds", "ended"));
    finds(&machine, "host.certificate", "fix", "certbot renew");
    machine.configure(&api("missing", "holds"));
    finds(&machine, "host.certificate", "fix", "certbot renew");
    machine.configure(&api("holds", "holds"));
    let before = self::machine().found(&["--quick"]);
    assert_eq!(machine.found(&["--quick"]), before);
}

#[test]
fn a_configuration_that_a_host_refuses_is_told_with_its_line() {
    let mut machine = machine();
    machine.configure("events_port = 4000\nlisten = [\n");
    finds(&machine, "host.config", "fix", &shown(&machine.path("hap.toml")));
    let told = String::from_utf8(machine.run(&["--quick"]).stdout).unwrap();
    assert!(told.contains("hap.toml:2:"), "{told}");
}

#[test]
fn a_state_folder_that_no_host_would_take_is_told() {
    let machine = machine();
    machine.write("state/letter.txt", "dear");
    fs::set_permissions(machine.state(), fs::Permissions::from_mode(0o755)).unwrap();
    finds(
        &machine,
        "state.owner",
        "fix",
        &format!("chmod 700 {}", shown(&machine.state())),
    );
    fs::remove_dir_all(machine.state()).unwrap();
    fs::write(machine.state(), "x").unwrap();
    finds(
        &machine,
        "state.folder",
        "fix",
        &format!("mv {}", shown(&machine.state())),
    );
}
