use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

use super::{
    elf,
    group::Group,
    package::{RustPlugin, no_cargo},
    target::Arch,
};
use crate::failure::{Exit, Failure};

impl RustPlugin {
    /// Builds the program as it is tried out: quickly, for this machine. Cargo's output goes to standard error.
    pub(crate) async fn build_debug(&self) -> Result<PathBuf, Failure> {
        self.cargo_build(&[], &[]).await
    }

    /// Builds the program as an image holds it: small, static, for this processor.
    pub(crate) async fn build_static(&self, arch: Arch) -> Result<PathBuf, Failure> {
        let mut variables = arch.tools(&self.folder).await?;
        let mut flags = env::var_os("RUSTFLAGS").unwrap_or_default();
        if !flags.is_empty() {
            flags.push(" ");
        }
        flags.push("-C target-feature=+crt-static");
        variables.push(("RUSTFLAGS", flags));
        let profile = if self.has_small { "small" } else { "release" };
        // Naming the target keeps the flag away from procedural macros, which cannot be static.
        let arguments = ["--profile", profile, "--target", arch.triple()];
        let program = self.cargo_build(&arguments, &variables).await?;
        let bytes = fs::read(&program).map_err(|error| unreadable(&program, &error))?;
        match elf::fault(&bytes, arch) {
            None => Ok(program),
            Some(fault) => {
                let message = format!("{} cannot be the program of an image: {fault}", program.display());
                Err(Failure::new(Exit::Failed, "unfit_program", message)
                    .help("look for rustflags, a linker or a build.target of your own in .cargo/config.toml"))
            }
        }
    }

    /// Builds the program for an image and puts it where the Dockerfile takes it from: beside it, under its own name.
    pub(crate) async fn build_for_image(&self, arch: Arch) -> Result<PathBuf, Failure> {
        let built = self.build_static(arch).await?;
        let place = self.folder.join(&self.binary);
        if place.is_dir() {
            let message = format!(
                "{} is a folder, and the program has to lie there",
                place.display()
            );
            return Err(
                Failure::new(Exit::Conflict, "in_the_way", message).help("give the folder another name")
            );
        }
        // Renamed at the end, so that whoever packs or builds meanwhile has one or the other.
        let beside = self.folder.join(format!(".{}.new", self.binary));
        let copied = fs::copy(&built, &beside).and_then(|_| fs::rename(&beside, &place));
        copied.map_err(|error| {
            // It may not be there.
            let _ = fs::remove_file(&beside);
            let message = format!("the program cannot be copied to {}: {error}", place.display());
            Failure::new(Exit::Failed, "not_written", message)
        })?;
        Ok(place)
    }

    async fn cargo_build(
        &self,
        arguments: &[&str],
        variables: &[(&'static str, OsString)],
    ) -> Result<PathBuf, Failure> {
        let mut command = Command::new("cargo");
        command
            .args([
                "build",
                "--message-format",
                "json-render-diagnostics",
                "--bin",
                &self.binary,
            ])
            .args(arguments)
            .current_dir(&self.folder);
        for (name, value) in variables {
            command.env(name, value);
        }
        let mut cargo = Group::spawn(&mut command).map_err(|error| no_cargo(&error))?;
        let mut program = None;
        if let Some(output) = cargo.child.stdout.take() {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                program = executable(&line, &self.binary).or(program);
            }
        }
        let status = cargo.child.wait().await;
        match (status, program) {
            (Ok(status), Some(program)) if status.success() => Ok(program),
            _ => {
                let message = format!("cargo did not build the program {}", self.binary);
                Err(Failure::new(Exit::Failed, "build_failed", message)
                    .help("its own messages, above, say why"))
            }
        }
    }
}

/// The program that a message of cargo tells of, if it is this one.
fn executable(line: &str, binary: &str) -> Option<PathBuf> {
    let told: Value = serde_json::from_str(line).ok()?;
    let target = told.get("target")?;
    let is_ours =
        target.get("name")? == binary && target.get("kind")?.as_array()?.iter().any(|kind| kind == "bin");
    let path = told.get("executable")?.as_str()?;
    is_ours.then(|| PathBuf::from(path))
}

fn unreadable(program: &Path, error: &std::io::Error) -> Failure {
    let message = format!("{} cannot be read: {error}", program.display());
    Failure::new(Exit::Failed, "unreadable", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_the_one_that_cargo_tells_of_by_name() {
        let line = |name: &str, kind: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"name":"{name}","kind":["{kind}"]}},"executable":"/t/{name}"}}"#
            )
        };
        assert_eq!(executable(&line("bell", "bin"), "bell"), Some("/t/bell".into()));
        assert_eq!(executable(&line("other", "bin"), "bell"), None);
        assert_eq!(executable(&line("bell", "test"), "bell"), None);
        assert_eq!(executable("Compiling bell", "bell"), None);
    }
}
