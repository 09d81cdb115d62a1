//! Who needs whom: what a plugin still waits for, circles in it, and the order of a shutdown.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
};

use hap_manifest::{Dependency, PluginId};
use semver::Version;

use crate::model::{
    dependency::{UnmetDependency, UnmetDependencyReason},
    phase::Phase,
};

/// What others need to know of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub version: Version,
    pub depends_on: Box<[Dependency]>,
    pub wanted: bool,
    pub phase: Phase,
}

/// All installed plugins.
pub(crate) type Board = BTreeMap<PluginId, Standing>;

/// What a plugin with these dependencies still waits for, in the order of its manifest.
pub(crate) fn unmet(depends_on: &[Dependency], board: &Board) -> Vec<UnmetDependency> {
    let reason = |dependency: &Dependency| {
        let Some(found) = board.get(dependency.id()) else {
            return Some(UnmetDependencyReason::NotInstalled);
        };
        if let Some(needed) = dependency
            .version()
            .filter(|needed| !needed.matches(&found.version))
        {
            let (needed, installed) = (needed.clone(), found.version.clone());
            return Some(UnmetDependencyReason::WrongVersion { needed, installed });
        }
        if found.phase.is_reachable() {
            return None;
        }
        Some(if found.wanted {
            UnmetDependencyReason::NotHealthy { phase: found.phase }
        } else {
            UnmetDependencyReason::NotWanted
        })
    };
    depends_on
        .iter()
        .filter_map(|dependency| {
            let plugin = dependency.id().clone();
            reason(dependency).map(|reason| UnmetDependency { plugin, reason })
        })
        .collect()
}

/// The shortest circle of dependencies through a plugin, which may not be installed
/// yet: `a -> b -> a`.
pub(crate) fn circle(plugin: &PluginId, depends_on: &[Dependency], board: &Board) -> Option<Circle> {
    let mut came_from: BTreeMap<&PluginId, Option<&PluginId>> = BTreeMap::new();
    let mut next: VecDeque<&PluginId> = VecDeque::new();
    for dependency in depends_on {
        if came_from.insert(dependency.id(), None).is_none() {
            next.push_back(dependency.id());
        }
    }
    while let Some(at) = next.pop_front() {
        if at == plugin {
            let mut path = vec![plugin.clone()];
            let mut step = came_from.get(at).copied().flatten();
            while let Some(before) = step {
                path.push(before.clone());
                step = came_from.get(before).copied().flatten();
            }
            path.push(plugin.clone());
            path.reverse();
            return Some(Circle(path));
        }
        for dependency in board.get(at).map(|of| &*of.depends_on).unwrap_or_default() {
            if !came_from.contains_key(dependency.id()) {
                came_from.insert(dependency.id(), Some(at));
                next.push_back(dependency.id());
            }
        }
    }
    None
}

/// Plugins of which each needs the next, the last being the first again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Circle(Vec<PluginId>);

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(PluginId::as_str).collect();
        f.write_str(&names.join(" -> "))
    }
}

/// The installed plugins that need this one, directly.
pub(crate) fn needed_by(plugin: &PluginId, board: &Board) -> Vec<PluginId> {
    let needs = |of: &Standing| of.depends_on.iter().any(|dependency| dependency.id() == plugin);
    let found = board.iter().filter(|(id, of)| *id != plugin && needs(of));
    found.map(|(id, _)| id.clone()).collect()
}

/// The installed plugins that accept the version of this one that is installed, and not the new
/// one, each with what it needs.
pub(crate) fn broken_by(plugin: &PluginId, new: &Version, board: &Board) -> Vec<String> {
    let Some(old) = board.get(plugin).map(|standing| &standing.version) else {
        return Vec::new();
    };
    let needs = |of: &Standing| {
        let mut needed = of
            .depends_on
            .iter()
            .filter(|dependency| dependency.id() == plugin);
        let needed = needed.find_map(|dependency| dependency.version());
        needed
            .filter(|needed| needed.matches(old) && !needed.matches(new))
            .cloned()
    };
    let found = board.iter().filter(|(id, _)| *id != plugin);
    found
        .filter_map(|(id, of)| needs(of).map(|needed| format!("{id}, which needs {needed}")))
        .collect()
}

/// Whether a plugin may be stopped: none of those that are up needs it.
pub(crate) fn may_stop(plugin: &PluginId, up: &BTreeSet<PluginId>, board: &Board) -> bool {
    !needed_by(plugin, board).iter().any(|needs| up.contains(needs))
}

#[cfg(test)]
mod tests;
