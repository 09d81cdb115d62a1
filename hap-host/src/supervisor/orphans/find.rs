//! Finds what belongs to no plugin.

use std::{collections::BTreeSet, time::Duration};

use super::{
    judge::{Known, judge},
    orphan::Orphan,
};
use crate::{
    engine::{
        deadline::{self, within},
        error::EngineErrorKind,
        resource::{Holding, HoldingKind},
    },
    error::Error,
    plugin::context::Shared,
    supervisor::registry::Registry,
};

/// Asks the engine first and the store second: what is recorded in between is known, and what is
/// made in between was not asked for.
pub(super) async fn find(
    shared: &Shared,
    registry: &Registry,
    kinds: &[HoldingKind],
    minimum_age: Duration,
) -> Result<Vec<Orphan>, Error> {
    let mut holdings: Vec<Holding> = Vec::new();
    for kind in kinds {
        let asked = shared.engine.holdings(&shared.instance, *kind);
        match within(deadline::CONTROL, "holdings", &shared.instance, asked).await {
            Ok(found) => holdings.extend(found),
            Err(error) if error.kind() == EngineErrorKind::Unsupported => {}
            Err(error) => return Err(Error::engine(error)),
        }
    }
    let installed = registry.ids();
    let is_known = |holding: &Holding| {
        holding.kind != HoldingKind::Image
            && holding
                .plugin
                .as_ref()
                .is_some_and(|plugin| installed.contains(plugin))
    };
    // As nearly always: then the store need not be asked.
    if holdings.iter().all(is_known) {
        return Ok(Vec::new());
    }
    let mut known = Known {
        plugins: installed.iter().map(ToString::to_string).collect(),
        // What is being installed or updated may already have an image, and no
        // record that names it.
        unread: registry.changing().iter().map(ToString::to_string).collect(),
        images: BTreeSet::new(),
    };
    for stored in shared.store.known_plugins().await? {
        known.note(stored);
    }
    Ok(judge(holdings, &known, minimum_age))
}
