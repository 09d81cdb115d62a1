use std::{
    collections::VecDeque,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time,
};

use super::error;
use crate::error::{Error, ErrorKind};

/// Jobs that may wait at once; further callers wait for a place.
const SLOTS: usize = 256;
/// How long a caller waits for a place and the answer together, so that a dying disk hangs nobody.
const DEADLINE: Duration = Duration::from_secs(30);

/// Runs the jobs of a [`Lane`], one run at a time.
pub(super) trait Worker: Send + 'static {
    type Job: Send + 'static;

    /// Runs what is queued, in order. All at once, so that jobs can share a transaction.
    fn run(&mut self, jobs: Vec<Self::Job>);
}

/// A bounded queue of jobs in front of one worker that blocks.
///
/// The queue is worked off by one task of the runtime's blocking pool, started when a job
/// arrives and ended when none is left. Compared to a thread of its own: an idle store holds no
/// thread, there is none to join in Drop, and under tokio's paused clock time stands still while
/// the disk works.
pub(super) struct Lane<W: Worker>(Arc<Shared<W>>);

/// A way back to a [`Lane`] that does not keep it.
pub(super) struct WeakLane<W: Worker>(Weak<Shared<W>>);

struct Shared<W: Worker> {
    runtime: Handle,
    slots: Arc<Semaphore>,
    queue: Mutex<Queue<W::Job>>,
    /// What a failure is about.
    folder: PathBuf,
    /// Locked only in the blocking pool. `None` once closed.
    worker: Mutex<Option<W>>,
}

struct Queue<J> {
    jobs: VecDeque<(J, OwnedSemaphorePermit)>,
    /// A task is on its way or at work, and will see what is pushed.
    draining: bool,
}

impl<W: Worker> Lane<W> {
    pub(super) fn new(worker: W, folder: &Path) -> Self {
        Self(Arc::new(Shared {
            runtime: Handle::current(),
            slots: Arc::new(Semaphore::new(SLOTS)),
            queue: Mutex::new(Queue {
                jobs: VecDeque::new(),
                draining: false,
            }),
            folder: folder.to_owned(),
            worker: Mutex::new(Some(worker)),
        }))
    }

    /// Queues a job and waits for what it answers.
    ///
    /// Dropped before the job is queued, nothing happens; dropped later, the job is still done.
    pub(super) async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> W::Job,
    ) -> Result<T, Error> {
        let answer = async {
            let slot = Arc::clone(&self.0.slots)
                .acquire_owned()
                .await
                .map_err(|_| error::closed())?;
            let (reply, answer) = oneshot::channel();
            self.0.push(job(reply), slot);
            answer.await.map_err(|_| error::closed())?
        };
        let answer = match time::timeout(DEADLINE, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::new(
                ErrorKind::Timeout,
                format!(
                    "the disk did not answer within {} s; a change may still happen",
                    DEADLINE.as_secs()
                ),
            )),
        };
        answer.map_err(|error| error.in_state_folder(&self.0.folder))
    }

    pub(super) fn downgrade(&self) -> WeakLane<W> {
        WeakLane(Arc::downgrade(&self.0))
    }

    /// Takes no more jobs, finishes those queued and drops the worker.
    pub(super) async fn close(&self) {
        self.0.slots.close();
        let shared = Arc::clone(&self.0);
        let closing = self.0.runtime.spawn_blocking(move || {
            let mut worker = lock(&shared.worker);
            if let Some(worker) = worker.as_mut() {
                shared.drain(worker);
            }
            worker.take();
        });
        if let Err(error) = closing.await {
            tracing::warn!(%error, "the store did not close in order");
        }
    }
}

impl<W: Worker> Shared<W> {
    fn push(self: &Arc<Self>, job: W::Job, slot: OwnedSemaphorePermit) {
        let start = {
            let mut queue = lock(&self.queue);
            queue.jobs.push_back((job, slot));
            !std::mem::replace(&mut queue.draining, true)
        };
        if start {
            // Made here and not in the task: a runtime that shuts down drops the task unrun, and
            // its callers must learn of it.
            let drain = Drain {
                shared: Arc::clone(self),
                done: false,
            };
            self.runtime.spawn_blocking(move || drain.run());
        }
    }

    fn drain(&self, worker: &mut W) {
        loop {
            let (jobs, slots): (Vec<_>, Vec<_>) = {
                let mut queue = lock(&self.queue);
                if queue.jobs.is_empty() {
                    queue.draining = false;
                    return;
                }
                queue.jobs.drain(..).unzip()
            };
            worker.run(jobs);
            drop(slots);
        }
    }
}

/// One run over the queue. However it ends, nobody is left waiting.
struct Drain<W: Worker> {
    shared: Arc<Shared<W>>,
    done: bool,
}

impl<W: Worker> Drain<W> {
    fn run(mut self) {
        if let Some(worker) = lock(&self.shared.worker).as_mut() {
            self.shared.drain(worker);
            self.done = true;
        }
    }
}

impl<W: Worker> Drop for Drain<W> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        // Never run, closed, or a job panicked: the callers of what is left see their
        // channel closed.
        let left = {
            let mut queue = lock(&self.shared.queue);
            queue.draining = false;
            std::mem::take(&mut queue.jobs)
        };
        drop(left);
    }
}

impl<W: Worker> Clone for Lane<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: Worker> WeakLane<W> {
    pub(super) fn upgrade(&self) -> Option<Lane<W>> {
        self.0.upgrade().map(Lane)
    }
}

impl<W: Worker> Clone for WeakLane<W> {
    fn clone(&self) -> Self {
        Self(Weak::clone(&self.0))
    }
}

impl<W: Worker> fmt::Debug for WeakLane<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakLane")
    }
}

impl<W: Worker> fmt::Debug for Lane<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("free_slots", &self.0.slots.available_permits())
            .finish_non_exhaustive()
    }
}

/// A job that panicked says nothing about the state behind the lock: transactions roll
/// back when dropped.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
