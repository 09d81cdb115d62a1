//! The example plugin as a static binary.

use std::path::{Path, PathBuf};

use crate::{Failure, program::Program};

/// The light's folder in this repository.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("light")
}

/// Builds the light as a static binary, as its README does, and returns where it is.
///
/// # Errors
/// What cargo complains about.
pub async fn build() -> Result<PathBuf, Failure> {
    let light = Program {
        package: "light",
        binary: None,
        profile: "small",
        is_static: true,
    };
    light.build().await
}

/// Builds the light and puts it beside its Dockerfile, which copies it into the image.
///
/// # Errors
/// What cargo complains about, or a folder that cannot be written.
pub async fn build_beside_dockerfile() -> Result<PathBuf, Failure> {
    let built = build().await?;
    let beside = folder().join("light");
    std::fs::copy(&built, &beside)?;
    Ok(beside)
}
