use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    error::{self, blocking},
    folder::Lock,
    identity::{self, Identity, Stat},
    record::{Record, Run, unseen},
    shared::Shared,
    spool,
};
use crate::engine::{
    error::EngineError,
    observed::{ContainerId, Exit, Observed},
};

/// How long a living host may take to write down how its process ended.
const OWNER_GRACE: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(10);

/// A container as its record and its process agree on it.
#[derive(Debug)]
pub(super) struct Sight {
    pub(super) record: Record,
    pub(super) observed: Observed,
}

/// Looks at a container, and brings its record up to date first. `None` when there is no
/// such container.
pub(super) async fn at(
    shared: &Arc<Shared>,
    operation: &'static str,
    id: &ContainerId,
) -> Result<Option<Sight>, EngineError> {
    let deadline = Instant::now() + OWNER_GRACE;
    loop {
        let Some(record) = read(shared, operation, id).await? else {
            return Ok(None);
        };
        // One look decides: the process may end between two.
        if let Some(observed) = record.observed() {
            return Ok(Some(Sight { record, observed }));
        }
        // Whoever started the process hears its exit code, so that host goes first.
        let owned = match &record.run {
            Run::Running { owner, .. } => owner.as_ref().is_some_and(Identity::is_alive),
            _ => false,
        };
        if owned && Instant::now() < deadline {
            tokio::time::sleep(POLL).await;
        } else {
            settle(shared, operation, id, record.run).await?;
        }
    }
}

async fn read(
    shared: &Arc<Shared>,
    operation: &'static str,
    id: &ContainerId,
) -> Result<Option<Record>, EngineError> {
    let (folder, id) = (shared.folder.clone(), id.clone());
    blocking(operation, move || {
        folder
            .find(&id)
            .map_err(|error| error::file(operation, folder.root(), error))
    })
    .await
}

/// Writes down how a run ended.
pub(super) async fn record_end(
    shared: &Arc<Shared>,
    id: &ContainerId,
    process: &Identity,
    exit: Exit,
) -> Result<(), EngineError> {
    let process = process.clone();
    change(shared, "wait", id, move |record, _| {
        let same = record.process() == Some(&process);
        if same {
            record.end(exit);
        }
        same
    })
    .await
}

/// Finds out the truth about a run whose host does not tell it, unless its record has moved on
/// since it was `seen`.
async fn settle(
    shared: &Arc<Shared>,
    operation: &'static str,
    id: &ContainerId,
    seen: Run,
) -> Result<(), EngineError> {
    change(shared, operation, id, move |record, lock| {
        // A start that has ended in between has a host that hears of its end.
        if record.run != seen {
            return false;
        }
        match &record.run {
            Run::Starting { at } => match leader(lock) {
                Some(process) => {
                    record.run = Run::Running {
                        process,
                        owner: None,
                        at: *at,
                    }
                }
                None => record.end(unseen("the host ended while it started the process")),
            },
            Run::Running { .. } if record.is_behind() => {
                super::writers::sweep(lock);
                record.end(unseen(
                    "it ended while no host was watching, so its exit code is not known",
                ));
            }
            _ => return false,
        }
        true
    })
    .await
}

/// The process that a host made right before it was killed.
fn leader(lock: &Lock) -> Option<Identity> {
    let [stdout, stderr] = spool::paths(lock.folder());
    identity::writers(&[&stdout, &stderr])
        .into_iter()
        .find(|pid| Stat::read(*pid).is_some_and(|stat| stat.group == *pid))
        .and_then(Identity::of)
}

/// Changes a record under its lock, when `work` says that there is something to change.
async fn change(
    shared: &Arc<Shared>,
    operation: &'static str,
    id: &ContainerId,
    work: impl FnOnce(&mut Record, &Lock) -> bool + Send + 'static,
) -> Result<(), EngineError> {
    let Some(lock) = shared.folder.lock(operation, id).await? else {
        return Ok(());
    };
    let (shared, id) = (Arc::clone(shared), id.clone());
    blocking(operation, move || {
        let io = |error| error::file(operation, lock.folder(), error);
        let Some(mut record) = shared.folder.find(&id).map_err(io)? else {
            return Ok(());
        };
        if !work(&mut record, &lock) {
            return Ok(());
        }
        // Before the end is told, because whoever hears of it reads the last lines.
        let ended = record.process().is_none();
        if let Err(error) = spool::collect(&lock, record.rotation(), ended) {
            tracing::warn!(container = %id, %error, "output was not moved to the log");
        }
        shared.folder.write(&record).map_err(io)?;
        shared.news.saw(&record);
        Ok(())
    })
    .await
}
