//! What a capability lets a plugin do, for people.

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
