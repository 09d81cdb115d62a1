use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bollard::{
    body_stream,
    query_parameters::{DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder},
};
use futures_util::{StreamExt, stream};

use super::{helper::mount_point, left::Left};
use crate::engine::{
    docker::client::Client,
    error::{EngineError, EngineErrorKind},
};

/// Longest wait for the next piece of a volume's content.
const PIECE_DEADLINE: Duration = Duration::from_secs(60);
/// Longest that one volume may take in all.
const VOLUME_DEADLINE: Duration = Duration::from_secs(30 * 60);

/// Copies what is in one volume, and what the volume itself is, from one container to the other.
pub(super) async fn copy(
    client: &Client,
    (from, to): (&str, &str),
    index: usize,
    source: &str,
    left: &Left,
) -> Result<(), EngineError> {
    // By its name and not by what is in it: the engine passes over an entry for the very folder
    // that it unpacks into, and the volume's own owner and mode would be lost.
    let options = DownloadFromContainerOptionsBuilder::default()
        .path(&mount_point(index))
        .build();
    let pieces = client.docker().download_from_container(from, Some(options));
    // What breaks the reading has to reach whoever waits for the writing, which would take the
    // rest for the whole.
    let broken = Arc::new(Mutex::new(None));
    let tell = Arc::clone(&broken);
    let (reader, subject, left) = (client.clone(), source.to_owned(), left.clone());
    let pieces = stream::unfold(Some(Box::pin(pieces)), move |pieces| {
        let (reader, subject, tell) = (reader.clone(), subject.clone(), Arc::clone(&tell));
        let left = left.clone();
        async move {
            let mut pieces = pieces?;
            let failure = match tokio::time::timeout(PIECE_DEADLINE, pieces.next()).await {
                Ok(None) => return None,
                Ok(Some(Ok(piece))) => {
                    if left.take(u64::try_from(piece.len()).unwrap_or(u64::MAX)).is_ok() {
                        return Some((piece, Some(pieces)));
                    }
                    left.exceeded(&subject)
                }
                Ok(Some(Err(error))) => reader.failure("copy volumes", &subject, error).into(),
                Err(_) => EngineError::new(
                    EngineErrorKind::Timeout,
                    "copy volumes",
                    subject,
                    format!("nothing of its content came within {PIECE_DEADLINE:?}"),
                ),
            };
            *tell.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
            None
        }
    });
    let options = UploadToContainerOptionsBuilder::default().path("/").build();
    let written = client
        .docker()
        .upload_to_container(to, Some(options), body_stream(pieces));
    let written = client
        .call_within(VOLUME_DEADLINE, "copy volumes", source, written)
        .await;
    if let Some(failure) = broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(failure);
    }
    written.map_err(Into::into)
}
