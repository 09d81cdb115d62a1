//! `hap new`, and what a stranger has after it: each project passes its own tests and keeps to the whole protocol.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

#[cfg(test)]
mod projects;
#[cfg(test)]
mod refusals;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// `hap` in this folder, on no terminal.
fn hap(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hap"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A project that `hap new` made.
struct Project {
    _folder: TempDir,
    path: PathBuf,
}

impl Project {
    /// Within a checkout or anywhere else is all the same to it.
    fn new(id: &str, language: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = hap(folder.path(), &["new", id, "--lang", language]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        assert_eq!(text(&made.stderr), "");
        let path = folder.path().join(id);
        Self {
            _folder: folder,
            path,
        }
    }

    /// Runs a program in its folder, which must succeed.
    #[track_caller]
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.path)
            .stdin(Stdio::null());
        // The tests of the project are nothing of this test's.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG")) {
            command.env_remove(name);
        }
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{program} is needed: {error}"));
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        said
    }

    /// All its files, by name.
    fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&self.path).unwrap().display().to_string();
                    files.insert(name, fs::read_to_string(&path).unwrap());
                }
            }
        }
        files
    }
}
