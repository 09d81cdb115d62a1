//! How a host starts, reads its file again, and ends.

use std::{
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    path::Path,
};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_host_serves_on_a_socket_for_its_user_alone_and_ends_in_order() {
    let place = Place::new("");
    let host = place.up();
    assert_eq!((mode(&place.state()), mode(&place.socket())), (0o700, 0o600));
    let (status, health) = place.call("GET", "/v1/health", "");
    assert_eq!((status, &health["status"]), (200, &json!("healthy")));
    let (status, plugins) = place.call("GET", "/v1/plugins", "");
    assert_eq!((status, &plugins["plugins"]), (200, &json!([])));
    // Whoever opens the socket is an administrator, and the log says who it was.
    let (status, swept) = place.call("POST", "/v1/orphans/prune-images", "{}");
    assert_ne!(status, 403, "{swept}");
    let log = host.logs("management call");
    assert!(log.contains("\"user\":\"uid:"), "{log}");
    host.end();
    assert!(!place.socket().exists(), "its socket is gone with it");
}

#[test]
fn an_interrupt_ends_it_in_order_too() {
    let place = Place::new("");
    let mut host = place.up();
    host.signal("-INT");
    assert_eq!(host.ended(), Some(0));
}

#[test]
fn a_reader_of_a_stream_is_told_of_the_end_and_does_not_hold_it_up() {
    let place = Place::new("");
    let mut host = place.up();
    let mut stream = UnixStream::connect(place.socket()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
        .write_all(b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(text(&head), "HTTP/1.1 200");
    host.signal("-TERM");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(text(&rest).contains("shutting_down"), "{}", text(&rest));
    assert_eq!(host.ended(), Some(0));
}

#[test]
fn the_second_host_of_a_state_folder_is_refused_with_the_process_of_the_first() {
    let place = Place::new("");
    let host = place.up();
    let second = place.done(&["up"]);
    let told = text(&second.stderr);
    assert_eq!(second.status.code(), Some(6), "{told}");
    let first = format!("(process {})", host.process.id());
    assert!(
        told.contains("in use by another supervisor") && told.contains(&first),
        "{told}"
    );
    assert_eq!(
        place.call("GET", "/v1/health", "").0,
        200,
        "the first is none the worse"
    );
    host.end();
}

#[test]
fn a_host_that_is_killed_at_random_moments_leaves_a_state_that_starts() {
    let place = Place::new("");
    for round in 0..12 {
        let mut command = place.hap(&["up", "--json"]);
        let mut process = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // From before it has a state to after it serves.
        thread::park_timeout(Duration::from_millis(fastrand::u64(0..40) * (1 + round % 4)));
        process.kill().unwrap();
        process.wait().unwrap();
    }
    let host = place.up();
    assert_eq!(place.call("GET", "/v1/health", "").0, 200);
    host.end();
}

#[test]
fn a_reload_changes_the_level_of_the_log_and_tells_what_needs_a_restart() {
    let place = Place::new("[log]\nlevel = \"info\"\n");
    let host = place.up();
    place.write("engine = \"process\"\nevents_port = 4123\n[log]\nlevel = \"debug\"\n");
    host.signal("-HUP");
    let log = host.logs("the configuration was read again");
    assert!(log.contains("\"keys\":\"events_port\""), "{log}");
    place.write("engine = \"proces\"\n");
    host.signal("-HUP");
    let log = host.logs("stays as it was");
    assert!(log.contains("engine"), "{log}");
    assert_eq!(place.call("GET", "/v1/health", "").0, 200);
    host.end();
}

#[test]
fn a_service_manager_is_told_of_each_step_and_that_the_host_is_alive() {
    let place = Place::new("");
    let manager = place.folder.path().join("notify");
    let socket = UnixDatagram::bind(&manager).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let heard = |words: &str| {
        within(words, || {
            let mut buffer = [0; 512];
            let length = socket.recv(&mut buffer).unwrap();
            text(&buffer[..length]).contains(words).then_some(())
        });
    };
    let mut command = place.hap(&["up", "--json"]);
    command
        .env("NOTIFY_SOCKET", &manager)
        .env("WATCHDOG_USEC", "200000");
    let mut host = Host::start(command);
    heard("READY=1");
    heard("WATCHDOG=1");
    host.signal("-HUP");
    heard("RELOADING=1");
    heard("READY=1");
    host.signal("-TERM");
    heard("STOPPING=1");
    assert_eq!(host.ended(), Some(0));
}

#[test]
fn what_is_printed_as_the_configuration_is_read_back_the_same() {
    let place = Place::new(
        "dependency_wait = \"90s\"\n[policy]\npreset = \"strict\"\n[api]\nlisten = \"127.0.0.1:0\"\n",
    );
    let first = text(&place.done(&["up", "--print-config"]).stdout);
    assert!(
        first.contains("dependency_wait = \"90s\"") && first.contains("on_exit = \"keep\""),
        "{first}"
    );
    place.write(&first);
    assert_eq!(text(&place.done(&["up", "--print-config"]).stdout), first);
    let checked = place.done(&["up", "--check-config"]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    assert!(!place.state().exists(), "nothing was started");
}
