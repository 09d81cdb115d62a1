//! `POST /config`, and the configuration at start.

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Request, State};
use bytes::Bytes;
use hap_manifest::wire::ConfigAck;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::api::{Context, Plugin};
use crate::config::{Candidate, ConfigFile};
use crate::error::{Fault, Result, StartError};
use crate::server::body::read_json_body;
use crate::server::bounded::bounded;
use crate::server::service::Service;
use crate::telemetry::{Redactor, RequestContext};

pub(super) async fn answer<P: Plugin>(
    State(service): State<Arc<Service<P>>>,
    Extension(request_context): Extension<Arc<RequestContext>>,
    request: Request,
) -> Result<Json<ConfigAck>> {
    // Before the check: a stop that begins now waits for this configuration.
    let token = service.tasks.token();
    service.lifecycle.check_ready()?;
    let body = read_json_body(request, service.limits.body_bytes, &service.shutdown).await?;
    let candidate = service
        .config
        .candidate(&body)
        .inspect_err(|fault| log_refusal(fault, service.redactor()))?;
    service.lifecycle.check_ready()?;
    let slot = Service::<P>::slot(&service.config_slots, "configurations")?;

    // Detached like a command: the plugin and the disk must agree even if the caller goes away half
    // way.
    let worker = Arc::clone(&service);
    let apply = async move {
        let deadline = request_context.deadline(Instant::now(), worker.limits.command_timeout);
        let cx = worker.cx.of_request(request_context, deadline);
        let result = worker.apply(candidate, body, &cx, deadline).await;
        let result = result.map_err(|fault| fault.into_logged().cleaned(worker.redactor()));
        drop(slot);
        match &result {
            Ok(()) => tracing::info!("configuration accepted"),
            Err(fault) => log_refusal(fault, worker.redactor()),
        }
        result
    };
    let running = service.tasks.spawn(apply.in_current_span());
    drop(token);
    running
        .await
        .unwrap_or_else(|error| Err(Fault::internal(error)))?;
    Ok(Json(ConfigAck::default()))
}

/// Not the message: it may repeat settings, and those may be secret.
fn log_refusal(fault: &Fault, redactor: &Redactor) {
    tracing::warn!(
        code = fault.code(),
        path = fault.path_for_log(redactor),
        reason = fault.reason_for_log(),
        "configuration refused"
    );
}

impl<P: Plugin> Service<P> {
    async fn apply(
        &self,
        candidate: Candidate<P::Config>,
        body: Bytes,
        cx: &Context,
        deadline: Instant,
    ) -> Result<()> {
        let _turn = self.config_turn.acquire().await?;
        let file = self.config.file().map(ConfigFile::path);
        let not_saved = |error| not_saved(file.unwrap_or(Path::new("")), error);
        let staged = match self.config.file() {
            Some(file) => Some(file.stage(body.into()).await.map_err(not_saved)?),
            None => None,
        };
        let (given, accepted) = candidate.split();
        let ended = bounded(
            &name,
            Instant::now()..deadline,
            &self.kill,
            self.plugin.configure(cx, given),
        )
        .await
        .into_result();
        match (ended, staged) {
            (Ok(()), Some(staged)) => ConfigFile::commit(staged).await.map_err(not_saved)?,
            (Ok(()), None) => {}
            (Err(fault), staged) => {
                if let Some(staged) = staged
                    && let Err(error) = ConfigFile::discard(staged).await
                {
                    tracing::warn!(%error, "a refused configuration stays on disk under a temporary name");
                }
                return Err(fault);
            }
        }
        // Only what is on disk is in force: the plugin does not act by settings that the next start
        // does not know.
        self.config.put_in_force(accepted);
        self.lifecycle.set_complaint(None);
        Ok(())
    }

    /// Puts in force what the plugin begins with, as far as the type can judge it, so that its
    /// start can read it.
    ///
    /// Returns the saved configuration, if it fits the type.
    pub(super) async fn load_config(&self) -> Option<Vec<u8>> {
        if !Self::has_config() {
            return None;
        }
        self.fall_back();
        let saved = match self.config.file()?.load().await {
            Ok(saved) => saved?,
            Err(error) => {
                let problem = format!("it cannot be read: {error}");
                self.complain(&Fault::new(500, "config_not_read", problem));
                return None;
            }
        };
        match self.config.saved_candidate(&saved) {
            Ok(candidate) => {
                self.config.put_in_force(candidate.split().1);
                Some(saved)
            }
            Err(fault) => {
                self.complain(&fault);
                None
            }
        }
    }

    /// Hands the plugin what it begins with: the saved configuration, or that of the environment.
    ///
    /// If the plugin refuses the saved one it runs without it and says so; what the environment
    /// says has to fit.
    pub(super) async fn begin_config(&self, saved: Option<Vec<u8>>) -> Result<(), StartError> {
        if let Some(saved) = saved {
            let ended = match self.config.saved_candidate(&saved) {
                Ok(candidate) => self.configure_at_start(candidate.split().0).await,
                Err(fault) => Err(fault),
            };
            match ended {
                Ok(()) => {
                    tracing::info!("the saved configuration is in force again");
                    return Ok(());
                }
                Err(fault) => {
                    self.complain(&fault);
                    self.fall_back();
                }
            }
        }
        let (Some(variables), Ok(candidate)) = (self.config.variables(), self.config.without_request())
        else {
            return Ok(());
        };
        self.configure_at_start(candidate.split().0)
            .await
            .map_err(|fault| {
                let problem = format!(
                    "{variables}: the plugin refuses this configuration: {}",
                    fault.report_with_place()
                );
                StartError::of_fault(&fault, problem)
            })
    }

    async fn configure_at_start(&self, given: P::Config) -> Result<()> {
        let _turn = self.config_turn.acquire().await?;
        let begun = Instant::now();
        let deadline = begun + self.limits.command_timeout;
        bounded(
            &name,
            begun..deadline,
            &self.kill,
            self.plugin.configure(&self.cx, given),
        )
        .await
        .into_result()
    }

    /// Puts in force what holds when nobody has sent a configuration.
    fn fall_back(&self) {
        match self.config.without_request() {
            Ok(candidate) => self.config.put_in_force(candidate.split().1),
            Err(mismatch) => {
                tracing::info!("there is no configuration yet ({mismatch}); POST /config brings one");
                self.config.put_out_of_force();
            }
        }
    }

    fn complain(&self, fault: &Fault) {
        let file = self.config.file().map(|file| file.path().display().to_string());
        let file = file.unwrap_or_default();
        // What has failed for another reason than its content would not be mended by another
        // content.
        let remedy = if (400..500).contains(&fault.status()) {
            "; POST /config with a whole new one repairs it"
        } else {
            ""
        };
        let complaint = |why: &str| format!("the saved configuration {file} is not in force: {why}{remedy}");
        tracing::error!(code = fault.code(), "{}", complaint(&fault.report_with_place()));
        let complaint = complaint(fault.message());
        self.lifecycle
            .set_complaint(Some(self.redactor().clean(complaint).into_owned()));
    }
}

fn name() -> String {
    "the configuration".to_owned()
}

fn not_saved(file: &Path, error: std::io::Error) -> Fault {
    let message = format!("the configuration could not be saved to {}", file.display());
    Fault::new(500, "config_not_saved", message).with_cause(error)
}
