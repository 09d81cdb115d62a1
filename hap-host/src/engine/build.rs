use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A folder to build an image from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildContext {
    folder: PathBuf,
    dockerfile: String,
    labels: BTreeMap<String, String>,
}

impl BuildContext {
    /// Builds from `folder` with the `dockerfile` in it, by its path relative to the folder.
    pub fn new(folder: impl Into<PathBuf>, dockerfile: impl Into<String>) -> Self {
        Self {
            folder: folder.into(),
            dockerfile: dockerfile.into(),
            labels: BTreeMap::new(),
        }
    }

    /// Puts labels on the image. Containers that are made from it inherit them, so they must not be
    /// those by which containers are known.
    #[must_use]
    pub fn with_labels(mut self, labels: BTreeMap<String, String>) -> Self {
        self.labels = labels;
        self
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

    /// Labels of the image.
    #[must_use]
    pub const fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }
}
