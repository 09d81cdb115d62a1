use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use hap_manifest::ImageRef;
use tokio::sync::watch;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::retry::with_retries;
use crate::engine::{
    Engine, ImageId, deadline,
    error::{EngineError, EngineErrorKind},
    progress::{Progress, ProgressSink},
};

/// Pulls images, each once at a time: a second caller waits for the pull of the first, and shares
/// what comes of it. A pull is given up when nobody waits for it any more.
#[derive(Clone)]
pub(crate) struct Pulls(Arc<Inner>);

struct Inner {
    engine: Arc<dyn Engine>,
    tasks: TaskTracker,
    cancel: CancellationToken,
    flights: Mutex<BTreeMap<String, Weak<Flight>>>,
}

/// A pull that is under way. Lives as long as somebody waits for it.
struct Flight {
    listeners: Mutex<Listeners>,
    landed: watch::Receiver<Option<Landed>>,
    _given_up_when_dropped: DropGuard,
}

/// Shared, because it goes to everybody who waited.
type Landed = Result<ImageId, Arc<EngineError>>;

#[derive(Default)]
struct Listeners {
    sinks: Vec<ProgressSink>,
    /// The most that was told, over all tries: a count never falls.
    done: u64,
    total: u64,
}

impl Pulls {
    pub(crate) fn new(engine: Arc<dyn Engine>, tasks: TaskTracker, cancel: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            engine,
            tasks,
            cancel,
            flights: Mutex::default(),
        }))
    }

    /// Pulls an image, or waits for whoever pulls it already.
    ///
    /// Dropping the future gives the pull up unless another caller waits for it too.
    pub(crate) async fn pull(&self, image: &ImageRef, progress: ProgressSink) -> Landed {
        let flight = self.join(image, progress);
        let mut landed = flight.landed.clone();
        match landed.wait_for(Option::is_some).await {
            Ok(result) => result.clone().unwrap_or_else(|| Err(ended(image))),
            Err(_) => Err(ended(image)),
        }
    }

    fn join(&self, image: &ImageRef, progress: ProgressSink) -> Arc<Flight> {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(image.as_str()).and_then(Weak::upgrade)
            && flight.landed.borrow().is_none()
        {
            flight.listeners().sinks.push(progress);
            return flight;
        }
        let (land, landed) = watch::channel(None);
        let given_up = self.0.cancel.child_token();
        let flight = Arc::new(Flight {
            listeners: Mutex::new(Listeners {
                sinks: vec![progress],
                ..Listeners::default()
            }),
            landed,
            _given_up_when_dropped: given_up.clone().drop_guard(),
        });
        flights.insert(image.as_str().to_owned(), Arc::downgrade(&flight));
        let (this, image, of) = (self.clone(), image.clone(), Arc::downgrade(&flight));
        self.0.tasks.spawn(async move {
            let result = tokio::select! {
                () = given_up.cancelled() => Err(ended(&image)),
                result = this.fly(&image, Weak::clone(&of)) => result.map_err(Arc::new),
            };
            let mut flights = this.flights();
            if flights.get(image.as_str()).is_some_and(|known| known.ptr_eq(&of)) {
                flights.remove(image.as_str());
            }
            land.send_replace(Some(result));
        });
        flight
    }

    async fn fly(&self, image: &ImageRef, of: Weak<Flight>) -> Result<ImageId, EngineError> {
        let told = Weak::clone(&of);
        let note = move |error: &EngineError, pause: std::time::Duration| {
            tracing::warn!(%error, ?pause, "a pull is tried again");
            if let Some(flight) = told.upgrade() {
                flight.tell(Progress::Step(format!("{error}; tried again in {pause:.1?}")));
            }
        };
        let sink = ProgressSink::new(move |progress| {
            if let Some(flight) = of.upgrade() {
                flight.tell(progress);
            }
        });
        with_retries(deadline::IMAGE, note, || self.0.engine.pull(image, sink.clone())).await
    }

    fn flights(&self) -> MutexGuard<'_, BTreeMap<String, Weak<Flight>>> {
        // Each change is one insertion or removal, so a panic elsewhere leaves nothing half done.
        self.0.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, progress: Progress) {
        let (progress, sinks) = {
            let mut listeners = self.listeners();
            let progress = match progress {
                Progress::Bytes { done, total } => {
                    listeners.done = listeners.done.max(done);
                    listeners.total = listeners.total.max(total);
                    Progress::Bytes {
                        done: listeners.done,
                        total: listeners.total,
                    }
                }
                other => other,
            };
            (progress, listeners.sinks.clone())
        };
        // Outside of the lock: whoever listens may ask for the same image.
        for sink in sinks {
            sink.report(progress.clone());
        }
    }
}

fn ended(image: &ImageRef) -> Arc<EngineError> {
    let message = "the pull was given up, because the supervisor shuts down";
    Arc::new(EngineError::new(
        EngineErrorKind::Unavailable,
        "pull",
        image.as_str(),
        message,
    ))
}

impl fmt::Debug for Pulls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pulls")
            .field("under_way", &self.flights().keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
