use std::path::PathBuf;

use clap::Args;
use hap_manifest::{ImageRef, permission::Permission};
use serde_json::json;

use crate::{
    build::program_for_image,
    cargo::Arch,
    engine::{Recipe, connect},
    failure::{Exit, Failure},
    project::Project,
    terminal::{Console, Interrupt},
};

/// Builds a plugin's program, where it is in Rust, and its image
///
/// The program is static and small, and goes beside the Dockerfile, which copies it. The image gets the name that the
/// manifest says. A Dockerfile that does more than copy files into an empty image takes a word of yours, as it does where the
/// plugin is installed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap build
    hap build ./bell --tag bell:test
    hap build --arch arm64
    hap build --no-image
    hap build --grant build")]
pub(crate) struct Build {
    /// The plugin's folder
    #[arg(default_value = ".")]
    path: PathBuf,

    /// The processor that it is for [default: this machine's]
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,

    /// The name of the image [default: that of the manifest]
    #[arg(long, value_name = "IMAGE", conflicts_with = "no_image")]
    tag: Option<ImageRef>,

    /// Builds the program alone
    #[arg(long)]
    no_image: bool,

    /// Lets the build do more than copy files: `build`
    #[arg(long, value_name = "PERMISSION")]
    grant: Vec<Permission>,
}

impl Build {
    pub(crate) async fn run(self, console: &Console, interrupt: &Interrupt) -> Result<Exit, Failure> {
        let project = Project::open(&self.path)?;
        // Refused before anything is compiled.
        let recipe = Recipe::of_folder(&project, &self.grant)?;
        let engine = if self.no_image {
            None
        } else {
            Some(interrupt.or(connect()).await??)
        };
        let built = interrupt.or(program_for_image(&project, &recipe, self.arch));
        let program = built.await??;
        let Some(engine) = engine else {
            let Some(program) = program else {
                let message = "there is no program to build: it is not in Rust, or its Dockerfile builds it";
                return Err(
                    Failure::new(Exit::Usage, "nothing_to_build", message).help("leave --no-image out")
                );
            };
            let text = format!("built {}", program.display());
            console.result("build", &json!({"program": program}), text);
            return Ok(Exit::Done);
        };
        let tag = self.tag.unwrap_or_else(|| project.manifest().image().clone());
        let platform = self.arch.map(|arch| format!("linux/{arch}"));
        let progress = console.progress(format!("building the image {tag}"));
        let only_copies = recipe.only_copies();
        let build = tokio::spawn({
            let (tag, tell) = (tag.clone(), progress.teller());
            async move { recipe.build_named(&engine, &tag, platform, tell).await }
        });
        let abort = build.abort_handle();
        let done = async {
            let broke_off = |_| Failure::new(Exit::Failed, "not_built", "the build broke off");
            build.await.map_err(broke_off)?
        };
        let image = if only_copies {
            // The builder would leave the half of an image: it ends in a moment.
            interrupt.outlast(FINISHING, console, done).await?
        } else {
            interrupt.or(done).await.inspect_err(|_| abort.abort())??
        };
        drop(progress);
        let text = format!("built {tag} ({image})");
        console.result(
            "build",
            &json!({"program": program, "image": tag, "id": image.as_str()}),
            text,
        );
        Ok(Exit::Done)
    }
}

/// Said to who interrupts the last step.
const FINISHING: &str = "the image is built in a moment, and then this ends";
