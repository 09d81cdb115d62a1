use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::stream;
use hap_manifest::PluginId;
use tokio::sync::broadcast::{self, error::RecvError};

use super::{
    identity::Identity,
    record::{Record, Run},
};
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    observed::ContainerId,
    stream::{EngineEvent, EngineEventKind, EngineStream},
};

/// Events that a slow reader may be behind before it is told that it missed some.
const BACKLOG: usize = 1024;

/// Turns what is seen of containers into events, each told once whoever saw it first.
#[derive(Debug)]
pub(super) struct News {
    sender: broadcast::Sender<(String, EngineEvent)>,
    known: Mutex<HashMap<ContainerId, Known>>,
}

#[derive(Debug)]
struct Known {
    instance: String,
    plugin: PluginId,
    /// The process of the last run.
    process: Option<Identity>,
    running: bool,
}

impl News {
    /// Begins with what exists, which is no news.
    pub(super) fn new(records: &[Record]) -> Self {
        let news = Self {
            sender: broadcast::Sender::new(BACKLOG),
            known: Mutex::default(),
        };
        for record in records {
            // Nobody listens yet.
            news.saw(record);
        }
        news
    }

    pub(super) fn known(&self) -> Vec<ContainerId> {
        self.lock().keys().cloned().collect()
    }

    /// Takes in what a record says.
    pub(super) fn saw(&self, record: &Record) {
        let mut all = self.lock();
        let known = all.entry(record.container()).or_insert_with(|| Known {
            instance: record.instance.clone(),
            plugin: record.plugin.clone(),
            process: None,
            running: false,
        });
        let kind = match &record.run {
            // A record that was read before the run was seen to end is old.
            Run::Running { process, .. } if known.process.as_ref() != Some(process) => {
                known.process = Some(process.clone());
                known.running = true;
                EngineEventKind::Started
            }
            Run::Ended { process, .. } if known.running || known.process != *process => {
                known.process.clone_from(process);
                known.running = false;
                EngineEventKind::Died
            }
            _ => return,
        };
        self.tell(known, record.container(), kind);
    }

    pub(super) fn removed(&self, id: &ContainerId) {
        let known = self.lock().remove(id);
        if let Some(known) = known {
            self.tell(&known, id.clone(), EngineEventKind::Removed);
        }
    }

    fn tell(&self, known: &Known, id: ContainerId, kind: EngineEventKind) {
        let event = EngineEvent::new(known.plugin.clone(), id, kind);
        // Nobody listening is fine.
        let _ = self.sender.send((known.instance.clone(), event));
    }

    pub(super) fn subscribe(&self, instance: &InstanceName) -> EngineStream<EngineEvent> {
        let wanted = instance.as_str().to_owned();
        let state = Some((self.sender.subscribe(), wanted));
        Box::pin(stream::unfold(state, |state| async move {
            let (mut receiver, wanted) = state?;
            loop {
                match receiver.recv().await {
                    Ok((instance, event)) if instance == wanted => {
                        return Some((Ok(event), Some((receiver, wanted))));
                    }
                    Ok(_) => {}
                    Err(RecvError::Closed) => return None,
                    Err(RecvError::Lagged(missed)) => {
                        let message = format!("{missed} events came faster than they were read");
                        let error = EngineError::new(
                            EngineErrorKind::Unavailable,
                            "events",
                            wanted.as_str(),
                            message,
                        );
                        return Some((Err(error), None));
                    }
                }
            }
        }))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ContainerId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
