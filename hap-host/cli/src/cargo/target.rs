use std::{
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use crate::failure::{Exit, Failure};

/// A processor that plugins are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Arch {
    /// `x86_64`: PCs and most servers
    Amd64,
    /// `aarch64`: Raspberry Pi and other small boards
    Arm64,
}

impl Arch {
    /// This machine's, where it is one of them.
    pub(crate) fn here() -> Option<Self> {
        match env::consts::ARCH {
            "x86_64" => Some(Self::Amd64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }

    pub(super) const fn triple(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// What Debian calls it in the names of its compilers.
    const fn gnu(self) -> &'static str {
        match self {
            Self::Amd64 => "x86-64-linux-gnu",
            Self::Arm64 => "aarch64-linux-gnu",
        }
    }

    /// The compiler and linker of another machine's processor.
    const fn gcc(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu-gcc",
            Self::Arm64 => "aarch64-linux-gnu-gcc",
        }
    }

    const fn linker_variable(self) -> &'static str {
        match self {
            Self::Amd64 => "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
            Self::Arm64 => "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER",
        }
    }

    const fn cc_variable(self) -> &'static str {
        match self {
            Self::Amd64 => "CC_x86_64_unknown_linux_gnu",
            Self::Arm64 => "CC_aarch64_unknown_linux_gnu",
        }
    }

    /// Finds what a build for this processor needs. Returns the variables that it takes, and tells at once all that is
    /// missing.
    pub(super) async fn tools(self, folder: &Path) -> Result<Vec<(&'static str, OsString)>, Failure> {
        let mut missing = Vec::new();
        if !self.has_library(folder).await {
            missing.push(format!("rustup target add {}", self.triple()));
        }
        let mut variables = Vec::new();
        let is_given = env::var_os(self.linker_variable()).is_some_and(|linker| !linker.is_empty());
        if Self::here() != Some(self) && !is_given {
            if in_path(self.gcc()).is_none() {
                missing.push(format!(
                    "apt-get install gcc-{} libc6-dev-{self}-cross",
                    self.gnu()
                ));
            }
            variables.push((self.linker_variable(), self.gcc().into()));
            variables.push((self.cc_variable(), self.gcc().into()));
        }
        if missing.is_empty() {
            return Ok(variables);
        }
        let message = format!("this machine lacks what a build for {self} takes");
        let help = format!(
            "{}\nanother linker is named by the variable {}",
            missing.join("\n"),
            self.linker_variable()
        );
        Err(Failure::new(Exit::Failed, "no_toolchain", message).help(help))
    }

    /// Whether the toolchain of this folder has the standard library for it.
    async fn has_library(self, folder: &Path) -> bool {
        let asked = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .args(["--print", "target-libdir", "--target", self.triple()])
            .current_dir(folder)
            .kill_on_drop(true)
            .output();
        let Ok(told) = asked.await else { return false };
        let path = String::from_utf8_lossy(&told.stdout);
        told.status.success() && Path::new(path.trim()).is_dir()
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        })
    }
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}
