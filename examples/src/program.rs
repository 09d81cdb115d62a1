//! Programs that cargo builds for others to run.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tokio::process::Command;

use crate::Failure;

/// The flag that links the C library into the program, so that it needs no other file.
const STATIC: &str = "-C target-feature=+crt-static";

/// Which program, and how it is built.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// The package.
    pub package: &'a str,
    /// Its program.
    pub target: Target<'a>,
    /// The profile.
    pub profile: &'a str,
    /// How it is linked.
    pub linkage: Linkage,
}

/// A program of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target<'a> {
    /// One of its binaries.
    Bin(&'a str),
    /// One of its examples.
    Example(&'a str),
}

/// How a program is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Linkage {
    /// With shared libraries.
    Dynamic,
    /// With no shared library, as in an image from scratch. The flag is set for every crate, so the
    /// build has a target folder of its own and shares nothing with others.
    Static,
    /// The same result, with the flag for the program alone: its dependencies are those of other
    /// builds of the same package.
    StaticProgram,
}

impl Program<'_> {
    /// Builds it and returns where it is.
    ///
    /// # Errors
    /// What cargo complains about.
    pub async fn build(&self) -> Result<PathBuf, Failure> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let (kind, name) = match self.target {
            Target::Bin(name) => ("--bin", name),
            Target::Example(name) => ("--example", name),
        };
        let mut command = Command::new(cargo);
        command
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
            .arg(if self.linkage == Linkage::StaticProgram {
                "rustc"
            } else {
                "build"
            })
            .args(["--package", self.package, kind, name])
            .args(["--profile", self.profile, "--message-format=json"]);
        match self.linkage {
            Linkage::Dynamic => {}
            Linkage::Static => {
                let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
                // Naming the target keeps the flag away from build scripts and macros, which cannot
                // be static.
                command.env("RUSTFLAGS", STATIC).args(["--target", &target]);
            }
            Linkage::StaticProgram => {
                command
                    .arg("--")
                    .args(STATIC.split(' '))
                    .args(["-C", "strip=symbols"]);
            }
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
