//! The example plugin as a static binary.

use std::path::{Path, PathBuf};

use crate::{
    Failure,
    program::{Linkage, Program, Target},
};

/// The profile of this very program, so that its dependencies are not built a second time.
const PROFILE: &str = if cfg!(debug_assertions) { "dev" } else { "release" };

/// The light's folder in this repository.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("light")
}

/// Builds the light as a static binary in little time, and returns where it is.
///
/// # Errors
/// What cargo complains about.
pub async fn build() -> Result<PathBuf, Failure> {
    let light = Program {
        package: env!("CARGO_PKG_NAME"),
        target: Target::Example("quickstart_light"),
        profile: PROFILE,
        linkage: Linkage::StaticProgram,
    };
    light.build().await
}

/// Builds the light as a small static binary, as its README does, and returns where it is. That takes
/// a minute or two the first time.
///
/// # Errors
/// What cargo complains about.
pub async fn build_small() -> Result<PathBuf, Failure> {
    let light = Program {
        package: "light",
        target: Target::Bin("light"),
        profile: "small",
        linkage: Linkage::Static,
    };
    light.build().await
}

/// Puts a binary of the light beside its Dockerfile, which copies it into the image.
///
/// # Errors
/// What building it complains about, or a folder that cannot be written.
pub async fn beside_dockerfile(
    binary: impl Future<Output = Result<PathBuf, Failure>>,
) -> Result<PathBuf, Failure> {
    let beside = folder().join("light");
    std::fs::copy(binary.await?, &beside)?;
    Ok(beside)
}
