use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use hap_manifest::{ImageRef, package::MANIFEST};

use super::package::{Unpacked, unpack};
use crate::{
    engine::{Own, connect},
    failure::{Exit, Failure},
    project::Project,
    terminal::Console,
};

/// What a command line says that is tested.
#[derive(Debug)]
pub(super) enum Aim {
    /// One that runs already.
    Address { url: String, about: Option<Project> },
    /// A program of this machine.
    Program {
        line: Vec<OsString>,
        about: Option<Project>,
    },
    /// The plugin in a folder.
    Folder(Project),
    /// An image of this machine, and the plugin that it is of.
    Image { image: ImageRef, about: Project },
    /// A plugin as a file.
    Package(Unpacked),
}

impl Aim {
    pub(super) fn of(
        target: Option<&str>,
        program: &[OsString],
        manifest: Option<&Path>,
    ) -> Result<Self, Failure> {
        if !program.is_empty() {
            return Ok(Self::Program {
                line: program.to_vec(),
                about: about(manifest)?,
            });
        }
        let target = target.unwrap_or(".");
        if target.contains("://") {
            return Ok(Self::Address {
                url: target.to_owned(),
                about: about(manifest)?,
            });
        }
        let path = Path::new(target);
        let is_package = path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("zip"));
        if is_package && !path.is_dir() {
            return unpack(path).map(Self::Package);
        }
        let is_path = target.starts_with(['.', '/']) || target.ends_with('/');
        if is_path || path.exists() {
            return Project::open(path).map(Self::Folder);
        }
        let image = target.parse::<ImageRef>().map_err(|_| {
            let message =
                format!("{target:?} is neither a folder, a package, an address nor the name of an image");
            Failure::new(Exit::NotFound, "no_such_target", message)
                .help("`hap test --help` shows what can be tested")
        })?;
        match about(manifest)? {
            Some(about) => Ok(Self::Image { image, about }),
            None => {
                let message = format!(
                    "there is no folder {target}, and for an image nothing says which plugin it is of"
                );
                Err(Failure::new(Exit::NotFound, "no_manifest", message)
                    .help(format!("hap test {target} --manifest path/to/manifest.json")))
            }
        }
    }

    /// Reaches the engine where a container is tested, and takes a name on it for what the run makes there.
    pub(super) async fn own(&self, no_docker: bool, console: &Console) -> Result<Option<Own>, Failure> {
        let project = match self {
            Self::Address { .. } | Self::Program { .. } => return Ok(None),
            Self::Folder(project) => project,
            Self::Image { about, .. } => about,
            Self::Package(unpacked) => &unpacked.project,
        };
        let may_do_without = matches!(self, Self::Folder(_));
        if no_docker {
            return if may_do_without {
                Ok(None)
            } else {
                let message = "an image or a package is tested in a container, and --no-docker allows none";
                Err(Failure::new(Exit::Usage, "needs_engine", message)
                    .help("leave --no-docker out, or name the plugin's folder"))
            };
        }
        if may_do_without && !has_dockerfile(project) {
            return Ok(None);
        }
        let engine = match connect().await {
            Ok(engine) => engine,
            Err(failure) if may_do_without && project.has_program() => {
                console.warning(format_args!("{failure}; so the plugin is tested as a program"));
                return Ok(None);
            }
            Err(failure) => return Err(failure),
        };
        Own::new(engine, project.manifest().id()).map(Some)
    }
}

fn has_dockerfile(project: &Project) -> bool {
    let file: PathBuf = project.folder().join(project.manifest().dockerfile());
    file.is_file()
}

/// The plugin that a manifest is about: the one that is named, or the one in this folder.
fn about(manifest: Option<&Path>) -> Result<Option<Project>, Failure> {
    match manifest {
        Some(named) => Project::open(named).map(Some),
        None if Path::new(MANIFEST).is_file() => Project::open(Path::new(".")).map(Some),
        None => Ok(None),
    }
}
