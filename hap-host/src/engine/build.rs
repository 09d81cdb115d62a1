use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A folder to build an image from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildContext {
    folder: PathBuf,
    dockerfile: String,
}

impl BuildContext {
    /// Builds from `folder` with the `dockerfile` in it, by its path relative to the folder.
    pub fn new(folder: impl Into<PathBuf>, dockerfile: impl Into<String>) -> Self {
        Self {
            folder: folder.into(),
            dockerfile: dockerfile.into(),
        }
    }

    /// The folder that is sent to the engine.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Path of the Dockerfile relative to the folder.
    #[must_use]
    pub fn dockerfile(&self) -> &str {
        &self.dockerfile
    }
}

/// What a long engine operation is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// A step in words, such as a line of a build.
    Step(String),
    /// Bytes of a transfer; `total` is 0 while it is unknown.
    Bytes {
        /// Transferred so far.
        done: u64,
        /// To transfer in all.
        total: u64,
    },
}

/// Receives [`Progress`]; called from the engine's task, so it must not block.
#[derive(Clone)]
pub struct ProgressSink(Arc<dyn Fn(Progress) + Send + Sync>);

impl ProgressSink {
    /// Calls `sink` for each report.
    pub fn new(sink: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Drops every report.
    #[must_use]
    pub fn none() -> Self {
        Self::new(|_| ())
    }

    /// Hands over one report.
    pub fn report(&self, progress: Progress) {
        (self.0)(progress);
    }
}

impl fmt::Debug for ProgressSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressSink")
    }
}
