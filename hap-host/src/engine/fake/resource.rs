//! What the pretended engine keeps for an instance, and how a piece of it goes.

use std::collections::BTreeMap;

use hap_manifest::{ImageRef, PluginId};
use tokio::time::Instant;

use super::{
    FakeEngine,
    state::{Kept, World},
};
use crate::engine::{
    cannot_remove,
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    labels, not_of_instance,
    observed::ContainerId,
    resource::{Resource, ResourceKind},
};

/// Bytes of an image that was built here.
const IMAGE_BYTES: u64 = 1_000_000;

impl World {
    /// An image that is built again under its tag stays the same one.
    pub(super) fn note_built(&mut self, id: &str, tag: &ImageRef, found: &BTreeMap<String, String>) {
        let label = |name: &str| found.get(name).map_or("", String::as_str);
        let (Ok(instance), Ok(plugin)) = (
            InstanceName::new(label(labels::IMAGE_INSTANCE)),
            PluginId::new(label(labels::IMAGE_PLUGIN)),
        ) else {
            return;
        };
        let resource = Resource {
            plugin: Some(plugin),
            bytes: Some(IMAGE_BYTES),
            ..Resource::new(ResourceKind::Image, id, tag.as_str())
        };
        self.kept.entry(id.to_owned()).or_insert(Kept {
            instance,
            resource,
            made: Instant::now(),
        });
    }

    pub(super) fn list_resources(&self, instance: &InstanceName, kind: ResourceKind) -> Vec<Resource> {
        match kind {
            ResourceKind::Container => {
                let all = self.containers.values();
                let ours = all.filter(|container| container.spec.instance == *instance);
                ours.map(|container| Resource {
                    plugin: Some(container.observed.plugin.clone()),
                    age: Some(container.made.elapsed()),
                    ..Resource::new(kind, container.observed.id.as_str(), container.spec.name.as_str())
                })
                .collect()
            }
            ResourceKind::Volume => {
                let ours = self
                    .volumes
                    .iter()
                    .filter(|(_, volume)| volume.instance == *instance);
                ours.map(|(name, volume)| Resource {
                    plugin: Some(volume.plugin.clone()),
                    ..Resource::new(kind, name.as_str(), name.as_str())
                })
                .collect()
            }
            ResourceKind::Network | ResourceKind::Image => {
                let all = self.kept.values();
                let ours = all.filter(|kept| kept.instance == *instance && kept.resource.kind == kind);
                ours.map(|kept| Resource {
                    age: Some(kept.made.elapsed()),
                    in_use: kept.resource.in_use || self.is_run(&kept.resource),
                    ..kept.resource.clone()
                })
                .collect()
            }
        }
    }

    /// Whether a container is made from an image.
    fn is_run(&self, image: &Resource) -> bool {
        let mut all = self.containers.values();
        image.kind == ResourceKind::Image && all.any(|container| container.spec.image == image.id)
    }
}

impl FakeEngine {
    /// Leaves a network of an instance behind that its supervisor does not need, as a host that was
    /// killed at the wrong moment does.
    pub fn add_leftover_network(&self, instance: &InstanceName, name: &str, in_use: bool) {
        let resource = Resource {
            in_use,
            ..Resource::new(ResourceKind::Network, name, name)
        };
        let kept = Kept {
            instance: instance.clone(),
            resource,
            made: Instant::now(),
        };
        self.world().kept.insert(name.to_owned(), kept);
    }

    /// Names of the networks that were left behind and of the images that were built, which
    /// are still there.
    #[must_use]
    pub fn kept(&self) -> Vec<String> {
        self.world().kept.keys().cloned().collect()
    }

    pub(super) fn throw_away(
        &self,
        instance: &InstanceName,
        resource: &Resource,
    ) -> Result<u64, EngineError> {
        match resource.kind {
            ResourceKind::Volume => Err(cannot_remove(resource)),
            ResourceKind::Container => {
                let id = ContainerId::new(resource.id.as_str());
                let owner = self
                    .world()
                    .containers
                    .get(&id)
                    .map(|container| container.spec.instance.clone());
                match owner {
                    None => Ok(0),
                    Some(owner) if owner == *instance => {
                        self.forget(&id);
                        Ok(0)
                    }
                    Some(_) => Err(not_of_instance(instance, resource)),
                }
            }
            ResourceKind::Network | ResourceKind::Image => {
                let mut world = self.world();
                let Some(kept) = world.kept.get(&resource.id) else {
                    return Ok(0);
                };
                if kept.instance != *instance {
                    return Err(not_of_instance(instance, resource));
                }
                if kept.resource.in_use || world.is_run(&kept.resource) {
                    let (kind, message) = (EngineErrorKind::Conflict, "something uses it");
                    return Err(EngineError::new(kind, "remove resource", &resource.name, message));
                }
                let freed = kept.resource.bytes.unwrap_or_default();
                world.kept.remove(&resource.id);
                Ok(freed)
            }
        }
    }
}
