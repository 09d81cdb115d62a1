//! [`Service`]: a plugin together with what serves it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hap_manifest::wire::{CommandSet, HealthReport};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{Context, Health, Plugin};
use crate::config::Configuration;
use crate::decode::Bounds;
use crate::error::{Fault, StartError};
use crate::events::{self, Delivery};
use crate::server::lifecycle::Lifecycle;
use crate::server::openapi;
use crate::server::schemas::Schemas;
use crate::settings::{Limits, Settings};
use crate::telemetry::{Metrics, Redactor};

/// How much longer than the deadline a caller waits for work that blocks its thread and cannot be
/// dropped.
pub(super) const GRACE: Duration = Duration::from_secs(1);
/// Status requests answered at a time.
const STATUS_SLOTS: usize = 16;
/// Configurations that may wait for their turn.
const CONFIG_SLOTS: usize = 8;

pub(crate) struct Service<P: Plugin> {
    pub(super) plugin: P,
    pub(super) cx: Context,
    pub(super) limits: Limits,
    pub(super) lifecycle: Lifecycle,
    pub(super) metrics: Arc<Metrics>,
    pub(super) commands: CommandSet,
    pub(super) command_bounds: Option<Bounds>,
    // The health report of almost always.
    pub(super) all_is_well: Bytes,
    pub(super) describe: Bytes,
    pub(super) openapi: Bytes,
    pub(super) config: Configuration<P::Config>,
    pub(super) command_slots: Arc<Semaphore>,
    pub(super) status_slots: Arc<Semaphore>,
    pub(super) config_slots: Arc<Semaphore>,
    // One configuration at a time. A semaphore rather than a lock, since it is held while the
    // plugin works.
    pub(super) config_turn: Semaphore,
    // Work that goes on when its caller has gone.
    pub(super) tasks: TaskTracker,
    pub(super) shutdown: CancellationToken,
    pub(super) kill: CancellationToken,
    pub(super) delivery: Mutex<Option<Delivery>>,
}

impl<P: Plugin> Service<P> {
    /// Puts the parts together and starts the delivery of events. The plugin itself is not started
    /// yet.
    pub(crate) async fn assemble(
        plugin: P,
        settings: Settings,
        schemas: Schemas,
        config: Configuration<P::Config>,
    ) -> Result<Arc<Self>, StartError> {
        let metrics = Arc::new(Metrics::default());
        let (events, delivery) = events::start(&settings, &metrics).await.map_err(|error| {
            let problem = format!("events cannot be kept: {}", crate::telemetry::chain(&error));
            match error.kind() {
                std::io::ErrorKind::WouldBlock => StartError::passing(problem),
                _ => StartError::lasting(problem),
            }
        })?;
        settings.learn_secrets();
        let all_is_well = written(&HealthReport::new(Health::healthy().word(), &settings.id))?;
        let describe = written(&schemas.describe(&settings))?;
        let openapi = written(&openapi::document(&schemas, &settings))?;
        let (shutdown, kill) = (CancellationToken::new(), CancellationToken::new());
        let limits = settings.limits;
        Ok(Arc::new(Self {
            plugin,
            limits,
            lifecycle: Lifecycle::default(),
            metrics,
            command_bounds: schemas.command_bounds::<P>(),
            commands: schemas.into_commands(),
            all_is_well,
            describe,
            openapi,
            cx: Context::new(
                settings,
                events,
                Arc::clone(config.current()),
                shutdown.clone(),
                kill.clone(),
            ),
            config,
            command_slots: Arc::new(Semaphore::new(limits.concurrent_commands)),
            status_slots: Arc::new(Semaphore::new(STATUS_SLOTS)),
            config_slots: Arc::new(Semaphore::new(CONFIG_SLOTS)),
            config_turn: Semaphore::new(1),
            tasks: TaskTracker::new(),
            shutdown,
            kill,
            delivery: Mutex::new(Some(delivery)),
        }))
    }

    pub(super) fn redactor(&self) -> &Redactor {
        &self.cx.settings().redactor
    }

    pub(super) fn has_config() -> bool {
        !Configuration::<P::Config>::is_none()
    }

    /// Events that wait for the platform.
    #[cfg(feature = "testing")]
    pub(crate) fn pending_events(&self) -> u64 {
        self.metrics.pending()
    }

    /// A text without any of the plugin's secrets.
    #[cfg(feature = "testing")]
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        self.redactor().clean(text).into_owned()
    }

    /// A place for one more, or the refusal that says to come back.
    pub(super) fn slot(
        slots: &Arc<Semaphore>,
        what: &str,
    ) -> Result<tokio::sync::OwnedSemaphorePermit, Fault> {
        Arc::clone(slots).try_acquire_owned().map_err(|_| {
            Fault::new(429, "busy", format!("too many {what} at a time"))
                .with_retry_after(Duration::from_secs(1))
        })
    }
}

fn written(value: &impl Serialize) -> Result<Bytes, StartError> {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .map_err(|error| StartError::lasting(format!("the API's answers cannot be written: {error}")))
}

impl<P: Plugin> Drop for Service<P> {
    fn drop(&mut self) {
        self.shutdown.cancel();
        self.kill.cancel();
    }
}
