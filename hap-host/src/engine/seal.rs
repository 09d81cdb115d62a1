//! The mark on a container that no image can know, and whose a container is by it.
//!
//! Containers inherit an image's labels, and whoever writes an image writes them. So labels alone
//! say nothing about who made a container. The seal does: it is made with a key that only this
//! supervisor's state folder holds.

use std::fmt;

use hap_manifest::PluginId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{
    instance::InstanceName,
    labels,
    naming::{container_name, hex},
    observed::Observed,
    spec::ContainerSpec,
};

/// The secret key of one supervisor's seals. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey([u8; Self::LENGTH]);

impl SealKey {
    /// Length of a key in bytes.
    pub const LENGTH: usize = 32;

    /// Takes the bytes of a key, which come from the operating system's random source.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// Reads a key as [`to_digits`](Self::to_digits) writes it.
    pub(crate) fn from_digits(text: &str) -> Option<Self> {
        Some(Self(bytes(text)?.try_into().ok()?))
    }

    /// Writes the key for its place in the state folder, and nowhere else.
    pub(crate) fn to_digits(&self) -> String {
        hex(&self.0)
    }

    /// Returns the seal of a container: HMAC-SHA256, in hexadecimal digits, over the instance, the
    /// plugin, the name that the container is made under, and the digest of its spec.
    #[must_use]
    pub fn seal(&self, instance: &InstanceName, plugin: &PluginId, name: &str, digest: &str) -> String {
        let mac = self.mac(instance, plugin, name, digest);
        mac.map(|mac| hex(&mac.finalize().into_bytes()))
            .unwrap_or_default()
    }

    /// Puts the seal among the labels of a spec, which is otherwise complete.
    pub(crate) fn put(&self, spec: &mut ContainerSpec) {
        let digest = spec.labels.get(labels::SPEC_DIGEST).map_or("", String::as_str);
        let seal = self.seal(&spec.instance, &spec.plugin, &spec.name, digest);
        spec.labels.insert(labels::SEAL.to_owned(), seal);
    }

    /// Whether `seal` is this key's. Takes as long for a wrong one as for a right one.
    fn made(&self, seal: &str, instance: &InstanceName, observed: &Observed) -> bool {
        let name = container_name(instance, &observed.plugin);
        let mac = self.mac(instance, &observed.plugin, &name, &observed.spec_digest);
        let Some(tag) = bytes(seal) else {
            return false;
        };
        mac.is_some_and(|mac| mac.verify_slice(&tag).is_ok())
    }

    fn mac(
        &self,
        instance: &InstanceName,
        plugin: &PluginId,
        name: &str,
        digest: &str,
    ) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        for part in ["hap container", instance.as_str(), plugin.as_str(), name, digest] {
            // Lengths keep `a`+`bc` and `ab`+`c` apart.
            mac.update(format!("{}:", part.len()).as_bytes());
            mac.update(part.as_bytes());
        }
        Some(mac)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey([REDACTED])")
    }
}

/// The bytes that hexadecimal digits stand for.
fn bytes(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

/// Whose a container is that carries the labels of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This supervisor made it, and it has the name of its plugin's container.
    Ours,
    /// A version before there were seals made it, by its labels, its name and its network.
    Unsealed,
    /// It carries a seal of this supervisor and another name: somebody copied or renamed one.
    Copy,
    /// Somebody else made it.
    Stranger,
}

/// Tells whose a container is. `takes_unsealed`: its plugin may still have one from before there
/// were seals.
pub(crate) fn owner_of(
    key: &SealKey,
    instance: &InstanceName,
    observed: &Observed,
    takes_unsealed: bool,
) -> Owner {
    let is_named = observed.name == container_name(instance, &observed.plugin);
    match &observed.seal {
        Some(seal) if key.made(seal, instance, observed) => {
            if is_named {
                Owner::Ours
            } else {
                Owner::Copy
            }
        }
        None if takes_unsealed && is_named && observed.on_network => Owner::Unsealed,
        _ => Owner::Stranger,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::observed::ContainerId;

    fn key(byte: u8) -> SealKey {
        SealKey::from_bytes([byte; 32])
    }

    fn home() -> InstanceName {
        InstanceName::new("home").unwrap()
    }

    /// A container as the supervisor with key 1 makes it.
    fn sealed() -> Observed {
        let plugin = PluginId::new("light").unwrap();
        let mut observed = Observed::created(ContainerId::new("c"), plugin, "d1".to_owned());
        observed.name = "hap.home.light".to_owned();
        observed.seal = Some(key(1).seal(&home(), &observed.plugin, &observed.name, "d1"));
        observed.on_network = true;
        observed
    }

    fn owner(observed: &Observed) -> Owner {
        owner_of(&key(1), &home(), observed, false)
    }

    #[test]
    fn only_what_this_supervisor_made_under_its_name_is_its_own() {
        assert_eq!(owner(&sealed()), Owner::Ours);
        let renamed = Observed {
            name: "hap.home.light-1".to_owned(),
            ..sealed()
        };
        assert_eq!(owner(&renamed), Owner::Copy);
        assert_eq!(owner_of(&key(2), &home(), &sealed(), true), Owner::Stranger);
        let away = InstanceName::new("away").unwrap();
        assert_eq!(owner_of(&key(1), &away, &sealed(), true), Owner::Stranger);
    }

    #[test]
    fn a_seal_is_of_one_plugin_and_one_spec() {
        let lock = Observed {
            plugin: PluginId::new("lock").unwrap(),
            name: "hap.home.lock".to_owned(),
            ..sealed()
        };
        let other_spec = Observed {
            spec_digest: "d2".to_owned(),
            ..sealed()
        };
        for stranger in [lock, other_spec] {
            assert_eq!(owner(&stranger), Owner::Stranger, "{stranger:?}");
        }
        for seal in ["", "zz", "é", "0", &"0".repeat(64)] {
            let forged = Observed {
                seal: Some(seal.to_owned()),
                ..sealed()
            };
            assert_eq!(
                owner_of(&key(1), &home(), &forged, true),
                Owner::Stranger,
                "{seal}"
            );
        }
    }

    #[test]
    fn without_a_seal_name_and_network_have_to_fit_and_the_plugin_to_be_from_before() {
        let unsealed = Observed {
            seal: None,
            ..sealed()
        };
        assert_eq!(owner_of(&key(1), &home(), &unsealed, true), Owner::Unsealed);
        assert_eq!(owner(&unsealed), Owner::Stranger);
        let renamed = Observed {
            name: "web".to_owned(),
            ..unsealed.clone()
        };
        let elsewhere = Observed {
            on_network: false,
            ..unsealed
        };
        for stranger in [renamed, elsewhere] {
            assert_eq!(owner_of(&key(1), &home(), &stranger, true), Owner::Stranger);
        }
    }

    #[test]
    fn a_key_is_read_as_it_was_written_and_nothing_else_is_a_key() {
        assert_eq!(SealKey::from_digits(&key(9).to_digits()), Some(key(9)));
        for text in ["", "00", "zz", &"0".repeat(63), &"é".repeat(32)] {
            assert_eq!(SealKey::from_digits(text), None, "{text}");
        }
    }

    #[test]
    fn debug_of_a_key_hides_it() {
        assert_eq!(format!("{:?}", key(7)), "SealKey([REDACTED])");
    }
}
