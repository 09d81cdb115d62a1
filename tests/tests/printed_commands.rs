//! What each example plugin's README prints, done: `docker build`, `docker run`, `curl`, and a plugin without a host is well.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as the tests do, and say why"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use hap_examples::program::{Linkage, Program, Target};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

const DEADLINE: Duration = Duration::from_secs(30);
const MIB: u64 = 1024 * 1024;

#[tokio::test]
#[ignore = "needs a Docker engine and the docker command"]
async fn the_light_runs_by_the_commands_of_its_readme() {
    let light = Example::build("light").await;
    let container = light.run();
    assert_eq!(container.health().await["status"], "healthy");
    assert!(
        container.resident_bytes() < 6 * MIB,
        "{} B",
        container.resident_bytes()
    );
    container.check_life_alone("light");
}

#[tokio::test]
#[ignore = "needs a Docker engine and the docker command"]
async fn the_thermostat_runs_by_the_commands_of_its_readme() {
    let container = Example::build("thermostat").await.run();
    assert_eq!(container.health().await["status"], "healthy");
    container.check_life_alone("thermostat");
}

#[tokio::test]
#[ignore = "needs a Docker engine and the docker command"]
async fn the_bridge_runs_by_the_commands_of_its_readme() {
    let container = Example::build("bridge").await.run();
    let health = container.health().await;
    // It knows no broker yet, and says so.
    assert_eq!(health["status"], "degraded", "{health}");
    container.check_life_alone("bridge");
}

/// An image of an example. It has a name of its own, since others may build one of the printed name at the same time.
struct Example {
    tag: String,
}

impl Example {
    async fn build(name: &'static str) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../examples")
            .join(name);
        let readme = fs::read_to_string(source.join("README.md")).unwrap();
        let target = format!("-p {name} --target x86_64-unknown-linux-gnu");
        for printed in [
            format!(r#"RUSTFLAGS="-C target-feature=+crt-static" cargo build --profile small {target}"#),
            format!("docker build -t {name} ."),
            format!("docker run -p 127.0.0.1:8000:8000 -e HAP_BIND=0.0.0.0 {name}"),
            "curl http://localhost:8000/health".to_owned(),
        ] {
            assert!(
                readme.lines().any(|line| line == printed),
                "{printed} in {readme}"
            );
        }
        let program = Program {
            package: name,
            target: Target::Bin(name),
            profile: "small",
            linkage: Linkage::Static,
        };
        let folder = context(&source, &program.build().await.unwrap(), name);
        let tag = format!("hap-tests-printed-{name}:{}", std::process::id());
        let example = Self { tag };
        docker(
            Command::new("docker")
                .args(["build", "-t", &example.tag, "."])
                .current_dir(&folder),
        );
        let size = docker_says(&["image", "inspect", "--format", "{{.Size}}", &example.tag]);
        assert!(size.parse::<u64>().unwrap() < 6 * MIB, "{size} B");
        example
    }

    /// On whichever port is free, since 8000 may not be.
    fn run(self) -> Container {
        let options = ["--publish", "127.0.0.1::8000", "--env", "HAP_BIND=0.0.0.0"];
        let run = [&["run", "--detach"][..], &options, &[&self.tag]].concat();
        let id = docker_says(&run);
        let mut container = Container {
            id,
            address: String::new(),
            _image: self,
        };
        container.address = container.says(&["port"], &["8000/tcp"]);
        container
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        remove(&["image", "rm", "--force", &self.tag]);
    }
}

/// What its `.dockerignore` lets into the image, in a folder that is not under version control.
fn context(source: &Path, program: &Path, name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    for file in ["Dockerfile", ".dockerignore", "data/README"] {
        fs::copy(source.join(file), folder.path().join(file)).unwrap();
    }
    // With its permissions.
    fs::copy(program, folder.path().join(name)).unwrap();
    folder
}

struct Container {
    id: String,
    address: String,
    // Removed after the container.
    _image: Example,
}

impl Container {
    fn says(&self, before: &[&str], after: &[&str]) -> String {
        docker_says(&[before, &[self.id.as_str()], after].concat())
    }

    /// Its first answer, as `curl` would show it.
    async fn health(&self) -> Value {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let begun = Instant::now();
        loop {
            let answer = client.get(format!("http://{}/health", self.address)).send().await;
            match answer {
                Ok(answer) if answer.status().is_success() => return answer.json().await.unwrap(),
                answer => assert!(
                    begun.elapsed() < DEADLINE,
                    "{answer:?}: {}",
                    self.says(&["logs"], &[])
                ),
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn resident_bytes(&self) -> u64 {
        let process = self.says(&["inspect", "--format", "{{.State.Pid}}"], &[]);
        let status = fs::read_to_string(PathBuf::from("/proc").join(process).join("status")).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// It says what it lacks, knows its own health, and goes when it is asked to.
    fn check_life_alone(&self, name: &str) {
        let log = self.says(&["logs"], &[]);
        for lack in ["no HAP_API_TOKEN", "no PLATFORM_API_URL"] {
            assert!(log.contains(lack), "{lack} in {log}");
        }
        self.says(&["exec"], &[&format!("/{name}"), "healthcheck"]);
        self.says(&["stop"], &[]);
        assert_eq!(
            self.says(&["inspect", "--format", "{{.State.ExitCode}}"], &[]),
            "0"
        );
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        remove(&["rm", "--force", "--volumes", &self.id]);
    }
}

fn docker_says(arguments: &[&str]) -> String {
    docker(Command::new("docker").args(arguments))
}

/// What it says on its standard output. Without an engine the test fails: one that silently does not run proves nothing.
fn docker(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    if !output.status.success() {
        panic!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn remove(arguments: &[&str]) {
    // Nothing can be done about what stays.
    let _ = Command::new("docker")
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}
