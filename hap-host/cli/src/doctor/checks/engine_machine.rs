//! What the engine's machine gives.

use std::time::Duration;

use super::super::{
    check::{Check, Group, Verdict},
    facts::{Drift, Facts, Probed},
};

const CMDLINE: &str = "sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&cgroup_enable=memory swapaccount=1 /' /etc/default/grub && sudo \
                       update-grub && sudo reboot";

pub(super) const LIMITS: Check = Check {
    id: "engine.limits",
    group: Group::Engine,
    what: "Whether the engine says that it can limit memory, processes and processors. Without, one plugin takes the machine.",
    bounds: "*fix*: memory, processes or processors cannot be limited. *warn*: swap cannot, so a plugin at its limit of memory \
             goes on into swap.",
    fix: "switch the controllers on: `cgroup_enable=memory swapaccount=1` on the kernel's command line",
    probes: false,
    judge: |facts| {
        let described = match facts.described() {
            Ok(described) => described,
            Err(why) => return Verdict::unknown(why),
        };
        let named = [
            ("memory", described.memory_limit),
            ("processes", described.pids_limit),
            ("processors", described.cpu_limit),
        ];
        let missing: Vec<_> = named
            .iter()
            .filter(|(_, has)| !has)
            .map(|(name, _)| *name)
            .collect();
        if !missing.is_empty() {
            return Verdict::fix(format!("the engine cannot limit {}", missing.join(", ")), CMDLINE);
        }
        if !described.swap_limit {
            return Verdict::warn("swap is not limited: a plugin goes on there", CMDLINE);
        }
        Verdict::ok("memory, swap, processes and processors can be limited")
    },
};

pub(super) const LIMITS_MEASURED: Check = Check {
    id: "engine.limits_measured",
    group: Group::Engine,
    what: "Whether the kernel holds a container to its limits: one is started with some, and its control groups are read.",
    bounds: "*fix*: one of them is not in force.",
    fix: "`sudo systemctl restart docker`; where that does not help, update the kernel and the engine",
    probes: true,
    judge: |facts| {
        let limits = match &facts.probe {
            Probed::Not(why) => return Verdict::unknown(why),
            Probed::Done(probe) => match &probe.limits {
                Ok(limits) => limits,
                Err(why) => return Verdict::unknown(why),
            },
        };
        let named = [
            ("memory", limits.memory),
            ("processes", limits.processes),
            ("processors", limits.cpu),
        ];
        let of = |state| {
            named
                .iter()
                .filter(move |(_, found)| *found == state)
                .map(|(name, _)| *name)
        };
        let broken: Vec<_> = of(Some(false)).collect();
        if !broken.is_empty() {
            return Verdict::fix(
                format!("limits of {} are without effect on containers", broken.join(", ")),
                "sudo systemctl restart docker",
            );
        }
        let unseen: Vec<_> = of(None).collect();
        match unseen.is_empty() {
            true => Verdict::ok("a container was held to its memory, processes and processors"),
            false => Verdict::unknown(format!(
                "the limits of {} are not to be seen from here",
                unseen.join(", ")
            )),
        }
    },
};

pub(super) const CGROUP: Check = Check {
    id: "engine.cgroup",
    group: Group::Engine,
    what: "The version of the kernel's control groups. Both are served; tests run on version 1.",
    bounds: "*fix*: the engine uses none.",
    fix: "mount the control groups: `sudo mount -t cgroup2 none /sys/fs/cgroup`, and restart Docker",
    probes: false,
    judge: |facts| match facts.described().map(|described| described.cgroup.as_deref()) {
        Err(why) => Verdict::unknown(why),
        Ok(Some(version @ ("1" | "2"))) => Verdict::ok(format!("control groups version {version}")),
        Ok(_) => Verdict::fix(
            "the engine uses no control groups, so nothing is limited",
            "sudo mount -t cgroup2 none /sys/fs/cgroup && sudo systemctl restart docker",
        ),
    },
};

/// Clocks that are this near are one.
const NEAR: Duration = Duration::from_secs(5);
/// Clocks that are further apart than this refuse each other's events after a while.
const FAR: Duration = Duration::from_secs(60);

pub(super) const CLOCK: Check = Check {
    id: "engine.clock",
    group: Group::Engine,
    what: "This program's clock against the engine's. Events are refused whose time is more than five minutes off.",
    bounds: "*warn*: more than 5 s apart. *fix*: more than 60 s.",
    fix: "`sudo timedatectl set-ntp true`",
    probes: false,
    judge: |facts| {
        let drift = match facts.described().map(|described| described.clock) {
            Err(why) => return Verdict::unknown(why),
            Ok(None) => return Verdict::unknown("the engine does not tell its time"),
            Ok(Some(drift)) => drift,
        };
        let (Drift::Ahead(by) | Drift::Behind(by)) = drift;
        let side = match drift {
            Drift::Ahead(_) => "ahead of",
            Drift::Behind(_) => "behind",
        };
        let sentence = format!("the engine's clock is {} s {side} this one", by.as_secs());
        let fix = "sudo timedatectl set-ntp true";
        match by {
            by if by > FAR => Verdict::fix(sentence, fix),
            by if by > NEAR => Verdict::warn(sentence, fix),
            _ => Verdict::ok("the engine's clock is this one"),
        }
    },
};

pub(super) const PROCESSOR: Check = Check {
    id: "engine.processor",
    group: Group::Engine,
    what: "Whether this program is for the engine's processor. Another one runs by emulation, many times slower.",
    bounds: "*warn*: another processor.",
    fix: "install the `hap` of the engine's processor",
    probes: false,
    judge: |facts| {
        let described = match facts.described() {
            Ok(described) => described,
            Err(why) => return Verdict::unknown(why),
        };
        // The kernel's word for it, which the engine's description has.
        let arch = match described.architecture.as_str() {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        if arch.is_empty() {
            return Verdict::unknown("the engine does not tell its processor");
        }
        match arch == facts.arch {
            true => Verdict::ok(format!("the engine and this program are for {arch}")),
            false => Verdict::warn(
                format!("this program is for {}, and is emulated on {arch}", facts.arch),
                "cargo install hap-cli",
            ),
        }
    },
};

pub(super) const CONFINEMENT: Check = Check {
    id: "engine.confinement",
    group: Group::Engine,
    what: "What else confines containers: seccomp, AppArmor or SELinux, and users of their own. It is told, and nothing is \
           asked for.",
    bounds: "never.",
    fix: "none is needed",
    probes: false,
    judge: |facts| match facts.described().map(|described| &described.security) {
        Err(why) => Verdict::unknown(why),
        Ok(security) => {
            let has = |name: &str| security.iter().any(|found| found == name);
            let told = [
                ("seccomp", "seccomp"),
                ("AppArmor", "apparmor"),
                ("SELinux", "selinux"),
                ("userns-remap", "userns"),
            ];
            let told =
                told.map(|(name, option)| format!("{name} {}", if has(option) { "on" } else { "off" }));
            Verdict::ok(told.join(", "))
        }
    },
};

pub(super) const KERNEL: Check = Check {
    id: "machine.kernel",
    group: Group::Machine,
    what: "The kernel's version.",
    bounds: "*fix*: before 3.10, on which no supported engine runs. *warn*: before 4.19, which nobody maintains.",
    fix: "`sudo apt-get dist-upgrade` and a restart",
    probes: false,
    judge: |facts: &Facts| {
        let Some(kernel) = &facts.kernel else {
            return Verdict::unknown("this system does not tell its kernel");
        };
        let mut numbers = kernel.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
        let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
            return Verdict::unknown(format!("{kernel} is no version that is known"));
        };
        let fix = "sudo apt-get update && sudo apt-get dist-upgrade && sudo reboot";
        match (major, minor) {
            version if version < (3, 10) => {
                Verdict::fix(format!("Linux {kernel} is too old for any engine"), fix)
            }
            version if version < (4, 19) => {
                Verdict::warn(format!("Linux {kernel} is maintained by nobody"), fix)
            }
            _ => Verdict::ok(format!("Linux {kernel}")),
        }
    },
};
