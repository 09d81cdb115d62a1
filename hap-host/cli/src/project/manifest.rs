use std::{
    fs, io,
    path::{Path, PathBuf},
};

use hap_manifest::{Issue, Manifest, ManifestFile, package::MANIFEST};
use serde_json::json;

use super::language::{Language, Start};
use crate::failure::{Exit, Failure};

/// A folder with a manifest that is valid.
#[derive(Debug)]
pub(crate) struct Project {
    folder: PathBuf,
    file: ManifestFile,
}

impl Project {
    /// Opens the folder, or that of a manifest whose path is given.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let folder = folder_of(path)?;
        let file = folder.join(MANIFEST);
        let text = fs::read_to_string(&file).map_err(|error| unreadable(&folder, &file, &error))?;
        match ManifestFile::from_json(&text) {
            Ok(manifest) => Ok(Self {
                folder,
                file: manifest,
            }),
            Err(error) => {
                let message = format!(
                    "{} is no valid manifest\n\n{}",
                    file.display(),
                    error.render(&text).trim_end()
                );
                Err(Failure::new(Exit::Failed, "invalid_manifest", message)
                    .help("`hap check` lists all that is wrong with a plugin at once")
                    .details(json!({"issues": error})))
            }
        }
    }

    /// The folder, as an absolute path.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        self.file.manifest()
    }

    /// What the manifest says that this version does not know, and other small things.
    pub(crate) fn warnings(&self) -> &[Issue] {
        self.file.warnings()
    }

    /// What its program is written in, as far as its files tell.
    pub(crate) fn language(&self) -> Option<Language> {
        Language::of(&self.folder)
    }

    /// Whether its files tell how it is started without a container.
    pub(crate) fn has_program(&self) -> bool {
        self.start().is_some()
    }

    /// How its program is started by hand, as far as its files tell.
    pub(crate) fn start(&self) -> Option<Start> {
        Language::start(&self.folder)
    }
}

/// The folder that a person means: itself, or that of the manifest that is named.
fn folder_of(path: &Path) -> Result<PathBuf, Failure> {
    let missing = |error: &io::Error| {
        Failure::new(
            Exit::NotFound,
            "no_such_folder",
            format!("{}: {error}", path.display()),
        )
        .help("name the folder with the plugin's manifest.json; `hap new NAME` makes one")
    };
    let path = fs::canonicalize(path).map_err(|error| missing(&error))?;
    if path.is_dir() {
        return Ok(path);
    }
    if path.file_name().is_some_and(|name| name == MANIFEST) {
        return Ok(path.parent().unwrap_or(&path).to_owned());
    }
    let message = format!("{} is neither a folder nor a {MANIFEST}", path.display());
    Err(Failure::new(Exit::NotFound, "no_such_folder", message)
        .help("name the folder with the plugin's manifest.json"))
}

fn unreadable(folder: &Path, file: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => {
            let message = format!("there is no {MANIFEST} in {}", folder.display());
            Failure::new(Exit::NotFound, "no_manifest", message)
                .help("name the folder of a plugin, or make one with `hap new NAME`")
        }
        io::ErrorKind::InvalidData => {
            let message = format!("{} is not UTF-8", file.display());
            Failure::new(Exit::Failed, "invalid_manifest", message).help("save it as UTF-8")
        }
        _ => Failure::new(
            Exit::Failed,
            "unreadable",
            format!("{} cannot be read: {error}", file.display()),
        ),
    }
}
