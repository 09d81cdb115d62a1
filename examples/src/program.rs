//! Programs that cargo builds for others to run.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tokio::process::Command;

use crate::Failure;

/// Which program, and how it is built.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// The package.
    pub package: &'a str,
    /// Its binary, if it is not named as the package.
    pub binary: Option<&'a str>,
    /// The profile.
    pub profile: &'a str,
    /// Whether it needs nothing but itself, as in an image from scratch.
    pub is_static: bool,
}

impl Program<'_> {
    /// Builds it and returns where it is.
    ///
    /// # Errors
    /// What cargo complains about.
    pub async fn build(&self) -> Result<PathBuf, Failure> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
            .args(["build", "--package", self.package, "--profile", self.profile])
            .arg("--message-format=json");
        let name = self.binary.unwrap_or(self.package);
        command.args(["--bin", name]);
        if self.is_static {
            let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
            // Naming the target keeps the flags away from build scripts and macros, which cannot be static.
            command
                .env("RUSTFLAGS", "-C target-feature=+crt-static")
                .args(["--target", &target]);
        }
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("cargo could not build {name}:\n{complaint}").into());
        }
        executable(&output.stdout, name).ok_or_else(|| format!("cargo names no executable of {name}").into())
    }
}

/// The executable that cargo's messages name; its place depends on the target folder of whoever runs this.
fn executable(messages: &[u8], name: &str) -> Option<PathBuf> {
    String::from_utf8_lossy(messages)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message.pointer("/target/name") == Some(&Value::from(name)))
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
}
