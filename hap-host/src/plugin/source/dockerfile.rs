//! The Dockerfile of a source, as it is judged and built.

use std::path::Path;

use hap_manifest::package::{Dockerfile, folder::OpenFolder};

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
pub(super) fn of_folder(folder: &OpenFolder, named: &Path, name: &str) -> Result<Recipe, Error> {
    let refuse = |message: String| {
        let path = named.join(name);
        Error::new(ErrorKind::InvalidInput, format!("{}: {message}", path.display()))
    };
    let most = u64::try_from(Dockerfile::MAX_BYTES).unwrap_or(u64::MAX);
    let file = folder
        .file_below(Path::new(name))
        .map_err(|error| refuse(format!("{error}: a plugin's folder holds its Dockerfile")))?;
    let bytes = file
        .read(most)
        .map_err(|error| refuse(error.to_string()))?
        .ok_or_else(|| refuse(format!("it has more than {most} bytes, the most that are read")))?;
    Ok(Recipe::of(bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_dockerfile_behind_a_link_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("docker")).unwrap();
        fs::write(folder.path().join("docker/Dockerfile"), "FROM scratch\n").unwrap();
        let open = OpenFolder::open(folder.path()).unwrap();
        let read = of_folder(&open, folder.path(), "docker/Dockerfile").unwrap();
        assert!(read.read.only_copies());
        std::os::unix::fs::symlink("docker", folder.path().join("linked")).unwrap();
        std::os::unix::fs::symlink("docker/Dockerfile", folder.path().join("Dockerfile")).unwrap();
        for name in ["linked/Dockerfile", "Dockerfile", "docker", "missing"] {
            let error = of_folder(&open, folder.path(), name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}: {error}");
        }
    }
}
