//! What it means to give a permission, in a sentence or two for the person who gives it.

use super::request::Permission;

/// Capabilities with which a plugin is held by no wall: they amount to owning the machine.
const OWNS_THE_MACHINE: [&str; 12] = [
    "BPF",
    "CHECKPOINT_RESTORE",
    "DAC_READ_SEARCH",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
];

impl Permission {
    /// Returns what may come of it, in one or two whole sentences for the person who is asked.
    ///
    /// ```
    /// use hap_manifest::permission::Permission;
    ///
    /// assert_eq!(
    ///     Permission::Network.explanation(),
    ///     "It can send what it learns to anyone, and talk to other devices in your home."
    /// );
    /// ```
    #[must_use]
    pub fn explanation(&self) -> &'static str {
        match self {
            Self::Build => {
                "That program runs as soon as you install the plugin, before you have seen anything of it. \
                 It can load more from the internet."
            }
            Self::Capability(name) => of_capability(name.as_str()),
            Self::Root => {
                "Root is the administrator, here of its own container and not of this computer. A flaw in the \
                 wall between the two does more harm then."
            }
            Self::RootGroup => {
                "It can use files in its container that are kept for the administrator's group. A flaw in the \
                 wall around it does more harm then."
            }
            Self::HostDevices => "It can read and control all of them, also those that are set up later.",
            Self::Device(_) => {
                "It can read what comes from this device, and control what is connected to it."
            }
            Self::Network => "It can send what it learns to anyone, and talk to other devices in your home.",
            Self::WritableRoot => {
                "Its program can become another one than was installed, until it is installed or updated again."
            }
            Self::Memory(_) => "What it uses is not there for other plugins and programs.",
            Self::Cpu(_) => "Other plugins and programs may become slower.",
            Self::Processes(_) => "Very many at once can slow this computer down.",
        }
    }
}

fn of_capability(name: &str) -> &'static str {
    match name {
        name if OWNS_THE_MACHINE.contains(&name) => {
            "With this right it can take over this computer and everything on it."
        }
        "AUDIT_CONTROL" | "AUDIT_READ" | "AUDIT_WRITE" | "SYSLOG" => {
            "The log tells what other programs and people do here, and whoever writes to it can hide something."
        }
        "BLOCK_SUSPEND" | "WAKE_ALARM" => "This computer uses more power.",
        "CHOWN" | "DAC_OVERRIDE" | "FOWNER" | "FSETID" | "KILL" | "LINUX_IMMUTABLE" | "SETFCAP"
        | "SETGID" | "SETPCAP" | "SETUID" => {
            "It stays within its own container. There it can do more of what an administrator may."
        }
        "IPC_LOCK" | "IPC_OWNER" => "What it keeps is not there for other plugins and programs.",
        "NET_ADMIN" | "NET_RAW" => {
            "It can pose as another plugin on the network that the two share, and as other devices there."
        }
        "NET_BIND_SERVICE" | "NET_BROADCAST" => "It reaches no more of the network by it.",
        "SYS_NICE" | "SYS_RESOURCE" => "Other plugins and programs may become slower.",
        "SYS_TIME" => "A wrong clock breaks schedules, logs and secure connections of this whole computer.",
        "LEASE" | "SYS_CHROOT" | "SYS_PACCT" | "SYS_TTY_CONFIG" => {
            "Plugins hardly ever need it. Ask its author what for before you agree."
        }
        _ => "Nobody can tell here what this right is good for, or what harm it does.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::capability::KNOWN;

    #[test]
    fn every_permission_is_explained_in_whole_sentences() {
        let kinds = [
            "build",
            "root",
            "root_group",
            "host_devices",
            "network",
            "writable_root",
            "capability:FUTURE",
            "device:/dev/a",
            "memory:2g",
            "cpu:4",
            "processes:2000",
        ];
        let capabilities = KNOWN.iter().map(|name| format!("capability:{name}"));
        for id in kinds.map(str::to_owned).into_iter().chain(capabilities) {
            let told = id.parse::<Permission>().unwrap().explanation();
            let is_known = !told.starts_with("Nobody can tell");
            assert_eq!(is_known, id != "capability:FUTURE", "{id}");
            assert!(told.ends_with('.') && !told.contains("  "), "{id}: {told}");
            assert!(told.starts_with(|c: char| c.is_uppercase()), "{id}: {told}");
        }
    }

    #[test]
    fn what_amounts_to_owning_the_machine_is_said_so() {
        for name in OWNS_THE_MACHINE {
            assert!(KNOWN.contains(&name), "{name}");
            let told = format!("capability:{name}")
                .parse::<Permission>()
                .unwrap()
                .explanation();
            assert!(told.contains("take over"), "{name}: {told}");
        }
        assert!(OWNS_THE_MACHINE.is_sorted());
    }
}
