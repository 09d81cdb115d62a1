//! `POST /config`, and the configuration at start.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Request, State};
use bytes::Bytes;
use hap_manifest::wire::ConfigAck;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::Service;
use crate::body::{from_json, read_json_body};
use crate::config_file::ConfigFile;
use crate::guard::bounded;
use crate::origin::Origin;
use crate::refusal::Refusal;
use crate::{Context, Fault, Plugin, Result};

pub(super) async fn answer<P: Plugin>(
    State(service): State<Arc<Service<P>>>,
    Extension(origin): Extension<Arc<Origin>>,
    request: Request,
) -> Result<Json<ConfigAck>, Refusal> {
    // Before the check: a stop that begins now waits for this configuration.
    let token = service.tasks.token();
    service.lifecycle.check_ready()?;
    let body = read_json_body(request, service.limits.body_bytes).await?;
    let config: P::Config = from_json(&body, "invalid_config")?;
    service.lifecycle.check_ready()?;
    let slot = Service::<P>::slot(&service.config_slots, "configurations")?;

    // Detached like a command: the plugin and the disk must agree even if the caller goes away half way.
    let worker = Arc::clone(&service);
    let apply = async move {
        let deadline = origin.deadline(worker.limits.command_timeout);
        let cx = worker.cx.of_request(origin, deadline);
        let result = worker.apply(config, body, &cx, deadline).await;
        let result = result.map_err(Fault::into_logged);
        drop(slot);
        match &result {
            Ok(()) => tracing::info!("configuration accepted"),
            Err(fault) => tracing::warn!(code = fault.code(), "configuration refused"),
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

impl<P: Plugin> Service<P> {
    async fn apply(&self, config: P::Config, body: Bytes, cx: &Context, deadline: Instant) -> Result<()> {
        let _turn = self.config_turn.acquire().await?;
        let staged = match &self.config_file {
            Some(file) => Some(file.stage(body.into()).await.map_err(not_saved)?),
            None => None,
        };
        let ended = bounded(deadline, &self.kill, self.plugin.configure(cx, config))
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
        self.lifecycle.set_complaint(None);
        Ok(())
    }

    /// Hands the saved configuration to the plugin. If that fails the plugin runs without it and says so.
    pub(super) async fn restore_config(&self) {
        let Some(file) = &self.config_file else { return };
        match self.restore(file).await {
            Ok(false) => {}
            Ok(true) => tracing::info!("the saved configuration is in force again"),
            Err(fault) => {
                tracing::error!(
                    code = fault.code(),
                    "the saved configuration is not in force: {}",
                    fault.report()
                );
                let complaint = format!("the saved configuration is not in force: {}", fault.message());
                self.lifecycle.set_complaint(Some(complaint));
            }
        }
    }

    async fn restore(&self, file: &ConfigFile) -> Result<bool> {
        let Some(content) = file.load().await? else {
            return Ok(false);
        };
        let config = from_json(&content, "invalid_config")?;
        let _turn = self.config_turn.acquire().await?;
        let configure = self.plugin.configure(&self.cx, config);
        let deadline = Instant::now() + self.limits.command_timeout;
        bounded(deadline, &self.kill, configure).await.into_result()?;
        Ok(true)
    }
}

fn not_saved(error: std::io::Error) -> Fault {
    Fault::new(500, "config_not_saved", "the configuration could not be saved").with_cause(error)
}
