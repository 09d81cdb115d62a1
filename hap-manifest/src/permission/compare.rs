//! Compares what two versions of a plugin ask a person for.

use super::changes::{ConsentChanges, Direction, LimitChange};
use super::consent::Consent;
use super::parts::PermissionText;
use super::request::Permission;
use super::words;
use crate::value::path::VolumePath;

impl Consent {
    /// Compares it with what was consented to before: see [`changes`](Self::changes).
    pub fn compared_with(mut self, before: &Self) -> Self {
        self.changes = Some(between(before, &self));
        self
    }
}

fn between(before: &Consent, after: &Consent) -> ConsentChanges {
    let other_publisher = before.publisher != after.publisher && after.publisher.is_some();
    ConsentChanges {
        since: before.version.clone(),
        added: beyond(after, before),
        removed: absent(before, after),
        limits: limits(before, after),
        volumes_added: missing(&after.volumes, &before.volumes),
        volumes_removed: missing(&before.volumes, &after.volumes),
        publisher_before: before.publisher.clone().filter(|_| other_publisher),
    }
}

/// Resources are told with the limits.
const fn is_resource(permission: &Permission) -> bool {
    matches!(
        permission,
        Permission::Memory(_) | Permission::Cpu(_) | Permission::Processes(_)
    )
}

/// What one asks for and nothing that the other asks for covers.
fn beyond(asking: &Consent, known: &Consent) -> Vec<PermissionText> {
    let is_beyond = |asked: &&PermissionText| {
        !is_resource(&asked.permission) && !known.permissions().any(|has| has.covers(&asked.permission))
    };
    asking.requested.iter().filter(is_beyond).cloned().collect()
}

/// What one asks for and the other does not.
fn absent(asking: &Consent, known: &Consent) -> Vec<PermissionText> {
    let is_absent = |asked: &&PermissionText| {
        !is_resource(&asked.permission) && !known.permissions().any(|has| *has == asked.permission)
    };
    asking.requested.iter().filter(is_absent).cloned().collect()
}

fn missing(some: &[VolumePath], others: &[VolumePath]) -> Vec<VolumePath> {
    some.iter()
        .filter(|path| !others.contains(path))
        .cloned()
        .collect()
}

fn limits(before: &Consent, after: &Consent) -> Vec<LimitChange> {
    let permission = |is: fn(&Permission) -> bool| {
        let mut asked = after.requested.iter();
        asked
            .find(|asked| is(&asked.permission))
            .map(|asked| asked.id.clone())
    };
    let (old, new) = (before.limits, after.limits);
    let rows = [
        change("memory", old.memory, new.memory, words::of_memory)
            .map(|row| (row, permission(|asked| matches!(asked, Permission::Memory(_))))),
        change("cpu", old.cpu, new.cpu, words::of_cpu)
            .map(|row| (row, permission(|asked| matches!(asked, Permission::Cpu(_))))),
        change("processes", old.processes, new.processes, words::of_processes)
            .map(|row| (row, permission(|asked| matches!(asked, Permission::Processes(_))))),
    ];
    let rows = rows.into_iter().flatten();
    rows.map(|(row, permission)| LimitChange { permission, ..row })
        .collect()
}

fn change<T: Ord + Copy>(
    limit: &'static str,
    before: Option<T>,
    after: Option<T>,
    words: impl Fn(T) -> String,
) -> Option<LimitChange> {
    let direction = match (before, after) {
        _ if before == after => return None,
        (Some(before), Some(after)) if after > before => Direction::More,
        (Some(_), Some(_)) => Direction::Less,
        _ => Direction::Other,
    };
    Some(LimitChange {
        limit,
        direction,
        before: before.map(&words),
        after: after.map(&words),
        permission: None,
    })
}
