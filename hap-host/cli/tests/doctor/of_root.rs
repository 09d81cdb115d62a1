//! Machines that it takes root to break: disks, users, clocks. The engine is pretended.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    bed::{Machine, shown},
    pretended::Engine,
};

/// A user that has nothing.
const NOBODY: u32 = 65_534;

fn machine() -> Machine {
    let mut machine = Machine::new("");
    let socket = machine.path("engine.sock");
    let uri = Engine::new().serve(&socket);
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    machine.set("DOCKER_HOST", &uri);
    machine
}

/// Something that is mounted until it is dropped.
#[derive(Debug)]
struct Mount(PathBuf);

impl Mount {
    fn new(arguments: &[&str], at: &Path) -> Self {
        let mounted = Command::new("mount").args(arguments).arg(at).status();
        assert!(
            mounted.unwrap().success(),
            "mounting needs root: mount {arguments:?}"
        );
        Self(at.to_owned())
    }

    fn memory(options: &str, at: &Path) -> Self {
        let mount = Self::new(&["-t", "tmpfs", "-o", options, "tmpfs"], at);
        fs::set_permissions(at, fs::Permissions::from_mode(0o700)).unwrap();
        mount
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
#[ignore = "needs root"]
fn a_full_disk_and_one_without_inodes_are_told() {
    let machine = machine();
    // That it is in memory is told of each.
    let roomy = Mount::memory("size=2g,nr_inodes=20000", &machine.state());
    let before = machine.found(&["--quick"]);
    assert!(before.contains_key("state.file_system"), "{before:#?}");
    drop(roomy);
    let full = Mount::memory("size=2m,nr_inodes=20000", &machine.state());
    machine.finds(
        &["--quick"],
        &before,
        "state.disk",
        "fix",
        &shown(&machine.state()),
    );
    drop(full);
    let _crowded = Mount::memory("size=2g,nr_inodes=500", &machine.state());
    machine.finds(
        &["--quick"],
        &before,
        "state.inodes",
        "fix",
        &shown(&machine.state()),
    );
}

#[test]
#[ignore = "needs root"]
fn a_state_folder_on_a_disk_that_is_read_only_is_told() {
    let machine = machine();
    let before = machine.found(&["--quick"]);
    let state = machine.state();
    let _same = Mount::new(&["--bind", &shown(&state)], &state);
    let locked = Command::new("mount")
        .args(["-o", "remount,bind,ro"])
        .arg(&state)
        .status();
    assert!(locked.unwrap().success());
    let fix = format!("mount -o remount,rw {}", shown(&state));
    machine.finds(&["--quick"], &before, "state.access", "fix", &fix);
}

#[test]
#[ignore = "needs root"]
fn a_user_who_may_not_open_the_engines_socket_is_told_of_its_group() {
    let mut machine = machine();
    rustix::fs::chown(machine.state(), Some(rustix::fs::Uid::from_raw(NOBODY)), None).unwrap();
    machine.become_user(NOBODY);
    let before = machine.found(&["--quick"]);
    let socket = machine.path("closed.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    // The group of staff is there on every machine of these tests.
    let staff = rustix::fs::Gid::from_raw(50);
    rustix::fs::chown(&socket, None, Some(staff)).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o660)).unwrap();
    machine.set("DOCKER_HOST", &format!("unix://{}", shown(&socket)));
    machine.finds(
        &["--quick"],
        &before,
        "engine.reach",
        "fix",
        "usermod -aG staff nobody",
    );
}

#[test]
#[ignore = "needs root"]
fn a_state_folder_of_another_user_is_told() {
    let mut machine = machine();
    rustix::fs::chown(machine.state(), Some(rustix::fs::Uid::from_raw(NOBODY)), None).unwrap();
    machine.become_user(NOBODY);
    let before = machine.found(&["--quick"]);
    rustix::fs::chown(machine.state(), Some(rustix::fs::Uid::ROOT), None).unwrap();
    let fix = format!("sudo chown -R nobody {}", shown(&machine.state()));
    machine.finds(&["--quick"], &before, "state.owner", "fix", &fix);
    fs::remove_dir(machine.state()).unwrap();
    let fix = format!("sudo install -d -m 700 -o nobody {}", shown(&machine.state()));
    machine.finds(&["--quick"], &before, "state.folder", "fix", &fix);
}

#[test]
#[ignore = "needs faketime"]
fn a_clock_that_was_set_back_is_told() {
    let mut machine = Machine::new("");
    // The engine's clock is the machine's own.
    let engine = Engine {
        ahead: -7200,
        ..Engine::new()
    };
    let uri = engine.serve(&machine.path("engine.sock"));
    machine.set("DOCKER_HOST", &uri);
    machine.wrap(&["faketime", "-f", "-2h"]);
    let before = machine.found(&["--quick"]);
    machine.write("state/hap.db", "");
    machine.finds(
        &["--quick"],
        &before,
        "machine.clock",
        "fix",
        "timedatectl set-ntp true",
    );
}
