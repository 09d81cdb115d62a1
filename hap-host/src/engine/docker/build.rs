use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use bollard::{
    body_stream,
    errors::Error as ClientError,
    models::BuildInfo,
    query_parameters::{BuildImageOptionsBuilder, BuilderVersion},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use hap_manifest::ImageRef;

use super::{
    build_limits::StepLimits,
    client::Client,
    error::Failure,
    image::{self, Parts},
    network,
    pull::{is_decoder_slip, pull},
};
use crate::engine::{
    ImageId,
    build::BuildContext,
    error::{EngineError, EngineErrorKind},
    labels,
    progress::{Progress, ProgressSink, Stage},
    spec::NetworkMode,
};

/// Longest that a build may take. Compilers are silent for long, so there is no shorter
/// one for silence.
const BUILD_DEADLINE: Duration = Duration::from_secs(60 * 60);

/// Size of the pieces in which a folder is sent, in bytes: how finely its progress is told.
const PIECE: usize = 256 * 1024;

/// Lines of output that the error of a failed build repeats.
const LAST_LINES: usize = 20;

const OPERATION: &str = "build";

pub(super) async fn build(
    client: &Client,
    context: &BuildContext,
    tag: &ImageRef,
    progress: &ProgressSink,
) -> Result<ImageId, EngineError> {
    let name = Parts::of(tag).whole;
    if tag.is_pinned() {
        let message = "an image that is built has no digest yet: name it by a tag alone";
        return Err(EngineError::new(
            EngineErrorKind::Rejected,
            OPERATION,
            name,
            message,
        ));
    }
    let network = match context.network() {
        None => "none".to_owned(),
        Some(instance) => network::find::id(client, instance, NetworkMode::Outbound).await?,
    };
    get_images(client, context, progress).await?;
    let dockerfile = context.dockerfile().to_owned();
    let folder = context.clone();
    let packed = tokio::task::spawn_blocking(move || folder.pack())
        .await
        .map_err(|error| {
            EngineError::new(
                EngineErrorKind::Failed,
                OPERATION,
                &name,
                "packing the folder broke off",
            )
            .with_source(error)
        })??;
    let ours = context
        .labels()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let mut labels: HashMap<&str, &str> = labels::neutral().collect();
    labels.extend(ours);
    let options = BuildImageOptionsBuilder::default()
        .dockerfile(&dockerfile)
        .t(&name)
        .labels(&labels)
        .rm(true)
        .forcerm(true)
        .networkmode(&network)
        // The builder that takes bounds, and runs nothing that a Dockerfile names as its reader.
        .version(BuilderVersion::BuilderV1);
    let options = if context.pulls() {
        options.pull("true")
    } else {
        options
    };
    let options = match context.platform() {
        // Engines take layers of another platform out of their cache, and then name the image's by them.
        Some(platform) => options.platform(platform).nocache(true),
        None => options,
    };
    let limits = StepLimits::new(context.limits());
    let options = limits.on(options).build();
    let messages =
        client
            .docker()
            .build_image(options, None, Some(body_stream(pieces(packed.into(), progress))));
    match tokio::time::timeout(BUILD_DEADLINE, follow(client, &name, limits, messages, progress)).await {
        Ok(done) => {
            let id = done?;
            image::by_name(client, OPERATION, id.as_deref().unwrap_or(&name)).await
        }
        Err(_) => {
            let message = format!(
                "the build did not end within {} minutes",
                BUILD_DEADLINE.as_secs() / 60
            );
            Err(Failure::timeout(OPERATION, &name, message).into())
        }
    }
}

/// Has the images of a build on this machine, and looks whether they bring instructions of their
/// own.
async fn get_images(
    client: &Client,
    context: &BuildContext,
    progress: &ProgressSink,
) -> Result<(), EngineError> {
    for written in context.images() {
        let image: ImageRef = written.parse().map_err(|error: hap_manifest::ParseError| {
            EngineError::new(EngineErrorKind::Rejected, OPERATION, written, error.to_string())
        })?;
        let id = if context.pulls() {
            pull(client, &image, progress).await?
        } else {
            match image::inspect(client, &image).await {
                Err(error) if error.kind() == EngineErrorKind::NotFound => {
                    pull(client, &image, progress).await?
                }
                found => found?,
            }
        };
        image::refuse_triggers(client, id.as_str()).await?;
    }
    Ok(())
}

/// The packed folder in pieces, each told of when it is taken.
fn pieces(packed: Bytes, progress: &ProgressSink) -> impl Stream<Item = Bytes> + Send + use<> {
    let total = u64::try_from(packed.len()).unwrap_or(u64::MAX);
    progress.report(Progress::Stage(Stage::Sending));
    let source = (packed, 0, progress.clone());
    stream::unfold(source, move |(mut left, mut done, progress)| async move {
        if left.is_empty() {
            return None;
        }
        let piece = left.split_to(left.len().min(PIECE));
        done += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        progress.report(Progress::Bytes { done, total });
        if left.is_empty() {
            progress.report(Progress::Stage(Stage::Building));
        }
        Some((piece, (left, done, progress)))
    })
}

/// Follows a build to its end; answers the id of the image where the engine tells it.
async fn follow(
    client: &Client,
    subject: &str,
    limits: StepLimits,
    messages: impl Stream<Item = Result<BuildInfo, ClientError>>,
    progress: &ProgressSink,
) -> Result<Option<String>, EngineError> {
    let mut messages = std::pin::pin!(messages);
    let mut id = None;
    let mut last = LastLines::default();
    while let Some(message) = messages.next().await {
        match message {
            Ok(message) => {
                for line in lines(&message) {
                    limits.bound_processes(client, line).await?;
                    last.push(line);
                    progress.report(Progress::Step(line.to_owned()));
                }
                id = message.aux.and_then(|aux| aux.id).or(id);
            }
            Err(error) if is_decoder_slip(&error) => break,
            Err(error) => return Err(explain(client.failure(OPERATION, subject, error), &last)),
        }
    }
    Ok(id)
}

/// A step's output, or the state of pulling a base image without its hundreds of progress bars.
fn lines(message: &BuildInfo) -> impl Iterator<Item = &str> {
    let moves = message
        .progress_detail
        .as_ref()
        .is_some_and(|detail| detail.current.is_some());
    let status = message.status.as_deref().filter(|_| !moves);
    let text = message.stream.as_deref().or(status).unwrap_or_default();
    text.lines().map(str::trim_end).filter(|line| !line.is_empty())
}

/// What the engine reports inside a build is the Dockerfile's fault, not the engine's,
/// so it is final.
fn explain(failure: Failure, last: &LastLines) -> EngineError {
    if failure.kind() != EngineErrorKind::Failed {
        return failure.into();
    }
    let message = format!("{}{last}", failure.message());
    failure
        .with_kind(EngineErrorKind::Rejected)
        .with_message(message)
        .into()
}

#[derive(Default)]
struct LastLines(VecDeque<String>);

impl LastLines {
    fn push(&mut self, line: &str) {
        if self.0.len() == LAST_LINES {
            self.0.pop_front();
        }
        self.0.push_back(line.chars().take(500).collect());
    }
}

impl std::fmt::Display for LastLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        f.write_str("; the last output was:")?;
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures_util::stream;

    use super::*;

    fn limits() -> StepLimits {
        StepLimits::new(BuildContext::new("/", "Dockerfile").limits())
    }

    fn output(text: &str) -> Result<BuildInfo, ClientError> {
        Ok(BuildInfo {
            stream: Some(text.to_owned()),
            ..Default::default()
        })
    }

    #[tokio::test]
    async fn a_folder_is_sent_whole_and_told_of_piece_by_piece() {
        let packed: Bytes = (0..=255).cycle().take(PIECE * 2 + 1).collect();
        let (sink, mut told) = ProgressSink::stream();
        let mut sent = Vec::new();
        let mut counts = Vec::new();
        let mut pieces = std::pin::pin!(pieces(packed.clone(), &sink));
        drop(sink);
        assert_eq!(told.next().await, Some(Progress::Stage(Stage::Sending)));
        while let Some(piece) = pieces.next().await {
            sent.extend_from_slice(&piece);
            counts.push(told.next().await.unwrap());
        }
        let total = packed.len() as u64;
        let count = |done| Progress::Bytes { done, total };
        let piece = PIECE as u64;
        assert_eq!(counts, [count(piece), count(2 * piece), count(total)]);
        assert_eq!(told.next().await, Some(Progress::Stage(Stage::Building)));
        assert!(sent == packed);
    }

    #[tokio::test]
    async fn a_failing_build_is_final_and_repeats_its_last_output() {
        let client = Client::new("tcp://127.0.0.1:1").unwrap();
        let mut messages: Vec<_> = (0..30).map(|line| output(&format!("line {line}\n\n"))).collect();
        messages.push(Err(ClientError::DockerStreamError {
            error: "returned a non-zero code: 2".to_owned(),
        }));
        let seen = Arc::new(Mutex::new(0));
        let count = Arc::clone(&seen);
        let sink = ProgressSink::new(move |_| *count.lock().unwrap() += 1);
        let error = follow(&client, "light:1", limits(), stream::iter(messages), &sink)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), EngineErrorKind::Rejected);
        assert!(
            error
                .message()
                .starts_with("returned a non-zero code: 2; the last output was:\n  line 10\n")
        );
        assert!(error.message().ends_with("line 29"), "{error}");
        assert_eq!(*seen.lock().unwrap(), 30);
    }

    #[tokio::test]
    async fn an_engine_that_goes_away_during_a_build_is_not_the_dockerfiles_fault() {
        let client = Client::new("tcp://127.0.0.1:1").unwrap();
        let broken = Err(ClientError::IOError {
            err: std::io::Error::other("connection reset"),
        });
        let error = follow(
            &client,
            "light:1",
            limits(),
            stream::iter([broken]),
            &ProgressSink::none(),
        )
        .await
        .unwrap_err();
        assert_eq!(error.kind(), EngineErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn the_decoders_slip_at_the_end_is_not_a_failure() {
        let client = Client::new("tcp://127.0.0.1:1").unwrap();
        let slip = Err(ClientError::IOError {
            err: std::io::Error::other("bytes remaining on stream"),
        });
        let done = follow(
            &client,
            "light:1",
            limits(),
            stream::iter([slip]),
            &ProgressSink::none(),
        )
        .await;
        assert_eq!(done.unwrap(), None);
    }
}
