//! [`ConfigFile`]: the last accepted configuration.

use std::io;
use std::path::{Path, PathBuf};

use crate::storage::Replacement;

/// `config.json` in the data directory: the settings object as it was sent, for its owner only.
#[derive(Debug, Clone)]
pub(crate) struct ConfigFile {
    path: PathBuf,
}

impl ConfigFile {
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self {
            path: data_dir.join("config.json"),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The saved configuration; `None` if there is none yet.
    pub(crate) async fn load(&self) -> io::Result<Option<Vec<u8>>> {
        match tokio::fs::read(&self.path).await {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a configuration beside the saved one, so that a full disk shows before the plugin is
    /// asked.
    pub(crate) async fn stage(&self, content: Vec<u8>) -> io::Result<Replacement> {
        let path = self.path.clone();
        blocking(move || Replacement::stage(&path, &content)).await
    }

    /// Makes the staged configuration the saved one; after a crash there is the old or the new one.
    pub(crate) async fn commit(staged: Replacement) -> io::Result<()> {
        blocking(move || staged.commit()).await
    }

    /// Keeps the saved configuration.
    pub(crate) async fn discard(staged: Replacement) -> io::Result<()> {
        blocking(move || staged.discard()).await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}
