//! `POST /command`.

use std::sync::Arc;
use std::task::Poll;

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hap_manifest::wire::{CommandRequest, CommandResponse, CommandSet, DecodeError};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::Instrument as _;

use crate::api::{CommandType as _, Plugin, Reply};
use crate::decode::{Bounds, from_json, whole_numbers};
use crate::error::{Fault, Result};
use crate::server::body::read_json_body;
use crate::server::bounded::{begin, bounded, timed_out};
use crate::server::service::{GRACE, Service};
use crate::telemetry::{Outcome, Redactor, RequestContext, printable};

pub(super) async fn answer<P: Plugin>(
    service: &Arc<Service<P>>,
    request_context: Arc<RequestContext>,
    request: Request,
) -> Result<Response> {
    // Before the check: a stop that begins now waits for this command.
    let token = service.tasks.token();
    match service.accept(request).await {
        Ok(command) => Ok(Json(
            Arc::clone(service)
                .carry_out(command, request_context, token)
                .await?,
        )
        .into_response()),
        Err(fault) => {
            let turned_away = matches!(fault.status(), 429 | 503);
            service.metrics.command(if turned_away {
                Outcome::TurnedAway
            } else {
                Outcome::Rejected
            });
            // Not the message: it may repeat parameters, and those may be secret.
            tracing::info!(
                code = fault.code(),
                command = fault.command_for_log(),
                path = fault.path_for_log(service.redactor()),
                reason = fault.reason_for_log(),
                "command refused"
            );
            Err(fault)
        }
    }
}

/// A command with its place among those that run.
struct Accepted<C> {
    // Tells its name where that is asked for, which is seldom.
    body: Bytes,
    command: C,
    slot: tokio::sync::OwnedSemaphorePermit,
}

impl<P: Plugin> Service<P> {
    async fn accept(&self, request: Request) -> Result<Accepted<P::Command>> {
        self.lifecycle.check_ready()?;
        let body = read_json_body(request, self.limits.body_bytes, &self.shutdown).await?;
        let command = match P::Command::decode_plain(&self.commands, &body) {
            Some(command) => command,
            // It is unusual or wrong, and this way tells which.
            None => {
                let request: CommandRequest = from_json(&body, "invalid_command")?;
                self.decode(&request)?
            }
        };
        if let Some(bounds) = &self.command_bounds {
            check_bounds(bounds, &body)?;
        }
        // Again: reading the body took its time.
        self.lifecycle.check_ready()?;
        let slot = Self::slot(&self.command_slots, "commands")?;
        Ok(Accepted { body, command, slot })
    }

    fn decode(&self, request: &CommandRequest) -> Result<P::Command> {
        let error = match P::Command::decode(&self.commands, request.clone()) {
            Ok(command) => return Ok(command),
            Err(error) => error,
        };
        let mut eased = request.clone();
        if whole_numbers(&mut eased.params)
            && let Ok(command) = P::Command::decode(&self.commands, eased)
        {
            return Ok(command);
        }
        Err(undecodable::<P>(&self.commands, request, error))
    }

    /// Runs a command to its end even when its caller, and with it this future, goes away.
    async fn carry_out(
        self: Arc<Self>,
        accepted: Accepted<P::Command>,
        request_context: Arc<RequestContext>,
        token: TaskTrackerToken,
    ) -> Result<CommandResponse> {
        let begun = Instant::now();
        let deadline = request_context.deadline(begun, self.limits.command_timeout);
        let in_flight = self.metrics.command_begins();
        let service = Arc::clone(&self);
        let Accepted { body, command, slot } = accepted;
        let run = async move {
            let cx = service.cx.of_request(request_context, deadline);
            let ended = bounded(
                &|| format!("the command {:?}", name(&body, service.redactor())),
                begun..deadline,
                &service.kill,
                service.plugin.command(&cx, command),
            )
            .await;
            let outcome = ended.outcome();
            service.metrics.command(outcome);
            // Here, since the caller may have gone and nobody else then looks at it.
            let result = ended
                .into_result()
                .map(Reply::into_response)
                .map_err(|fault| fault.into_logged().cleaned(service.redactor()));
            log_end(&body, service.redactor(), (outcome, result.as_ref().err()), begun);
            drop((slot, in_flight));
            result
        };
        let mut run = Box::pin(run);
        // A task of its own only for what has to wait: handing a command over to another thread
        // costs more than all the rest.
        if let Poll::Ready(result) = begin(run.as_mut()).await {
            return result;
        }
        let running = self.tasks.spawn(run.in_current_span());
        // The task is tracked from here on.
        drop(token);
        match timeout_at(deadline + GRACE, running).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => Err(Fault::internal(error)),
            Err(_) => Err(timed_out(deadline - begun)),
        }
    }
}

/// What went well is seldom of interest, and a line for each would cost more than most commands do.
/// A fault is told with its code and what the caller was told, without known secrets.
fn log_end(body: &[u8], redactor: &Redactor, end: (Outcome, Option<&Fault>), begun: Instant) {
    let (outcome, fault) = end;
    let duration_ms = || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let word = outcome.word();
    if outcome == Outcome::Ok {
        tracing::debug!(
            command = name(body, redactor),
            outcome = word,
            duration_ms = duration_ms(),
            "command ended"
        );
    } else {
        tracing::info!(
            command = name(body, redactor),
            outcome = word,
            code = fault.map(Fault::code),
            reason = fault.map(Fault::message),
            duration_ms = duration_ms(),
            "command ended"
        );
    }
}

fn name(body: &[u8], redactor: &Redactor) -> String {
    // A plugin that takes any command has whatever name was sent. Known secrets first, while they
    // are still what they were.
    serde_json::from_slice::<Named>(body).map_or_else(
        |_| String::new(),
        |named| printable(&redactor.clean(&named.command)),
    )
}

/// Holds a command that its type has read against the bounds of its schema.
fn check_bounds(bounds: &Bounds, body: &[u8]) -> Result<()> {
    let value: Value = serde_json::from_slice(body)?;
    bounds.check(&value, "").map_err(|mismatch| {
        let command = value.get("command").and_then(Value::as_str).unwrap_or_default();
        mismatch.into_command_fault(command)
    })
}

#[derive(serde::Deserialize)]
struct Named {
    command: String,
}

fn undecodable<P: Plugin>(commands: &CommandSet, request: &CommandRequest, error: DecodeError) -> Fault {
    match error {
        DecodeError::UnknownCommand { command, known, .. } => {
            let list = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            Fault::new(
                404,
                "unknown_command",
                format!("unknown command {command:?}; known commands: {list}"),
            )
            .with_details(json!({ "command": command, "known": known }))
        }
        DecodeError::BadParams { .. } => P::Command::refusal(commands, request),
        error => Fault::new(422, "invalid_command", error.to_string()),
    }
}
