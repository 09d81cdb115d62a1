use std::path::PathBuf;

use hap_host::engine::ImageId;

use crate::{
    cargo::{Arch, RustPlugin},
    engine::{Own, Recipe},
    failure::{Exit, Failure},
    project::Project,
    terminal::Console,
};

/// Builds the program that the Dockerfile of a plugin in Rust copies, and puts it beside the Dockerfile. `None` where
/// nothing is built outside of the image: it is another language's, or its Dockerfile builds the program itself.
pub(crate) async fn program_for_image(
    project: &Project,
    recipe: &Recipe,
    arch: Option<Arch>,
) -> Result<Option<PathBuf>, Failure> {
    if !project.folder().join("Cargo.toml").is_file() || !recipe.only_copies() {
        return Ok(None);
    }
    let arch = arch.or_else(Arch::here).ok_or_else(|| {
        let message = "static programs are built for amd64 and arm64, and this machine is neither";
        Failure::new(Exit::Usage, "no_arch", message).help("say for which: --arch arm64")
    })?;
    let plugin = RustPlugin::of(project.folder(), project.manifest().id().as_str()).await?;
    plugin.build_for_image(arch).await.map(Some)
}

/// Builds a plugin's image for one run, which removes it at its end.
pub(crate) async fn for_run(
    project: &Project,
    recipe: Recipe,
    own: &Own,
    console: &Console,
) -> Result<ImageId, Failure> {
    program_for_image(project, &recipe, None).await?;
    let progress = console.progress("building the image");
    recipe.build_for(own, progress.teller()).await
}
