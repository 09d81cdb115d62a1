use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use hap_conformance::{
    Declaration, DeclarationError,
    target::{Program, Target, Url},
};
use hap_manifest::{ApiToken, package::MANIFEST};
use tokio::{net::TcpStream, time::timeout};

use crate::{
    cargo::RustPlugin,
    failure::{Exit, Failure},
    project::Project,
    terminal::Console,
};

/// How long something at an address may take to answer at all.
const REACHED: Duration = Duration::from_secs(5);

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
}

/// What can be tested as it is.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) target: Target,
    pub(super) declaration: Option<Declaration>,
    /// What it is called while it is tested.
    pub(super) name: String,
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
        Project::open(Path::new(target)).map(Self::Folder)
    }

    /// Builds what has to be built.
    pub(super) async fn ready(self, token: Option<&str>, console: &Console) -> Result<Ready, Failure> {
        match self {
            Self::Address { url, about } => Ok(Ready {
                declaration: declared(about.as_ref())?,
                target: address(&url, token).await?,
                name: url,
            }),
            Self::Program { line, about } => {
                let mut words = line.into_iter();
                let program = Program::new(words.next().unwrap_or_default()).arguments(words);
                ready(program, about.as_ref())
            }
            Self::Folder(project) => {
                console.note(format_args!("{} is tested as a program", project.manifest().id()));
                let program = program(&project).await?;
                ready(program, Some(&project))
            }
        }
    }
}

fn ready(program: Program, about: Option<&Project>) -> Result<Ready, Failure> {
    let target = Target::program(program);
    let name = about.map_or_else(
        || target.to_string(),
        |project| project.manifest().id().to_string(),
    );
    Ok(Ready {
        target,
        declaration: declared(about)?,
        name,
    })
}

/// The plugin that a manifest is about: the one that is named, or the one in this folder.
fn about(manifest: Option<&Path>) -> Result<Option<Project>, Failure> {
    match manifest {
        Some(named) => Project::open(named).map(Some),
        None if Path::new(MANIFEST).is_file() => Project::open(Path::new(".")).map(Some),
        None => Ok(None),
    }
}

fn declared(about: Option<&Project>) -> Result<Option<Declaration>, Failure> {
    let Some(project) = about else {
        return Ok(None);
    };
    Declaration::from_folder(project.folder())
        .map(Some)
        .map_err(|error| {
            let (message, help) = match &error {
                DeclarationError::Inputs { file, source } => {
                    let help = "docs/conformance.md says what may stand there";
                    (format!("{file} is not valid: {source}"), help)
                }
                other => (
                    other.to_string(),
                    "`hap check` lists all that is wrong with a plugin at once",
                ),
            };
            Failure::new(Exit::Failed, "bad_declaration", message).help(help)
        })
}

/// Where a plugin runs, if anything answers there.
async fn address(url: &str, token: Option<&str>) -> Result<Target, Failure> {
    let bad = |message: String| Failure::new(Exit::Usage, "bad_target", message);
    let url: Url = url
        .parse()
        .map_err(|error: hap_conformance::target::BadUrl| bad(error.to_string()))?;
    let found = timeout(REACHED, TcpStream::connect(url.address())).await;
    let why = match found {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer within {REACHED:?}")),
    };
    if let Some(why) = why {
        return Err(Failure::new(
            Exit::Unreachable,
            "unreachable",
            format!("nothing answers at {url}: {why}"),
        )
        .help("start the plugin first, or have it started: hap test FOLDER, hap test -- PROGRAM"));
    }
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Ok(url.into());
    };
    let token = token.parse::<ApiToken>().map_err(|_| {
        bad("the text behind --token is no token; a host gives one as HAP_API_TOKEN".to_owned())
    })?;
    Ok(url.token(token).into())
}

/// The program in a plugin's folder, built where it has to be.
async fn program(project: &Project) -> Result<Program, Failure> {
    let folder: PathBuf = project.folder().to_owned();
    if folder.join("Cargo.toml").is_file() {
        let plugin = RustPlugin::of(&folder, project.manifest().id().as_str()).await?;
        return Ok(Program::new(plugin.build_debug().await?).folder(folder));
    }
    let Some(start) = project.start() else {
        let message = format!("nothing in {} tells how the plugin is started", folder.display());
        return Err(Failure::new(Exit::NotFound, "no_program", message)
            .help("name the program: hap test -- PROGRAM ARGUMENTS"));
    };
    Ok(Program::new(start.program)
        .arguments(start.arguments)
        .folder(folder))
}
