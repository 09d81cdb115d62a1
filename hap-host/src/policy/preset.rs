use std::time::Duration;

use hap_manifest::{CpuLimit, MemoryLimit, PidsLimit};

use super::{
    Policy, access::Access, image_users::ImageUsers, image_volumes::ImageVolumes,
    lost_isolation::LostIsolation,
};

/// Policies named for who uses them, as bases to change single rules of.
impl Policy {
    /// A household's machine: whoever installs a plugin owns the machine, and is asked.
    ///
    /// This is the [default](Self::default). Network access takes no grant, because plugins are
    /// written for it; what reaches further does. Packages need no signature, since plugins come
    /// from everywhere and builds that run a program are asked about.
    pub fn home() -> Self {
        Self::default()
    }

    /// Machines that run the plugins of many people, who own nothing of the machine.
    ///
    /// Nothing can be installed until it is said from whom: [`trust_key`](Self::trust_key) for
    /// packages, [`allow_images`](Self::allow_images) for images. No build runs a program, no plugin
    /// has a device, a capability or root, or chooses its user, and none has more than 512 MiB of
    /// memory, 1 core and 256 processes. Network access is granted to each plugin by itself, an image
    /// whose volumes the manifest does not name is refused, and plugins stop while they are not kept
    /// apart, and have 20 s to stop.
    ///
    /// ```
    /// use hap_host::Policy;
    ///
    /// let policy = Policy::hosted()
    ///     .trust_key("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3".parse()?)
    ///     .allow_images("registry.example.com/reviewed".parse()?)
    ///     .max_memory("128m".parse()?);
    /// assert_eq!(policy.warnings(), [""; 0]);
    /// # Ok::<(), hap_host::Error>(())
    /// ```
    pub fn hosted() -> Self {
        let mut policy = Self::strict()
            .network(Access::ByGrant)
            .own_user(false)
            .local_builds(true)
            .unsigned_packages(false)
            .max_stop_timeout(Duration::from_secs(20))
            .image_volumes(ImageVolumes::Refuse);
        policy.images = Some(std::collections::BTreeSet::new());
        policy.max_memory = MemoryLimit::from_mib(512).ok();
        policy.max_cpu = CpuLimit::from_nano_cpus(1_000_000_000).ok();
        policy.max_processes = PidsLimit::new(256).ok();
        policy
    }

    /// A machine on which plugins are written and tried out, and that may fall with them.
    ///
    /// Gives every plugin what it asks for, without a grant. What [`home`](Self::home) never gives,
    /// this does not give either.
    pub fn development() -> Self {
        Self {
            resources: Access::Allowed,
            network: Access::Allowed,
            writable_rootfs: Access::Allowed,
            root: Access::Allowed,
            devices: Access::Allowed,
            capabilities: Access::Allowed,
            builds: Access::Allowed,
            ..Self::default()
        }
    }

    /// Nothing beyond what every plugin gets, whatever was granted: no network access, no device, no
    /// capability, no unusual resources, no build on this machine, and no run while plugins are not
    /// kept apart. Images still come from anywhere; a user that one names is replaced by a number of
    /// the plugin's own.
    pub fn strict() -> Self {
        Self {
            resources: Access::Denied,
            network: Access::Denied,
            writable_rootfs: Access::Denied,
            root: Access::Denied,
            devices: Access::Denied,
            capabilities: Access::Denied,
            local_builds: false,
            builds: Access::Denied,
            image_volumes: ImageVolumes::Refuse,
            lost_isolation: LostIsolation::StopPlugins,
            image_users: ImageUsers::Replace,
            ..Self::default()
        }
    }
}
