//! What the plugins tell each other, over the board that they share: who is installed, who needs
//! whom, who is healthy.

use hap_manifest::PluginId;
use tokio::sync::watch;

use super::context::Shared;
use crate::{
    engine::spec::NetworkMode,
    error::{Error, ErrorKind},
    model::{
        desired::Desired,
        failure::{Failure, FailureCause},
        phase::Phase,
        record::PluginRecord,
        state::PluginState,
    },
    policy::{lost_isolation::LostIsolation, violation::words},
    reconcile::dependencies::{Board, Standing, circle, needed_by},
};

/// Enters what others need to know of a plugin; nobody is woken by what they know already.
pub(crate) fn post(board: &watch::Sender<Board>, record: &PluginRecord, state: &PluginState) {
    let id = record.manifest.id();
    let wanted = state.desired == Desired::Running;
    board.send_if_modified(|board| {
        if state.phase == Phase::Removed {
            return board.remove(id).is_some();
        }
        if let Some(known) = board.get_mut(id)
            && known.version == *record.manifest.version()
            && *known.depends_on == *record.manifest.depends_on()
        {
            let changed = (known.wanted, known.phase) != (wanted, state.phase);
            (known.wanted, known.phase) = (wanted, state.phase);
            return changed;
        }
        let standing = Standing {
            version: record.manifest.version().clone(),
            depends_on: record.manifest.depends_on().into(),
            wanted,
            phase: state.phase,
        };
        board.insert(id.clone(), standing);
        true
    });
}

/// Why a plugin must not run, until someone changes something.
pub(crate) fn bar(shared: &Shared, record: &PluginRecord) -> Option<Failure> {
    let refusals = shared.policy.judge(&record.manifest, &record.admission);
    if !refusals.is_empty() {
        let hint = if refusals
            .iter()
            .all(|refusal| refusal.missing_permission().is_some())
        {
            "set the grants of the plugin so that they have it"
        } else {
            "the host's policy would have to allow it"
        };
        let failure = Failure::new(
            FailureCause::NotPermitted,
            format!("is not permitted: it {}", words(&refusals)),
        );
        return Some(failure.with_hint(hint));
    }
    if let Some(failure) = unisolated(shared, record) {
        return Some(failure);
    }
    let board = shared.board.borrow();
    let circle = circle(record.manifest.id(), record.manifest.depends_on(), &board)?;
    let failure = Failure::new(FailureCause::Dependency, format!("depends on itself: {circle}"));
    Some(
        failure
            .with_hint("uninstall one of them, or update one to a version that does not depend on the next"),
    )
}

/// Why a plugin is kept down that would reach others, or be reached.
fn unisolated(shared: &Shared, record: &PluginRecord) -> Option<Failure> {
    if shared.policy.then_on_lost_isolation() != LostIsolation::StopPlugins {
        return None;
    }
    let isolation = shared.isolation.borrow();
    let loss = isolation.loss()?;
    let network = if record.manifest.network_access() {
        NetworkMode::Outbound
    } else {
        NetworkMode::Isolated
    };
    loss.concerns(network).then(|| {
        let message = format!(
            "is kept down, because plugins are not kept apart: {}",
            loss.message
        );
        Failure::new(FailureCause::IsolationLost, message).with_hint(loss.hint.clone())
    })
}

/// Refuses to take a plugin away from those that need it.
pub(crate) fn refuse_if_needed(shared: &Shared, id: &PluginId) -> Result<(), Error> {
    let needed_by = needed_by(id, &shared.board.borrow());
    if needed_by.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = needed_by.iter().map(PluginId::as_str).collect();
    let message = format!(
        "it is needed by {}: uninstall that first, or say that it goes even if it is needed",
        names.join(", ")
    );
    Err(Error::new(ErrorKind::Dependency, message).with_plugin(id))
}
