//! The example plugin as a static binary.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tokio::process::Command;

use crate::Failure;

/// The light's folder in this repository.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("light")
}

/// Builds the light as a static binary, with the command of its README, and returns where it is.
///
/// # Errors
/// What cargo complains about.
pub async fn build() -> Result<PathBuf, Failure> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Naming the target keeps the flags away from build scripts and macros, which cannot be static.
    let output = Command::new(cargo)
        .current_dir(folder())
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .args([
            "build",
            "--package",
            "light",
            "--profile",
            "small",
            "--target",
            &target,
        ])
        .arg("--message-format=json")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("cargo could not build the light:\n{complaint}").into());
    }
    executable(&output.stdout).ok_or_else(|| "cargo names no executable of the light".into())
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

/// The executable that cargo's messages name; its place depends on the target folder of whoever runs this.
fn executable(messages: &[u8]) -> Option<PathBuf> {
    String::from_utf8_lossy(messages)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message.pointer("/target/name") == Some(&Value::from("light")))
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
}
