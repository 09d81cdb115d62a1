//! A plugin to try commands on, and what a run of them leaves behind.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use tempfile::TempDir;

/// The command, in a folder and with a home of its own.
pub(crate) fn hap(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hap"));
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .env_remove("HAP_API_TOKEN")
        .env("XDG_STATE_HOME", folder.join(".state"));
    command
}

pub(crate) fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

/// The program, compiled once for all tests of a file: static, so that it runs in an image of nothing else.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = PROGRAM.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bell");
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let compiled = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .args([
                "--edition",
                "2024",
                "--target",
                &target,
                "-C",
                "target-feature=+crt-static",
            ])
            .args(["-C", "opt-level=s", "-C", "strip=symbols", "-o"])
            .arg(&path)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bell.rs"))
            .status();
        assert!(compiled.unwrap().success(), "the fixture compiles");
        (folder, path)
    });
    path
}

/// A folder with the plugin, and an id that no other test has.
pub(crate) struct Bell {
    pub(crate) folder: TempDir,
    /// Where its commands keep what they need for a while.
    temporary: TempDir,
    pub(crate) id: String,
}

impl Bell {
    /// `way` is how it misbehaves: `""`, `crash` or `loopback`.
    pub(crate) fn new(way: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let id = format!("bell-{:08x}", fastrand::u32(..));
        let manifest = format!(
            r#"{{"id":"{id}","name":"Bell","version":"0.1.0","description":"Rings","author":"Test","image":"{id}:0.1.0",
                "api_port":8000,"volumes":["/data"],"env_vars":{{"BELL":"{way}"}},"health_check":{{"start_period":"5s"}}}}"#
        );
        fs::write(folder.path().join("manifest.json"), manifest).unwrap();
        fs::write(
            folder.path().join("conformance.json"),
            r#"{"commands":[{"command":"ring"}],"config":{"valid":{"tone":1}}}"#,
        )
        .unwrap();
        // As few steps as there can be: each takes an engine a while.
        let dockerfile = "FROM scratch\nCOPY bell /bell\nENTRYPOINT [\"/bell\"]\n";
        fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
        fs::copy(program(), folder.path().join("bell")).unwrap();
        let temporary = tempfile::tempdir().unwrap();
        Self {
            folder,
            temporary,
            id,
        }
    }

    pub(crate) fn hap(&self) -> Command {
        let mut command = hap(self.folder.path());
        command.env("TMPDIR", self.temporary.path());
        command
    }

    /// What the engine has of this plugin, and what its commands left of folders.
    #[allow(dead_code, reason = "not every file of tests looks")]
    pub(crate) fn left(&self) -> Vec<String> {
        let of_plugin = format!("label=hap.plugin.id={}", self.id);
        let of_image = format!("label=hap.image.plugin={}", self.id);
        let mut left = docker(&["ps", "-aq", "--filter", &of_plugin]);
        left.extend(docker(&["volume", "ls", "-q", "--filter", &of_plugin]));
        left.extend(docker(&["images", "-aq", "--filter", &of_image]));
        let folders = fs::read_dir(self.temporary.path()).unwrap().flatten();
        left.extend(folders.map(|entry| entry.path().display().to_string()));
        left
    }
}

pub(crate) fn docker(arguments: &[&str]) -> Vec<String> {
    let told = Command::new("docker").args(arguments).output().unwrap();
    assert!(told.status.success(), "{arguments:?}: {told:?}");
    text(&told.stdout).lines().map(str::to_owned).collect()
}
