//! Runs an author's code within bounds: a deadline, panics caught, an end when the process has no
//! more time.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::error::{Fault, Result};
use crate::telemetry::Outcome;

/// Longest time that work may keep its thread before the log says so: nothing else gets that thread
/// meanwhile, not even the health check.
const BLOCKED: Duration = Duration::from_secs(1);

/// How the author's code ended.
#[derive(Debug)]
pub(crate) enum Ended<T> {
    Done(T),
    Faulted(Fault),
    TimedOut(Duration),
    Panicked(String),
    /// The process had no more time.
    CutOff,
}

/// Lets work run until it waits for something. Much of it never does, and then needs no timer and
/// no task.
pub(crate) async fn begin<F: Future>(mut work: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await
}

/// Runs work to its end, its deadline or `kill`, whichever comes first. `time` is from now to the
/// deadline; `name` is for the log.
pub(crate) async fn bounded<T>(
    name: &(dyn Fn() -> String + Sync),
    time: Range<Instant>,
    kill: &CancellationToken,
    work: impl Future<Output = Result<T>>,
) -> Ended<T> {
    let allowed = time.end.saturating_duration_since(time.start);
    if allowed.is_zero() {
        // Nobody waits for it any more.
        return Ended::TimedOut(allowed);
    }
    // What the work was touching belongs to the plugin, whose locks tell it about panics
    // (poisoning).
    let mut work = pin!(AssertUnwindSafe(work).catch_unwind());
    let begun = begin(work.as_mut()).await;
    tell_blocked(name, time.start);
    let ended = match begun {
        Poll::Ready(ended) => ended,
        Poll::Pending => tokio::select! {
            ended = timeout_at(time.end, watched(name, work)) => match ended {
                Ok(ended) => ended,
                Err(_) => return Ended::TimedOut(allowed),
            },
            () = kill.cancelled() => return Ended::CutOff,
        },
    };
    match ended {
        Ok(Ok(value)) => Ended::Done(value),
        Ok(Err(fault)) => Ended::Faulted(fault),
        Err(payload) => Ended::Panicked(panic_message(payload.as_ref())),
    }
}

/// Looks at each step of work for how long it keeps its thread.
fn watched<F: Future>(
    name: &(dyn Fn() -> String + Sync),
    mut work: Pin<&mut F>,
) -> impl Future<Output = F::Output> {
    poll_fn(move |cx| {
        let begun = Instant::now();
        let polled = work.as_mut().poll(cx);
        tell_blocked(name, begun);
        polled
    })
}

fn tell_blocked(name: &(dyn Fn() -> String + Sync), begun: Instant) {
    let blocked = begun.elapsed();
    if blocked >= BLOCKED {
        let blocked_ms = u64::try_from(blocked.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(
            blocked_ms,
            "{} kept its thread without waiting; what blocks belongs into `tokio::task::spawn_blocking`, if it is not in \
             `block_in_place` already",
            name()
        );
    }
}

/// Runs work without a deadline of its own; a panic becomes a fault.
pub(crate) async fn caught<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    // As in `bounded`.
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => result,
        Err(payload) => Err(panicked(payload.as_ref())),
    }
}

/// The refusal where a panic was caught.
pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Fault {
    panic_fault(panic_message(payload))
}

fn panic_fault(message: String) -> Fault {
    Fault::new(500, "panicked", "the plugin panicked").with_cause(message)
}

impl<T> Ended<T> {
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Done(_) => Outcome::Ok,
            Self::Faulted(fault) if fault.status() == 500 => Outcome::Failed,
            Self::Faulted(_) => Outcome::Rejected,
            Self::TimedOut(_) => Outcome::TimedOut,
            Self::Panicked(_) => Outcome::Panicked,
            Self::CutOff => Outcome::TurnedAway,
        }
    }

    pub(crate) fn into_result(self) -> Result<T> {
        match self {
            Self::Done(value) => Ok(value),
            Self::Faulted(fault) => Err(fault),
            Self::TimedOut(allowed) => Err(timed_out(allowed)),
            Self::Panicked(message) => Err(panic_fault(message)),
            Self::CutOff => Err(Fault::new(
                503,
                "stopping",
                "the plugin stopped before it was done",
            )),
        }
    }
}

/// The refusal of what took too long.
pub(crate) fn timed_out(allowed: Duration) -> Fault {
    Fault::new(
        504,
        "timeout",
        format!("the plugin was not done within {} ms", allowed.as_millis()),
    )
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("panicked without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Capture, Redactor};

    async fn end(work: impl Future<Output = Result<u8>>) -> Ended<u8> {
        bounded(&name, half_a_minute(), &CancellationToken::new(), work).await
    }

    fn name() -> String {
        "work".to_owned()
    }

    fn half_a_minute() -> Range<Instant> {
        let now = Instant::now();
        now..now + Duration::from_secs(30)
    }

    #[tokio::test(start_paused = true)]
    async fn every_end_has_its_refusal() {
        assert!(matches!(end(async { Ok(1) }).await, Ended::Done(1)));
        let faulted = end(async { Err(Fault::rejected("no", "no")) }).await;
        assert_eq!(faulted.into_result().unwrap_err().code(), "no");
        let late = end(std::future::pending()).await;
        assert_eq!(late.into_result().unwrap_err().status(), 504);
        let panicked = end(async { panic!("boom") }).await.into_result().unwrap_err();
        assert_eq!(
            (panicked.status(), panicked.report().as_str()),
            (500, "the plugin panicked: boom")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn work_whose_time_is_over_does_not_begin() {
        let begun = std::cell::Cell::new(false);
        let work = async {
            begun.set(true);
            Ok(())
        };
        let now = Instant::now();
        let ended = bounded(&name, now..now, &CancellationToken::new(), work).await;
        assert_eq!(ended.into_result().unwrap_err().status(), 504);
        assert!(!begun.get());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "it blocks the runtime on purpose")]
    fn work_that_blocks_its_thread_is_told_by_name() {
        let capture = Capture::default();
        let steps = async {
            std::thread::sleep(BLOCKED);
            tokio::task::yield_now().await;
            std::thread::sleep(BLOCKED);
            tokio::time::sleep(BLOCKED).await;
            Ok(1)
        };
        tracing::subscriber::with_default(capture.subscriber(&Redactor::default()), || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            assert!(matches!(runtime.unwrap().block_on(end(steps)), Ended::Done(1)));
        });
        let lines = capture.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        for line in lines {
            assert!(
                line["message"]
                    .as_str()
                    .unwrap()
                    .starts_with("work kept its thread"),
                "{line}"
            );
            assert!(line["blocked_ms"].as_u64().unwrap() >= 1000, "{line}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_dropped_when_the_process_has_no_more_time() {
        let kill = CancellationToken::new();
        kill.cancel();
        let ended = bounded(
            &name,
            half_a_minute(),
            &kill,
            std::future::pending::<Result<u8>>(),
        )
        .await;
        assert_eq!(ended.into_result().unwrap_err().status(), 503);
    }
}
