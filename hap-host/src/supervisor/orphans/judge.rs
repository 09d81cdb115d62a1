use std::{collections::BTreeSet, time::Duration};

use super::orphan::{Orphan, OrphanFate, OrphanReason};
use crate::{
    engine::resource::{Holding, HoldingKind},
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

    fn reason(&self, holding: &Holding) -> Option<OrphanReason> {
        let Some(plugin) = &holding.plugin else {
            return (holding.kind == HoldingKind::Network).then_some(OrphanReason::NotNeeded);
        };
        let plugin = plugin.as_str();
        if self.unread.contains(plugin) {
            return None;
        }
        if holding.kind == HoldingKind::Image {
            // Two plugins may run one image, so whose label is on it does not decide.
            if self.images.contains(&holding.id) {
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
pub(super) fn judge(holdings: Vec<Holding>, known: &Known, minimum_age: Duration) -> Vec<Orphan> {
    let orphan = |holding: Holding| {
        let reason = known.reason(&holding)?;
        Some(Orphan {
            fate: fate(&holding, minimum_age),
            kind: holding.kind,
            id: holding.id,
            name: holding.name,
            plugin: holding.plugin,
            age: holding.age,
            bytes: holding.bytes,
            reason,
        })
    };
    holdings.into_iter().filter_map(orphan).collect()
}

fn fate(holding: &Holding, minimum_age: Duration) -> OrphanFate {
    match holding.kind {
        HoldingKind::Volume => OrphanFate::Data,
        _ if holding.in_use => OrphanFate::InUse,
        HoldingKind::Image => OrphanFate::Image,
        HoldingKind::Container | HoldingKind::Network => {
            // Of unknown age it could have been made a moment ago.
            if holding.age.unwrap_or_default() >= minimum_age {
                OrphanFate::Due
            } else {
                OrphanFate::Young
            }
        }
    }
}
