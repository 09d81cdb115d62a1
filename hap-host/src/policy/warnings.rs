//! Rules that undo each other.

use super::{Policy, access::Access, pattern::DevicePattern};

impl Policy {
    /// Returns what of this policy cannot be meant, in sentences with what to change: rules under
    /// which nothing is ever installed, and rules that others make void. None if all is well.
    ///
    /// [`SupervisorBuilder::start`](crate::SupervisorBuilder::start) logs each as a warning.
    ///
    /// ```
    /// use hap_host::Policy;
    ///
    /// let policy = Policy::default().allow_device("/dev/sda".parse()?);
    /// assert_eq!(policy.warnings(), [
    ///     "no plugin gets /dev/sda, though it is allowed: it is among what is denied, which goes before; \
    ///      take the rule out",
    /// ]);
    /// # Ok::<(), hap_host::Error>(())
    /// ```
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut told = self.origins();
        for rule in &self.allowed_devices {
            if self.is_denied(rule) {
                told.push(format!(
                    "no plugin gets {rule}, though it is allowed: it is among what is denied, which goes before; \
                     take the rule out"
                ));
            }
        }
        for device in &self.host_devices {
            if self.is_denied(&device.clone().into()) {
                told.push(format!(
                    "no plugin gets {device}, though the host keeps it for plugins: it is among what is denied; \
                     take it out"
                ));
            }
        }
        for name in self.allowed_capabilities.intersection(&self.denied_capabilities) {
            told.push(format!(
                "no plugin gets the capability {name}, though it is allowed: it is denied as well, which goes before; \
                 take one of the two out"
            ));
        }
        if self.root == Access::Allowed && !self.own_user {
            told.push(
                "plugins may run as root, and no manifest may choose its user, which is how one asks for it: let \
                 manifests choose, or leave root out"
                    .to_owned(),
            );
        }
        if self.devices == Access::Denied && !self.host_devices.is_empty() {
            told.push(
                "devices are kept for plugins, and no plugin gets any: let devices be granted, or take them out"
                    .to_owned(),
            );
        }
        if self.builds == Access::Allowed && !self.local_builds {
            told.push(
                "builds that run a program are allowed, and nothing is built on this machine: \
                 leave one of the two out"
                    .to_owned(),
            );
        }
        told
    }

    /// Where plugins may come from, and that they may come from nowhere.
    fn origins(&self) -> Vec<String> {
        let no_package = !self.local_builds || (!self.unsigned_packages && self.trusted_keys.is_empty());
        let no_image = self.images.as_ref().is_some_and(|sources| sources.is_empty());
        let mut told = Vec::new();
        if no_package && no_image {
            told.push(
                "nothing can be installed: name the keys of publishers whom you trust, or registries that images \
                 may come from"
                    .to_owned(),
            );
        } else if self.local_builds && no_package {
            told.push(
                "packages have to be signed and no key is trusted, so none is ever taken: trust a key, or forbid \
                 builds on this machine"
                    .to_owned(),
            );
        }
        if !self.local_builds && !self.trusted_keys.is_empty() {
            told.push(
                "keys are trusted, and no package is taken because nothing is built on this machine: allow local \
                 builds, or take the keys out"
                    .to_owned(),
            );
        }
        for (key, name) in &self.runtimes.by_key {
            if !self.trusted_keys.contains(key) {
                told.push(format!(
                    "no plugin runs in {name:?} for its publisher: the key {} is not trusted, so nothing counts as \
                     signed with it",
                    key.id()
                ));
            }
        }
        told
    }

    fn is_denied(&self, rule: &DevicePattern) -> bool {
        self.denied_devices.iter().any(|denied| denied.includes(rule))
    }
}
