//! `hap doctor` on a machine that a test has broken.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

const HAP: &str = env!("CARGO_BIN_EXE_hap");

/// A machine: a folder with a state folder, and what `hap` is told in its environment.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) folder: TempDir,
    environment: BTreeMap<String, String>,
    user: Option<u32>,
    wrapper: Vec<String>,
}

/// What was found besides what is fine, by its id: the result, and what mends it.
pub(crate) type Found = BTreeMap<String, (String, String)>;

impl Machine {
    /// A machine whose engine is at this address.
    pub(crate) fn new(engine: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Another user has to get there too.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let machine = Self {
            folder,
            environment: BTreeMap::from([("DOCKER_HOST".to_owned(), engine.to_owned())]),
            user: None,
            wrapper: Vec::new(),
        };
        fs::DirBuilder::new().mode(0o700).create(machine.state()).unwrap();
        machine
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// Writes a file, and its folder's other files know nothing of it.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Gives the host a configuration file.
    pub(crate) fn configure(&mut self, toml: &str) {
        let path = self.write("hap.toml", toml);
        self.set("HAP_CONFIG", &path.display().to_string());
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// Runs `hap` as this user, from a copy that the user may read.
    pub(crate) fn become_user(&mut self, id: u32) {
        fs::copy(HAP, self.path("hap")).unwrap();
        fs::set_permissions(self.path("hap"), fs::Permissions::from_mode(0o755)).unwrap();
        self.user = Some(id);
    }

    /// Runs `hap` by another program, which is given its command line.
    pub(crate) fn wrap(&mut self, line: &[&str]) {
        self.wrapper = line.iter().map(|word| (*word).to_owned()).collect();
    }

    /// Starts a host on the machine's state folder.
    pub(crate) fn start_host(&self) -> Child {
        let mut command = Command::new(HAP);
        command
            .arg("up")
            .env("HAP_STATE", self.state())
            .envs(&self.environment);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// Starts the doctor, whose end is somebody else's.
    pub(crate) fn start(&self) -> Child {
        let mut command = Command::new(HAP);
        command
            .arg("doctor")
            .env("HAP_STATE", self.state())
            .envs(&self.environment);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let hap = match self.user {
            Some(_) => self.path("hap").display().to_string(),
            None => HAP.to_owned(),
        };
        let line: Vec<_> = self.wrapper.iter().cloned().chain([hap]).collect();
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).arg("doctor").args(arguments);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path());
        command.env("HAP_STATE", self.state()).envs(&self.environment);
        command.stdin(Stdio::null()).current_dir("/");
        if let Some(id) = self.user {
            std::os::unix::process::CommandExt::uid(&mut command, id);
            std::os::unix::process::CommandExt::gid(&mut command, id);
        }
        command.output().unwrap()
    }

    /// What the doctor finds. The exit code says whether something has to be mended.
    pub(crate) fn found(&self, arguments: &[&str]) -> Found {
        let line: Vec<_> = ["--json"].iter().chain(arguments).copied().collect();
        let output = self.run(&line);
        let told: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let findings = told["result"]["findings"]
            .as_array()
            .unwrap_or_else(|| panic!("{told:#}"));
        let wrong = findings
            .iter()
            .filter(|finding| ["warn", "fix"].contains(&finding["result"].as_str().unwrap()));
        let found: Found = wrong
            .map(|finding| {
                (
                    text(finding, "id"),
                    (text(finding, "result"), text(finding, "fix")),
                )
            })
            .collect();
        let has_fix = found.values().any(|(result, _)| result == "fix");
        assert_eq!(output.status.code(), Some(i32::from(has_fix)), "{told:#}");
        // What is not known says why, so that nobody takes it for fine.
        for finding in findings {
            assert!(!text(finding, "message").is_empty(), "{finding:#}");
        }
        found
    }

    /// Holds that exactly this is found besides what was found before, and that this mends it.
    pub(crate) fn finds(&self, arguments: &[&str], before: &Found, id: &str, result: &str, fix: &str) {
        let mut found = self.found(arguments);
        found.retain(|id, told| before.get(id) != Some(told));
        let ids: Vec<_> = found.keys().map(String::as_str).collect();
        assert_eq!(ids, [id], "{found:#?}");
        let (told, command) = &found[id];
        assert_eq!(told, result, "{found:#?}");
        assert!(command.contains(fix), "{command:?} is not {fix:?}");
    }
}

/// Where a path is shown in a command.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}
