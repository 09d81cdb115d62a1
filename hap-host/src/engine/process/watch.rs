use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use super::{
    error::{self, blocking},
    folder::Attempt,
    inspect,
    record::Record,
    shared::Shared,
    spool,
};
use crate::engine::error::EngineError;

/// How often to look for what no other task of this host sees, and for new output.
const PERIOD: Duration = Duration::from_millis(200);

/// Looks at the folder as long as the engine value lives: for adopted processes, for changes by
/// other hosts, and for output to move to the logs.
#[derive(Debug, Default)]
pub(super) struct Watcher(Mutex<Option<JoinHandle<()>>>);

impl Watcher {
    /// Begins to watch unless it does already. Outside a runtime there is nothing to watch for yet.
    pub(super) fn ensure(&self, shared: &Arc<Shared>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let mut task = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            *task = Some(runtime.spawn(watch(Arc::clone(shared))));
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let task = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task {
            task.abort();
        }
    }
}

async fn watch(shared: Arc<Shared>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = tick(&shared).await {
            tracing::warn!(%error, "the state folder cannot be read");
        }
    }
}

async fn tick(shared: &Arc<Shared>) -> Result<(), EngineError> {
    let on = Arc::clone(shared);
    let behind = blocking("watch", move || {
        // Before the list: a container that is made in between is not on it, and is
        // not gone either.
        let known = on.news.known();
        let records = on
            .folder
            .all()
            .map_err(|error| error::file("watch", on.folder.root(), error))?;
        let listed: HashSet<_> = records.iter().map(Record::container).collect();
        for id in known.iter().filter(|id| !listed.contains(id)) {
            on.secrets.forget(id);
            on.news.removed(id);
        }
        let mut behind = Vec::new();
        for record in &records {
            on.news.saw(record);
            if record.is_behind() {
                behind.push(record.container());
            } else if record.process().is_some() {
                collect(&on, record);
            }
        }
        Ok(behind)
    })
    .await?;
    // Whoever holds a lock now changes the record, and the next look sees it.
    let looks = behind.iter().map(|id| inspect::at(shared, "watch", id));
    for error in join_all(looks).await.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "a container could not be looked at");
    }
    Ok(())
}

/// Moves output to the log, unless somebody else does it or changes the container.
fn collect(shared: &Shared, record: &Record) {
    let collected = match shared.folder.try_lock(&record.container()) {
        Ok(Attempt::Locked(lock)) => spool::collect(&lock, record.rotation(), false),
        Ok(Attempt::Busy | Attempt::Absent) => return,
        Err(error) => Err(error),
    };
    if let Err(error) = collected {
        tracing::warn!(plugin = %record.plugin, %error, "output was not moved to the log");
    }
}
