use std::{sync::Arc, time::Duration};

use rustix::process::Signal;
use tokio::time::Instant;

use super::{
    error::{self, blocking},
    identity::{Identity, Life},
    inspect,
    shared::Shared,
};
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    observed::ContainerId,
};

const POLL: Duration = Duration::from_millis(10);
/// How long the kernel may take to end what was killed.
const KILL_DEADLINE: Duration = Duration::from_secs(10);
/// A grace may be any length; the clock counts no further than it can.
const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A container that is gone is down, too.
pub(super) async fn stop(shared: &Arc<Shared>, id: &ContainerId, grace: Duration) -> Result<(), EngineError> {
    let Some(process) = running(shared, "stop", id).await? else {
        return Ok(());
    };
    let stopping = shared.stopping(id);
    process.signal_group(Signal::TERM);
    // A frozen process hears of the request only when it goes on.
    process.signal_group(Signal::CONT);
    until_down(&process, grace).await?;
    drop(stopping);
    end(shared, "stop", id, &process).await
}

pub(super) async fn kill(shared: &Arc<Shared>, id: &ContainerId) -> Result<(), EngineError> {
    match running(shared, "kill", id).await? {
        Some(process) => end(shared, "kill", id, &process).await,
        None => Ok(()),
    }
}

pub(super) async fn remove(shared: &Arc<Shared>, id: &ContainerId) -> Result<(), EngineError> {
    if let Some(process) = running(shared, "remove", id).await? {
        end(shared, "remove", id, &process).await?;
    }
    if let Some(lock) = shared.folder.lock("remove", id).await? {
        let (shared, id) = (Arc::clone(shared), id.clone());
        blocking("remove", move || {
            let io = |error| error::file("remove", lock.folder(), error);
            let Some(record) = shared.folder.find(&id).map_err(io)? else {
                return Ok(());
            };
            if record.process().is_some() {
                return Err(EngineError::new(
                    EngineErrorKind::Conflict,
                    "remove",
                    id.to_string(),
                    "it was started in between",
                ));
            }
            super::writers::sweep(&lock);
            shared.folder.remove_container(&record.name).map_err(io)
        })
        .await?;
    }
    shared.secrets.forget(id);
    shared.news.removed(id);
    Ok(())
}

async fn running(
    shared: &Arc<Shared>,
    operation: &'static str,
    id: &ContainerId,
) -> Result<Option<Identity>, EngineError> {
    let sight = inspect::at(shared, operation, id).await?;
    Ok(sight.and_then(|sight| sight.record.process().cloned()))
}

/// Kills what is left of a run and waits until its end is on record.
async fn end(
    shared: &Arc<Shared>,
    operation: &'static str,
    id: &ContainerId,
    process: &Identity,
) -> Result<(), EngineError> {
    process.signal_group(Signal::KILL);
    if !until_down(process, KILL_DEADLINE).await? {
        let message = format!("process {} does not end although it was killed", process.pid());
        return Err(EngineError::new(
            EngineErrorKind::Failed,
            operation,
            id.to_string(),
            message,
        ));
    }
    sweep(shared, operation, id, process).await?;
    inspect::at(shared, operation, id).await.map(|_| ())
}

/// Kills what left the group of a run and still writes to the container's output,
/// until nothing does.
async fn sweep(
    shared: &Arc<Shared>,
    operation: &'static str,
    id: &ContainerId,
    process: &Identity,
) -> Result<(), EngineError> {
    let deadline = Instant::now() + KILL_DEADLINE;
    while let Some(lock) = shared.folder.lock(operation, id).await? {
        let (folder, id_again, process) = (shared.folder.clone(), id.clone(), process.clone());
        let is_swept = blocking(operation, move || {
            let record = folder
                .find(&id_again)
                .map_err(|error| error::file(operation, folder.root(), error))?;
            // Whoever heard of the end may have started the next run, which swept before it began.
            let same = record.is_some_and(|record| record.is_run_of(&process));
            Ok(!same || super::writers::sweep(&lock))
        });
        if is_swept.await? {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let message = "a process that the plugin started does not end although it was killed";
            return Err(EngineError::new(
                EngineErrorKind::Failed,
                operation,
                id.to_string(),
                message,
            ));
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Waits until no process of the group lives. `false` when one still does after `limit`.
async fn until_down(process: &Identity, limit: Duration) -> Result<bool, EngineError> {
    let deadline = Instant::now() + limit.min(LONGEST_WAIT);
    loop {
        let of = process.clone();
        let is_down = move || Ok(of.life() == Life::Gone && of.group().is_empty());
        if blocking("stop", is_down).await? {
            return Ok(true);
        }
        let now = Instant::now();
        if now >= deadline {
            return Ok(false);
        }
        tokio::time::sleep(POLL.min(deadline - now)).await;
    }
}
