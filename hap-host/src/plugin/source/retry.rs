use std::time::Duration;

use tokio::time::Instant;

use crate::engine::error::{EngineError, EngineErrorKind};

/// Tries of a call that fails in a way that another try may mend.
const TRIES: u32 = 5;
/// Pause after the first try; doubles with each.
const PAUSE: Duration = Duration::from_secs(1);
/// The same after a registry has had too many requests and did not say how long to wait.
const LIMITED_PAUSE: Duration = Duration::from_secs(10);
const LIMITED_PAUSE_MAX: Duration = Duration::from_secs(120);
/// Tries while a registry limits: it may let go in the middle of a pull and limit again.
const LIMITED_TRIES: u32 = 20;

/// Makes a call again while another try may mend it and the time is not up. `before_pause` is told
/// of each failure that is followed by another try.
pub(crate) async fn with_retries<T, F: Future<Output = Result<T, EngineError>>>(
    limit: Duration,
    mut before_pause: impl FnMut(&EngineError, Duration),
    mut call: impl FnMut() -> F,
) -> Result<T, EngineError> {
    let ends = Instant::now() + limit;
    let (mut tries, mut limited) = (0, 0);
    loop {
        let error = match tokio::time::timeout_at(ends, call()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error,
            Err(_) => return Err(late(limit)),
        };
        let pause = match error.kind() {
            EngineErrorKind::RateLimited if limited < LIMITED_TRIES => {
                let default = doubled(LIMITED_PAUSE, limited).min(LIMITED_PAUSE_MAX);
                limited += 1;
                // What is asked for is a least; jitter goes on top, so that a house full of hosts
                // does not come at once.
                with_jitter(error.retry_after().unwrap_or(default).max(PAUSE / 10))
            }
            EngineErrorKind::RateLimited => return Err(error),
            _ if error.is_retryable() && tries + 1 < TRIES => {
                tries += 1;
                with_jitter(doubled(PAUSE, tries - 1))
            }
            _ => return Err(error),
        };
        // Waiting until the time is up would only hide what is wrong.
        if pause >= ends.saturating_duration_since(Instant::now()) {
            return Err(error);
        }
        before_pause(&error, pause);
        tokio::time::sleep(pause).await;
    }
}

fn late(limit: Duration) -> EngineError {
    let minutes = limit.as_secs() / 60;
    let message = format!("the image did not arrive within {minutes} minutes");
    EngineError::new(EngineErrorKind::Timeout, "pull", "image", message)
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(16))
}

/// Up to a quarter longer.
fn with_jitter(pause: Duration) -> Duration {
    // Without randomness there is no jitter, and nothing else is lost.
    let part = getrandom::u32().unwrap_or_default() % 256;
    pause.saturating_add(pause / 1024 * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(900);

    fn failure(kind: EngineErrorKind) -> EngineError {
        EngineError::new(kind, "pull", "light:1", "so it is")
    }

    /// What came of a call that fails as told and then succeeds, how often it was made, and how
    /// long that took.
    async fn tried(mut failures: Vec<EngineError>) -> (Result<(), EngineErrorKind>, u32, Duration) {
        failures.reverse();
        let (mut calls, begun) = (0, Instant::now());
        let ended = with_retries(
            LIMIT,
            |_, _| (),
            || {
                calls += 1;
                std::future::ready(failures.pop().map_or(Ok(()), Err))
            },
        )
        .await;
        (ended.map_err(|error| error.kind()), calls, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_try_may_mend_is_tried_again_with_growing_pauses() {
        let failures = || failure(EngineErrorKind::Failed);
        let (ended, calls, took) = tried((0..4).map(|_| failures()).collect()).await;
        assert_eq!((ended, calls), (Ok(()), 5));
        assert!(took >= Duration::from_secs(1 + 2 + 4 + 8), "{took:?}");
        let (ended, calls, _) = tried((0..9).map(|_| failures()).collect()).await;
        assert_eq!((ended, calls), (Err(EngineErrorKind::Failed), 5));
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_try_can_mend_is_tried_once() {
        for kind in [
            EngineErrorKind::NotFound,
            EngineErrorKind::Denied,
            EngineErrorKind::Rejected,
        ] {
            let (ended, calls, took) = tried(vec![failure(kind)]).await;
            assert_eq!((ended, calls, took), (Err(kind), 1, Duration::ZERO));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_registry_that_asks_to_wait_is_waited_for() {
        let limited = failure(EngineErrorKind::RateLimited);
        let (ended, calls, took) = tried(vec![limited.with_retry_after(Duration::from_secs(90))]).await;
        assert_eq!((ended, calls), (Ok(()), 2));
        assert!(
            took >= Duration::from_secs(90) && took < Duration::from_secs(120),
            "{took:?}"
        );
        // Less than a millisecond, as one registry asks.
        let limited = failure(EngineErrorKind::RateLimited);
        let (ended, ..) = tried(vec![limited.with_retry_after(Duration::from_nanos(718_474))]).await;
        assert_eq!(ended, Ok(()));
        let limits = (0..12).map(|_| failure(EngineErrorKind::RateLimited)).collect();
        assert_eq!(tried(limits).await.0, Err(EngineErrorKind::RateLimited));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_longer_than_the_time_that_is_left_is_not_begun() {
        let limited = failure(EngineErrorKind::RateLimited).with_retry_after(Duration::from_secs(3600));
        let (ended, calls, took) = tried(vec![limited]).await;
        assert_eq!(
            (ended, calls, took),
            (Err(EngineErrorKind::RateLimited), 1, Duration::ZERO)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn all_tries_together_take_no_longer_than_told() {
        let begun = Instant::now();
        let ended = with_retries(LIMIT, |_, _| (), std::future::pending::<Result<(), _>>).await;
        assert_eq!(ended.unwrap_err().kind(), EngineErrorKind::Timeout);
        assert_eq!(begun.elapsed(), LIMIT);
    }
}
