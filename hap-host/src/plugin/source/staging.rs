use std::{
    fs::{self, DirBuilder, File},
    io,
    path::{Path, PathBuf},
};

use hap_manifest::package::{ExtractError, Package};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::PackageReader;
use crate::error::{Error, ErrorKind};

/// The part of the state folder in which packages are unpacked, each into a folder of its own.
#[derive(Debug, Clone)]
pub(crate) struct Staging(PathBuf);

impl Staging {
    /// Makes the folder anew: what a killed host left in it goes. The caller owns the state folder.
    ///
    /// It blocks on the file system.
    pub(crate) fn open(state_folder: &Path) -> Result<Self, Error> {
        let path = state_folder.join("staging");
        let failed = |error: io::Error| {
            let message = format!("the folder {} cannot be made anew", path.display());
            Error::new(ErrorKind::Store, message).with_source(error)
        };
        gone_is_fine(fs::remove_dir_all(&path)).map_err(failed)?;
        make(&path).map_err(failed)?;
        Ok(Self(path))
    }

    /// A file without a name for a package that is still on its way: it goes when it is closed,
    /// whatever happens.
    ///
    /// It blocks on the file system.
    #[cfg(feature = "management")]
    pub(crate) fn unnamed_file(&self) -> Result<File, Error> {
        tempfile::tempfile_in(&self.0).map_err(|error| {
            let message = format!("a file cannot be made in {}", self.0.display());
            Error::new(ErrorKind::Store, message).with_source(error)
        })
    }

    /// A package that could not be written here.
    #[cfg(feature = "management")]
    pub(crate) fn unwritten(&self, error: io::Error) -> Error {
        let message = format!("the package cannot be written to {}", self.0.display());
        Error::new(ErrorKind::Store, message).with_source(error)
    }

    /// Unpacks a package. It blocks on the file system.
    pub(crate) fn unpack(&self, package: &mut Package<Box<dyn PackageReader>>) -> Result<Staged, Error> {
        let staged = Staged(Some(self.0.join(Uuid::now_v7().simple().to_string())));
        let failed = |error: io::Error| {
            let message = format!("a folder to unpack into cannot be made in {}", self.0.display());
            Error::new(ErrorKind::Store, message).with_source(error)
        };
        make(staged.path()).map_err(failed)?;
        let folder = File::open(staged.path()).map_err(failed)?;
        package.extract_into(&folder).map_err(|error| {
            let kind = match &error {
                ExtractError::Package(_) => ErrorKind::InvalidInput,
                _ => ErrorKind::Store,
            };
            let place = self.0.display();
            Error::new(
                kind,
                format!("the package cannot be unpacked in {place}: {error}"),
            )
            .with_source(error)
        })?;
        Ok(staged)
    }
}

/// An unpacked package. Removed when dropped, on a thread that may block.
#[derive(Debug)]
pub(crate) struct Staged(Option<PathBuf>);

impl Staged {
    pub(crate) fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }

    /// Removes the folder, and returns when it is gone.
    pub(crate) async fn remove(mut self) {
        let Some(path) = self.0.take() else { return };
        if let Err(error) = tokio::task::spawn_blocking(move || remove(&path)).await {
            tracing::warn!(%error, "an unpacked package was not removed; the next start removes it");
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Without a runtime the process ends, and the next start removes it.
        if let Some(path) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            drop(runtime.spawn_blocking(move || remove(&path)));
        }
    }
}

fn make(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn remove(path: &Path) {
    if let Err(error) = gone_is_fine(fs::remove_dir_all(path)) {
        tracing::warn!(folder = %path.display(), %error, "an unpacked package was not removed; the next start removes it");
    }
}

fn gone_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_host_left_is_gone_at_the_next_start() {
        let state = tempfile::tempdir().unwrap();
        let staging = Staging::open(state.path()).unwrap();
        fs::create_dir(staging.0.join("half-unpacked")).unwrap();
        fs::write(staging.0.join("half-unpacked/manifest.json"), "{").unwrap();
        let staging = Staging::open(state.path()).unwrap();
        assert_eq!(fs::read_dir(&staging.0).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_place_of_the_folder_is_removed_and_not_followed() {
        let state = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("precious"), "").unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), state.path().join("staging")).unwrap();
        let staging = Staging::open(state.path()).unwrap();
        assert!(!fs::symlink_metadata(&staging.0).unwrap().is_symlink());
        assert!(elsewhere.path().join("precious").exists());
    }
}
