//! What the routes share.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use hap_manifest::PluginId;
use tokio::sync::Semaphore;

use super::{error::Refusal, origin::ManagementOptions, sse::Streams};
use crate::{plugin::handle::PluginHandle, supervisor::Supervisor};

/// Packages that are uploaded at a time: each may take 50 MiB of the disk.
pub(super) const UPLOADS: usize = 2;

/// What the routes share.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) supervisor: Supervisor,
    pub(super) streams: Streams,
    pub(super) options: Arc<ManagementOptions>,
    pub(super) uploads: Arc<Semaphore>,
    /// The OpenAPI document, made once.
    pub(super) document: Arc<str>,
}

/// The plugin that the path names.
pub(super) struct Named(pub(super) PluginHandle);

impl FromRequestParts<Api> for Named {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let Path(id) = Path::<String>::from_request_parts(parts, api)
            .await
            .map_err(|_| Refusal::bad("invalid_path", "the path is not valid UTF-8"))?;
        let plugin = PluginId::new(&id).ok().and_then(|id| api.supervisor.plugin(&id));
        plugin.map(Self).ok_or_else(|| Refusal::unknown_plugin(&id))
    }
}
