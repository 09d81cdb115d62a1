//! A package on its way from a request into a private file.

use std::{io::SeekFrom, time::Duration};

use axum::{body::Body, http::HeaderMap};
use hap_manifest::package::Limits;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

use super::{
    body::{Pieces, check_length},
    error::Refusal,
    state::Api,
};
use crate::{error::ErrorKind, plugin::source::PluginSource};

/// Time for a whole package: 50 MiB over a slow radio link.
const DEADLINE: Duration = Duration::from_secs(5 * 60);

/// Writes the body into a file without a name in the state folder: it is gone with the request,
/// and with the host.
pub(super) async fn receive(api: &Api, headers: &HeaderMap, body: Body) -> Result<PluginSource, Refusal> {
    let most = Limits::default().zip_bytes();
    check_length(headers, most)?;
    let _turn = api.uploads.try_acquire().map_err(|_| {
        let message = "other packages are being uploaded: try again in a moment";
        Refusal::too_many(ErrorKind::Busy.as_str(), message).closing()
    })?;
    let staging = api.supervisor.0.shared.staging.clone();
    let unwritten = |error| Refusal::from(staging.unwritten(error));
    let place = staging.clone();
    let file = tokio::task::spawn_blocking(move || place.unnamed_file());
    let file = file.await.map_err(|error| unwritten(error.into()))??;
    let mut file = tokio::fs::File::from_std(file);
    let mut pieces = Pieces::of(body, most, DEADLINE);
    while let Some(piece) = pieces.next().await? {
        file.write_all(&piece).await.map_err(unwritten)?;
    }
    file.flush().await.map_err(unwritten)?;
    file.seek(SeekFrom::Start(0)).await.map_err(unwritten)?;
    Ok(PluginSource::package_reader(file.into_std().await))
}
