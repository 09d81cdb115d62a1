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
            Self::Capability(name) if OWNS_THE_MACHINE.contains(&name.as_str()) => {
                "With this right it can take over this computer and everything on it."
            }
            Self::Capability(name) if name.is_known() => {
                "Plugins do not have this right by themselves. Agree if you know what this one needs it for."
            }
            Self::Capability(_) => "Nobody can tell here what this right is good for, or what harm it does.",
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
