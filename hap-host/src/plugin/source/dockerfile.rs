//! The Dockerfile of a source, as it is judged and built.

use std::{fs, io::Read as _, path::Path};

use hap_manifest::package::Dockerfile;

use crate::error::{Error, ErrorKind};

/// The bytes of a Dockerfile, and what they do.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) bytes: Vec<u8>,
    pub(super) read: Dockerfile,
}

impl Recipe {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        let read = Dockerfile::read(&bytes);
        Self { bytes, read }
    }
}

/// Reads the Dockerfile of a folder. It blocks on the file system.
pub(super) fn of_folder(folder: &Path, name: &str) -> Result<Recipe, Error> {
    let mut path = folder.to_owned();
    let refuse = |path: &Path, message: &str| {
        Error::new(ErrorKind::InvalidInput, format!("{}: {message}", path.display()))
    };
    // A link may lead out of the folder, and opening a pipe would wait for whoever writes to it.
    for part in Path::new(name).components() {
        path.push(part);
        let meta = fs::symlink_metadata(&path)
            .map_err(|error| refuse(&path, &format!("{error}: a plugin's folder holds its Dockerfile")))?;
        if meta.is_symlink() {
            return Err(refuse(&path, "it is a link: put the Dockerfile itself there"));
        }
    }
    if !fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
        return Err(refuse(
            &path,
            "it is no file: name the Dockerfile in the manifest",
        ));
    }
    let most = u64::try_from(Dockerfile::MAX_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    fs::File::open(&path)
        // One more, so that a longer one is told of and not cut.
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .map_err(|error| refuse(&path, &error.to_string()))?;
    Ok(Recipe::of(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_behind_a_link_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("docker")).unwrap();
        fs::write(folder.path().join("docker/Dockerfile"), "FROM scratch\n").unwrap();
        let read = of_folder(folder.path(), "docker/Dockerfile").unwrap();
        assert!(read.read.only_copies());
        std::os::unix::fs::symlink("docker", folder.path().join("linked")).unwrap();
        std::os::unix::fs::symlink("docker/Dockerfile", folder.path().join("Dockerfile")).unwrap();
        for name in ["linked/Dockerfile", "Dockerfile", "docker", "missing"] {
            let error = of_folder(folder.path(), name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}: {error}");
        }
    }
}
