//! What a capability lets a plugin do, and what a limit amounts to, for people.

use crate::value::cpu::CpuLimit;
use crate::value::memory::MemoryLimit;
use crate::value::number::PidsLimit;

/// An amount of memory in the largest unit that is exact, such as `256 MiB`.
pub(super) fn of_memory(limit: MemoryLimit) -> String {
    let bytes = limit.bytes();
    for (unit, name) in [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    format!("{bytes} bytes")
}

/// Processor time, such as `2 processor cores`.
pub(super) fn of_cpu(limit: CpuLimit) -> String {
    let cores = limit.as_cores();
    let word = if limit.nano_cpus() == 1_000_000_000 {
        "core"
    } else {
        "cores"
    };
    format!("{cores} processor {word}")
}

/// A number of processes, such as `64 processes`.
pub(super) fn of_processes(limit: PidsLimit) -> String {
    match limit.get() {
        1 => "1 process".to_owned(),
        many => format!("{many} processes"),
    }
}

/// Words for the capabilities of Linux, as they complete "this plugin wants to".
pub(super) fn of_capability(name: &str) -> &'static str {
    match name {
        "AUDIT_CONTROL" | "AUDIT_READ" | "AUDIT_WRITE" => "read or write the security log of this computer",
        "BLOCK_SUSPEND" | "WAKE_ALARM" => "keep this computer awake, or wake it",
        "BPF" | "PERFMON" | "SYS_PTRACE" => "watch what other programs do",
        "CHECKPOINT_RESTORE" | "SYS_CHROOT" | "SYS_PACCT" | "LEASE" | "SYS_TTY_CONFIG" | "SYSLOG" => {
            "use a rarely needed function of the system"
        }
        "CHOWN" | "FOWNER" | "FSETID" | "SETFCAP" | "LINUX_IMMUTABLE" => {
            "change owners and rights of its own files"
        }
        "DAC_OVERRIDE" | "DAC_READ_SEARCH" => "read and write files whatever their rights say",
        "IPC_LOCK" | "IPC_OWNER" => "keep memory from being freed, or use that of others",
        "KILL" => "end other programs in its container",
        "MAC_ADMIN" | "MAC_OVERRIDE" => "get around the security rules of this computer",
        "MKNOD" => "create device files in its container",
        "NET_ADMIN" => "change the network settings of its container",
        "NET_BIND_SERVICE" => "answer on network ports below 1024",
        "NET_BROADCAST" => "send network broadcasts",
        "NET_RAW" => "send and receive raw network packets",
        "SETGID" | "SETUID" | "SETPCAP" => "act as other users in its container",
        "SYS_ADMIN" => "do nearly everything on this computer, as its administrator",
        "SYS_BOOT" => "restart this computer",
        "SYS_MODULE" => "change the system of this computer while it runs",
        "SYS_NICE" | "SYS_RESOURCE" => "take precedence over other programs",
        "SYS_RAWIO" => "reach the hardware of this computer directly",
        "SYS_TIME" => "set the clock of this computer",
        _ => "use a system right that is not known here",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::capability::{Capability, KNOWN};

    #[test]
    fn limits_are_told_in_the_largest_exact_unit() {
        for (limit, told) in [
            ("1g", "1 GiB"),
            ("1536m", "1536 MiB"),
            ("8193k", "8193 KiB"),
            ("8388609b", "8388609 bytes"),
        ] {
            assert_eq!(of_memory(limit.parse().unwrap()), told);
        }
        for (cores, told) in [(1.0, "1 processor core"), (0.5, "0.5 processor cores")] {
            assert_eq!(of_cpu(CpuLimit::from_cores(cores).unwrap()), told);
        }
        for (count, told) in [(1, "1 process"), (64, "64 processes")] {
            assert_eq!(of_processes(PidsLimit::new(count).unwrap()), told);
        }
    }

    #[test]
    fn what_is_known_has_words_of_its_own() {
        for name in KNOWN {
            let capability: Capability = name.parse().unwrap();
            assert!(capability.is_known());
            assert_ne!(of_capability(name), of_capability("FUTURE"), "{name}");
        }
        assert!(KNOWN.is_sorted());
        assert!(!"FUTURE".parse::<Capability>().unwrap().is_known());
    }
}
