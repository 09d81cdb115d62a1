//! Room on the disks.

use super::{
    super::{
        check::{Check, Group, Verdict},
        facts::{Disk, Facts},
    },
    quote::quoted,
};

const MIB: u64 = 1 << 20;

/// From where on there is too little.
struct Bounds {
    warn: u64,
    fix: u64,
}

const OF_STATE: Bounds = Bounds {
    warn: 512 * MIB,
    fix: 64 * MIB,
};
const OF_ENGINE: Bounds = Bounds {
    warn: 2048 * MIB,
    fix: 256 * MIB,
};
const FILES: Bounds = Bounds {
    warn: 10_000,
    fix: 1_000,
};

fn space(disk: &Disk, bounds: &Bounds, fix: String) -> Verdict {
    let told = format!("{} MiB free at {}", disk.free / MIB, disk.mount.display());
    match disk.free {
        free if free < bounds.fix => Verdict::fix(format!("the disk is full: {told}"), fix),
        free if free < bounds.warn => Verdict::warn(format!("the disk is nearly full: {told}"), fix),
        _ => Verdict::ok(told),
    }
}

fn inodes(disk: &Disk, fix: String) -> Verdict {
    let at = disk.mount.display();
    if disk.files == 0 {
        return Verdict::ok(format!("files at {at} are bounded by its space alone"));
    }
    let told = format!("{} more files fit at {at}", disk.free_files);
    match disk.free_files {
        free if free < FILES.fix => Verdict::fix(format!("no more inodes: {told}"), fix),
        free if free < FILES.warn => Verdict::warn(format!("few inodes are left: {told}"), fix),
        _ => Verdict::ok(told),
    }
}

fn of_state(facts: &Facts, judge: impl Fn(&Disk) -> Verdict) -> Verdict {
    match &facts.state.disk {
        Ok(disk) => judge(disk),
        Err(why) => Verdict::unknown(why),
    }
}

fn of_engine(facts: &Facts, judge: impl Fn(&Disk) -> Verdict) -> Verdict {
    match facts.described().map(|described| &described.disk) {
        Ok(Some(disk)) => judge(disk),
        Ok(None) => Verdict::unknown("the engine's folder is not to be seen from here"),
        Err(why) => Verdict::unknown(why),
    }
}

/// The command that says what takes the space.
fn largest(disk: &Disk) -> String {
    let mount = quoted(&disk.mount.display().to_string());
    format!("sudo du -xh --max-depth=2 {mount} | sort -h | tail")
}

pub(super) const ENGINE_SPACE: Check = Check {
    id: "engine.disk",
    group: Group::Engine,
    what: "Free space of the disk with the engine's images, containers and volumes.",
    bounds: "*warn*: less than 2048 MiB. *fix*: less than 256 MiB.",
    fix: "`docker system prune`: it removes what no container uses, but for volumes",
    probes: false,
    judge: |facts| {
        of_engine(facts, |disk| {
            space(disk, &OF_ENGINE, "docker system prune".to_owned())
        })
    },
};

pub(super) const ENGINE_INODES: Check = Check {
    id: "engine.inodes",
    group: Group::Engine,
    what: "Files that fit on the disk with the engine's images, containers and volumes.",
    bounds: "*warn*: less than 10,000. *fix*: less than 1,000.",
    fix: "`docker system prune`",
    probes: false,
    judge: |facts| of_engine(facts, |disk| inodes(disk, "docker system prune".to_owned())),
};

pub(super) const STATE_SPACE: Check = Check {
    id: "state.disk",
    group: Group::State,
    what: "Free space of the disk with the state folder. Events of a plugin take up to 16 MiB there, and a host on a full disk \
           remembers nothing any more.",
    bounds: "*warn*: less than 512 MiB. *fix*: less than 64 MiB.",
    fix: "see what takes it: `sudo du -xh --max-depth=2 MOUNT | sort -h | tail`, and remove what is not needed",
    probes: false,
    judge: |facts| of_state(facts, |disk| space(disk, &OF_STATE, largest(disk))),
};

pub(super) const STATE_INODES: Check = Check {
    id: "state.inodes",
    group: Group::State,
    what: "Files that fit on the disk with the state folder.",
    bounds: "*warn*: less than 10,000. *fix*: less than 1,000.",
    fix: "see where they are: `sudo du -x --inodes --max-depth=2 MOUNT | sort -n | tail`",
    probes: false,
    judge: |facts| {
        of_state(facts, |disk| {
            let mount = quoted(&disk.mount.display().to_string());
            inodes(
                disk,
                format!("sudo du -x --inodes --max-depth=2 {mount} | sort -n | tail"),
            )
        })
    },
};
