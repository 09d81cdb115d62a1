use std::{collections::HashMap, time::Duration};

use bollard::{
    errors::Error as ClientError, models::CreateImageInfo, query_parameters::CreateImageOptionsBuilder,
};
use futures_util::{Stream, StreamExt};
use hap_manifest::ImageRef;
use tokio::time::Instant;

use super::{
    client::Client,
    error::Failure,
    image::{self, Parts},
};
use crate::engine::{
    ImageId,
    error::{EngineError, EngineErrorKind},
    progress::{Progress, ProgressSink, Stage},
};

/// Longest that a pull may take.
const PULL_DEADLINE: Duration = Duration::from_secs(15 * 60);

/// Longest that a pull may go without moving on.
const STALL_DEADLINE: Duration = Duration::from_secs(2 * 60);

const OPERATION: &str = "pull";

pub(super) async fn pull(
    client: &Client,
    image: &ImageRef,
    progress: &ProgressSink,
) -> Result<ImageId, EngineError> {
    let parts = Parts::of(image);
    let options = CreateImageOptionsBuilder::default()
        .from_image(&parts.name)
        .tag(&parts.version)
        .build();
    let messages = client.docker().create_image(Some(options), None, None);
    progress.report(Progress::Stage(Stage::Pulling));
    let pulled = tokio::time::timeout(PULL_DEADLINE, follow(client, &parts.whole, messages, progress));
    match pulled.await {
        Ok(done) => done.map_err(|failure| explain(failure, &parts.whole))?,
        Err(_) => {
            return Err(Failure::timeout(
                OPERATION,
                &parts.whole,
                format!(
                    "the image did not arrive within {} minutes",
                    PULL_DEADLINE.as_secs() / 60
                ),
            )
            .into());
        }
    }
    // The stream may end early without an error: only an image that is there was pulled.
    image::by_name(client, OPERATION, &parts.whole).await
}

async fn follow(
    client: &Client,
    subject: &str,
    messages: impl Stream<Item = Result<CreateImageInfo, ClientError>>,
    progress: &ProgressSink,
) -> Result<(), Failure> {
    let mut messages = std::pin::pin!(messages);
    let mut layers = Layers::default();
    let mut stalled_at = Instant::now() + STALL_DEADLINE;
    loop {
        let message = match tokio::time::timeout_at(stalled_at, messages.next()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(error))) if is_decoder_slip(&error) => return Ok(()),
            Ok(Some(Err(error))) => return Err(client.failure(OPERATION, subject, error)),
            Err(_) => {
                let minutes = STALL_DEADLINE.as_secs() / 60;
                let message = format!("nothing of the image arrived for {minutes} minutes");
                return Err(Failure::timeout(OPERATION, subject, message));
            }
        };
        // An engine that only tells that it waits or tries again does not move on.
        let status = message.status.as_deref().unwrap_or_default();
        if !status.starts_with("Retrying") && !status.starts_with("Waiting") {
            stalled_at = Instant::now() + STALL_DEADLINE;
        }
        if let Some(report) = layers.take_in(&message) {
            progress.report(report);
        }
    }
}

/// The client library's decoder trips over a line end that is split across two reads, at the very
/// end of a stream.
pub(super) fn is_decoder_slip(error: &ClientError) -> bool {
    matches!(error, ClientError::IOError { err } if err.to_string().contains("bytes remaining on stream"))
}

/// The engine tells of each layer by itself; a reader wants one number.
#[derive(Default)]
struct Layers(HashMap<String, (u64, u64)>);

impl Layers {
    fn take_in(&mut self, message: &CreateImageInfo) -> Option<Progress> {
        let status = message.status.as_deref().unwrap_or_default();
        let detail = message.progress_detail.as_ref();
        let size = |value: Option<i64>| {
            value
                .and_then(|value| u64::try_from(value).ok())
                .unwrap_or_default()
        };
        let layer = message.id.as_deref().unwrap_or_default();
        match status {
            "Downloading" => {
                let done = size(detail.and_then(|detail| detail.current));
                let total = size(detail.and_then(|detail| detail.total));
                // A layer that is begun again counts on from where it was.
                let known = self.0.entry(layer.to_owned()).or_default();
                *known = (known.0.max(done), known.1.max(total).max(done));
            }
            "Download complete" | "Pull complete" => {
                let (done, total) = self.0.get_mut(layer)?;
                *done = *total;
            }
            "" => return None,
            // Extraction and the like report bytes again, which would count each layer twice.
            _ if detail.is_some_and(|detail| detail.current.is_some()) => return None,
            _ if layer.is_empty() => return Some(Progress::Step(status.to_owned())),
            _ => return Some(Progress::Step(format!("{layer}: {status}"))),
        }
        let (done, total) = self.0.values().fold((0_u64, 0_u64), |(done, total), layer| {
            (done.saturating_add(layer.0), total.saturating_add(layer.1))
        });
        Some(Progress::Bytes { done, total })
    }
}

/// Registries answer through the engine in words, so the class is in the words.
fn explain(failure: Failure, image: &str) -> EngineError {
    let words = failure.message().to_ascii_lowercase();
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    let (kind, advice) = if failure.kind() == EngineErrorKind::Unavailable {
        return failure.into();
    } else if says(&["toomanyrequests", "too many requests", "rate limit"]) {
        (
            EngineErrorKind::RateLimited,
            format!("the registry of {image} has had too many requests"),
        )
    } else if says(&["denied", "unauthorized", "authentication required"]) {
        (
            EngineErrorKind::Denied,
            format!("the registry does not give {image} to this machine"),
        )
    } else if says(&["no matching manifest"]) {
        // First, because containerd adds that it was not found.
        (
            EngineErrorKind::Rejected,
            format!("{image} was not built for this machine's architecture"),
        )
    } else if says(&["manifest unknown", "not found", "does not exist"]) {
        (
            EngineErrorKind::NotFound,
            format!("the registry has no image {image}"),
        )
    } else {
        return failure.into();
    };
    let wait = retry_after(&words);
    let message = format!("{advice} ({})", failure.message());
    let error = EngineError::from(failure.with_kind(kind).with_message(message));
    match wait {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}

/// How long a registry asks to wait, where it says so, such as `retry-after: 718.474µs` or
/// `Retry-After: 30`.
fn retry_after(words: &str) -> Option<Duration> {
    let (_, rest) = words.split_once("retry-after")?;
    let rest = rest.trim_start_matches([':', '=', ' ', '"']);
    let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == 'µ' || c == 'μ');
    go_duration(rest.split(ends).next()?)
}

/// A duration as the engine's language prints it (`1m30.5s`), or a bare count of seconds.
fn go_duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let mut whole = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, tail) = rest.split_at(unit_at);
        let unit_len = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let unit = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        whole = whole.checked_add(Duration::try_from_secs_f64(number * unit).ok()?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(whole)
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn message(id: &str, status: &str, current: Option<i64>, total: Option<i64>) -> CreateImageInfo {
        serde_json::from_value(serde_json::json!({
            "id": id, "status": status, "progressDetail": { "current": current, "total": total }
        }))
        .unwrap()
    }

    #[test]
    fn bytes_are_summed_over_the_layers_and_extraction_does_not_count_again() {
        let mut layers = Layers::default();
        let bytes = |done, total| Some(Progress::Bytes { done, total });
        assert_eq!(
            layers.take_in(&message("a", "Downloading", Some(10), Some(100))),
            bytes(10, 100)
        );
        assert_eq!(
            layers.take_in(&message("b", "Downloading", Some(5), Some(50))),
            bytes(15, 150)
        );
        assert_eq!(
            layers.take_in(&message("a", "Download complete", None, None)),
            bytes(105, 150)
        );
        assert_eq!(
            layers.take_in(&message("a", "Extracting", Some(1), Some(100))),
            None
        );
        assert_eq!(
            layers.take_in(&message("c", "Download complete", None, None)),
            None
        );
        let step = layers.take_in(&message("c", "Already exists", None, None));
        assert_eq!(step, Some(Progress::Step("c: Already exists".to_owned())));
    }

    fn client() -> Client {
        Client::new("tcp://127.0.0.1:1").unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_pull_that_only_waits_is_given_up() {
        let waiting = stream::unfold(0, |round| async move {
            tokio::time::sleep(Duration::from_secs(10)).await;
            Some((Ok(message("a", "Retrying in 5 seconds", None, None)), round + 1))
        });
        let begun = Instant::now();
        let failure = follow(&client(), "light", waiting, &ProgressSink::none())
            .await
            .unwrap_err();
        assert_eq!(failure.kind(), EngineErrorKind::Timeout);
        assert_eq!(begun.elapsed(), STALL_DEADLINE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pull_that_moves_slowly_goes_on() {
        let slow = stream::unfold(0, |round| async move {
            tokio::time::sleep(Duration::from_secs(100)).await;
            (round < 5).then(|| (Ok(message("a", "Downloading", Some(round), Some(5))), round + 1))
        });
        follow(&client(), "light", slow, &ProgressSink::none())
            .await
            .unwrap();
    }

    #[test]
    fn the_words_of_a_registry_decide_the_class() {
        for (words, kind) in [
            (
                "pull access denied for light, repository does not exist or may require 'docker login'",
                EngineErrorKind::Denied,
            ),
            ("unauthorized: authentication required", EngineErrorKind::Denied),
            (
                "manifest for light:9 not found: manifest unknown",
                EngineErrorKind::NotFound,
            ),
            (
                "no matching manifest for linux/arm64/v8 in the manifest list entries",
                EngineErrorKind::Rejected,
            ),
            (
                "no matching manifest for linux/amd64 in the manifest list entries: no match for platform in \
                 manifest: not found",
                EngineErrorKind::Rejected,
            ),
            (
                "dial tcp: lookup registry.example: no such host",
                EngineErrorKind::Failed,
            ),
            ("toomanyrequests: slow down", EngineErrorKind::RateLimited),
            (
                "received unexpected HTTP status: 429 Too Many Requests",
                EngineErrorKind::RateLimited,
            ),
        ] {
            let error = ClientError::DockerStreamError {
                error: words.to_owned(),
            };
            let error = explain(Failure::new(OPERATION, "light:9", "unix:///x", error), "light:9");
            assert_eq!(error.kind(), kind, "{words}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn the_wait_that_a_registry_asks_for_is_understood() {
        for (words, wait) in [
            (
                "toomanyrequests: retry-after: 718.474µs, allowed: 44000/minute",
                Some(Duration::from_nanos(718_474)),
            ),
            (
                "toomanyrequests: retry-after: 1m30.5s",
                Some(Duration::from_millis(90_500)),
            ),
            (
                "too many requests (Retry-After: 30)",
                Some(Duration::from_secs(30)),
            ),
            ("toomanyrequests: slow down", None),
            ("toomanyrequests: retry-after: soon", None),
            ("toomanyrequests: retry-after: ", None),
            ("toomanyrequests: retry-after: 1e400s", None),
            ("toomanyrequests: retry-after: 99999999999999999999999h", None),
        ] {
            let error = ClientError::DockerStreamError {
                error: words.to_owned(),
            };
            let error = explain(Failure::new(OPERATION, "light:9", "unix:///x", error), "light:9");
            assert_eq!(error.kind(), EngineErrorKind::RateLimited, "{words}");
            assert_eq!(error.retry_after(), wait, "{words}");
        }
    }
}
