use std::{path::PathBuf, time::Duration};

use hap_conformance::{
    Declaration, DeclarationError,
    target::{BadUrl, Program, Target, Url},
};
use hap_host::engine::ImageId;
use hap_manifest::{ApiToken, permission::Permission};
use tokio::{net::TcpStream, time::timeout};

use super::aim::Aim;
use crate::{
    build,
    cargo::RustPlugin,
    engine::{Containers, Own, Recipe, local},
    failure::{Exit, Failure},
    project::Project,
    terminal::Console,
};

/// How long something at an address may take to answer at all.
const REACHED: Duration = Duration::from_secs(5);

/// What can be tested as it is.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) target: Target,
    pub(super) declaration: Option<Declaration>,
    /// What it is called while it is tested.
    pub(super) name: String,
}

impl Ready {
    /// Builds what has to be built.
    pub(super) async fn of(
        aim: &Aim,
        own: Option<&Own>,
        (token, granted): (Option<&str>, &[Permission]),
        console: &Console,
    ) -> Result<Self, Failure> {
        match (aim, own) {
            (Aim::Address { url, about }, _) => Ok(Self {
                declaration: declared(about.as_ref())?,
                target: address(url, token).await?,
                name: url.clone(),
            }),
            (Aim::Program { line, about }, _) => {
                let mut words = line.iter();
                let program = words.next().cloned().unwrap_or_default();
                Self::program(Program::new(program).arguments(words), about.as_ref())
            }
            (Aim::Folder(project), Some(own)) => {
                console.note(format_args!(
                    "{} is tested in a container",
                    project.manifest().id()
                ));
                // Refused before anything is compiled.
                let recipe = Recipe::of_folder(project, granted)?;
                let image = build::for_run(project, recipe, own, console).await?;
                let digest = image.to_string();
                Self::container(
                    own,
                    image,
                    project,
                    (project.manifest().image().to_string(), digest),
                )
                .await
            }
            (Aim::Package(unpacked), Some(own)) => {
                let project = &unpacked.project;
                let recipe = Recipe::of_package(project, granted)?;
                let image = build::for_run(project, recipe, own, console).await?;
                let name = format!("{} {}", project.manifest().id(), project.manifest().version());
                Self::container(own, image, project, (name, unpacked.digest.clone())).await
            }
            (Aim::Image { image, about }, Some(own)) => {
                let id = local(own.engine(), image).await?;
                let digest = id.to_string();
                Self::container(own, id, about, (image.to_string(), digest)).await
            }
            (Aim::Folder(project) | Aim::Image { about: project, .. }, None) => {
                console.note(format_args!("{} is tested as a program", project.manifest().id()));
                Self::program(program(project).await?, Some(project))
            }
            (Aim::Package(_), None) => {
                let message = "a package is tested in a container, and there is no engine";
                Err(Failure::new(Exit::Unreachable, "no_engine", message).help("start Docker"))
            }
        }
    }

    fn program(program: Program, about: Option<&Project>) -> Result<Self, Failure> {
        let target = Target::program(program);
        let name = about.map_or_else(
            || target.to_string(),
            |project| project.manifest().id().to_string(),
        );
        Ok(Self {
            target,
            declaration: declared(about)?,
            name,
        })
    }

    async fn container(
        own: &Own,
        image: ImageId,
        project: &Project,
        named: (String, String),
    ) -> Result<Self, Failure> {
        let declaration = declared(Some(project))?;
        let name = named.0.clone();
        let containers = Containers::new(own, image, project.manifest(), named).await?;
        Ok(Self {
            target: Target::launcher(containers),
            declaration,
            name,
        })
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
    let url: Url = url.parse().map_err(|error: BadUrl| bad(error.to_string()))?;
    let found = timeout(REACHED, TcpStream::connect(url.address())).await;
    let why = match found {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer within {REACHED:?}")),
    };
    if let Some(why) = why {
        let message = format!("nothing answers at {url}: {why}");
        return Err(Failure::new(Exit::Unreachable, "unreachable", message)
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
