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
        observed::ContainerId,
        resource::{Resource, ResourceKind},
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
    kinds: &[ResourceKind],
    minimum_age: Duration,
) -> Result<Vec<Orphan>, Error> {
    let mut resources: Vec<Resource> = Vec::new();
    for kind in kinds {
        let asked = shared.engine.list_resources(&shared.instance, *kind);
        match within(deadline::CONTROL, "list resources", &shared.instance, asked).await {
            Ok(found) => resources.extend(found),
            Err(error) if error.kind() == EngineErrorKind::Unsupported => {}
            Err(error) => return Err(Error::engine(error)),
        }
    }
    let installed = registry.ids();
    let is_known = |resource: &Resource| {
        resource.kind != ResourceKind::Image
            && resource
                .plugin
                .as_ref()
                .is_some_and(|plugin| installed.contains(plugin))
    };
    // As nearly always: then the store need not be asked.
    if resources.iter().all(is_known) {
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
    let mut orphans = Vec::new();
    for orphan in judge(resources, &known, minimum_age) {
        if orphan.kind != ResourceKind::Container || is_made_here(shared, &orphan).await? {
            orphans.push(orphan);
        }
    }
    Ok(orphans)
}

/// Whether this supervisor made a container, rather than somebody whose image carries its labels.
async fn is_made_here(shared: &Shared, orphan: &Orphan) -> Result<bool, Error> {
    let id = ContainerId::new(orphan.id.as_str());
    let look = shared.engine.inspect(&id);
    match within(deadline::CONTROL, "inspect", &orphan.name, look).await {
        Ok(observed) => Ok(shared.ownership.made(&observed)),
        Err(error)
            if matches!(
                error.kind(),
                EngineErrorKind::NotFound | EngineErrorKind::Rejected
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(Error::engine(error)),
    }
}
