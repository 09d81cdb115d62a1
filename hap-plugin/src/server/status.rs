//! `GET /status`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use hap_manifest::wire::StatusReport;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use crate::api::{Plugin, StatusType as _};
use crate::error::{Fault, Result};
use crate::server::bounded::{bounded, timed_out};
use crate::server::service::{GRACE, Service};
use crate::telemetry::RequestContext;

pub(super) async fn answer<P: Plugin>(
    State(service): State<Arc<Service<P>>>,
    Extension(request_context): Extension<Arc<RequestContext>>,
) -> Result<Json<StatusReport>> {
    Ok(Json(service.status_now(request_context).await?))
}

impl<P: Plugin> Service<P> {
    async fn status_now(self: Arc<Self>, request_context: Arc<RequestContext>) -> Result<StatusReport> {
        self.lifecycle.check_ready()?;
        let slot = Self::slot(&self.status_slots, "status requests")?;
        let begun = Instant::now();
        let deadline = request_context.deadline(begun, self.limits.command_timeout);
        let service = Arc::clone(&self);
        let ask = async move {
            let cx = service.cx.of_request(request_context, deadline);
            let ended = bounded(
                &|| "the status".to_owned(),
                Instant::now()..deadline,
                &service.kill,
                service.plugin.status(&cx),
            )
            .await;
            drop(slot);
            let shown = ended
                .into_result()
                .map_err(|fault| fault.cleaned(service.redactor()))?;
            let data = shown.written()?;
            Ok(StatusReport::new(cx.plugin_id(), "running", data))
        };
        // A task of its own, so that a status that blocks its thread still meets the deadline here;
        // a caller that goes away ends it.
        let running = AbortOnDropHandle::new(self.tasks.spawn(ask.in_current_span()));
        match tokio::time::timeout_at(deadline + GRACE, running).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => Err(Fault::internal(error)),
            Err(_) => Err(timed_out(deadline - begun)),
        }
    }
}
