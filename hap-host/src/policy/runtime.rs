//! Which of the engine's runtimes plugins run in.

use std::collections::BTreeSet;

use hap_manifest::{PluginId, package::PackageKey};

use super::{Policy, runtimes::Runtimes};
use crate::model::grants::InstallOrigin;

impl Policy {
    /// Runs plugins in one of the engine's runtimes, by the engine's name for it, such as `runsc` of
    /// gVisor or `kata`. Default: the engine's own default.
    ///
    /// [`SupervisorBuilder::start`](crate::SupervisorBuilder::start) refuses a runtime that the engine
    /// lacks; none is ever left out in silence. Another choice recreates the containers concerned.
    ///
    /// ```
    /// use hap_host::Policy;
    ///
    /// let policy = Policy::default()
    ///     .runtime("runsc")
    ///     .runtime_of_plugin("light".parse()?, "runc");
    /// # Ok::<(), hap_manifest::ParseError>(())
    /// ```
    pub fn runtime(mut self, name: impl Into<String>) -> Self {
        self.runtimes.default = Some(name.into());
        self
    }

    /// Runs one plugin in another runtime than the rest.
    pub fn runtime_of_plugin(mut self, plugin: PluginId, name: impl Into<String>) -> Self {
        self.runtimes.by_plugin.insert(plugin, name.into());
        self
    }

    /// Runs plugins from packages that are signed with this key in another runtime than the rest. What
    /// is said of one plugin goes before.
    pub fn runtime_of_publisher(mut self, key: PackageKey, name: impl Into<String>) -> Self {
        self.runtimes.by_key.retain(|(known, _)| *known != key);
        self.runtimes.by_key.push((key, name.into()));
        self
    }

    /// The runtime of a plugin; `None` is the engine's default.
    pub(crate) fn runtime_for(&self, plugin: &PluginId, origin: InstallOrigin) -> Option<&str> {
        let Runtimes {
            default,
            by_plugin,
            by_key,
        } = &self.runtimes;
        let of_publisher = || match origin {
            InstallOrigin::Signed(key) => by_key
                .iter()
                .find(|(known, _)| *known == key)
                .map(|(_, name)| name),
            _ => None,
        };
        let chosen = by_plugin.get(plugin).or_else(of_publisher);
        chosen.or(default.as_ref()).map(String::as_str)
    }

    /// All runtimes that are named.
    pub(crate) fn named_runtimes(&self) -> BTreeSet<&str> {
        let Runtimes {
            default,
            by_plugin,
            by_key,
        } = &self.runtimes;
        let by_key = by_key.iter().map(|(_, name)| name);
        let all = default.iter().chain(by_plugin.values()).chain(by_key);
        all.map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_plugin_goes_before_its_publisher_and_that_before_all() {
        let key: PackageKey = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
            .parse()
            .unwrap();
        let [light, lock] = ["light", "lock"].map(|id| PluginId::new(id).unwrap());
        let signed = InstallOrigin::Signed(key);
        let none = Policy::default();
        assert_eq!(none.runtime_for(&light, signed), None);
        assert!(none.named_runtimes().is_empty());
        let policy = none
            .runtime("runsc")
            .runtime_of_publisher(key, "kata")
            .runtime_of_publisher(key, "crun")
            .runtime_of_plugin(light.clone(), "runc");
        assert_eq!(policy.runtime_for(&light, signed), Some("runc"));
        assert_eq!(policy.runtime_for(&lock, signed), Some("crun"));
        assert_eq!(policy.runtime_for(&lock, InstallOrigin::Image), Some("runsc"));
        assert_eq!(policy.named_runtimes(), BTreeSet::from(["crun", "runc", "runsc"]));
    }
}
