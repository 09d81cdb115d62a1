use std::{collections::BTreeSet, time::Duration};

use super::orphan::{Orphan, OrphanDisposition, OrphanReason};
use crate::{
    engine::resource::{Resource, ResourceKind},
    model::record::KnownPlugin,
};

/// What belongs to somebody.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Ids of plugins as they are written, also of those whose record cannot be read.
    pub(super) plugins: BTreeSet<String>,
    /// Those of which it is not known which image they run.
    pub(super) unread: BTreeSet<String>,
    /// Ids of images that plugins run.
    pub(super) images: BTreeSet<String>,
}

impl Known {
    pub(super) fn note(&mut self, stored: KnownPlugin) {
        self.images.extend(stored.previous_image_id);
        match stored.image_id {
            Some(image) if stored.readable => {
                self.images.insert(image);
            }
            _ => {
                self.unread.insert(stored.id_text.clone());
            }
        }
        self.plugins.insert(stored.id_text);
    }

    fn reason(&self, resource: &Resource) -> Option<OrphanReason> {
        let Some(plugin) = &resource.plugin else {
            return (resource.kind == ResourceKind::Network).then_some(OrphanReason::NotNeeded);
        };
        let plugin = plugin.as_str();
        if self.unread.contains(plugin) {
            return None;
        }
        if resource.kind == ResourceKind::Image {
            // Two plugins may run one image, so whose label is on it does not decide.
            if self.images.contains(&resource.id) {
                return None;
            }
            return Some(if self.plugins.contains(plugin) {
                OrphanReason::OtherImage
            } else {
                OrphanReason::NotInstalled
            });
        }
        (!self.plugins.contains(plugin)).then_some(OrphanReason::NotInstalled)
    }
}

/// Tells the orphans among what an engine keeps. Pure, so that a table of cases says what is
/// touched and what never is.
pub(super) fn judge(resources: Vec<Resource>, known: &Known, minimum_age: Duration) -> Vec<Orphan> {
    let orphan = |resource: Resource| {
        let reason = known.reason(&resource)?;
        Some(Orphan {
            disposition: fate(&resource, minimum_age),
            kind: resource.kind,
            id: resource.id,
            name: resource.name,
            plugin: resource.plugin,
            age: resource.age,
            bytes: resource.bytes,
            reason,
        })
    };
    resources.into_iter().filter_map(orphan).collect()
}

fn fate(resource: &Resource, minimum_age: Duration) -> OrphanDisposition {
    match resource.kind {
        ResourceKind::Volume => OrphanDisposition::Data,
        _ if resource.in_use => OrphanDisposition::InUse,
        ResourceKind::Image => OrphanDisposition::Image,
        ResourceKind::Container | ResourceKind::Network => {
            // Of unknown age it could have been made a moment ago.
            if resource.age.unwrap_or_default() >= minimum_age {
                OrphanDisposition::Due
            } else {
                OrphanDisposition::Young
            }
        }
    }
}
