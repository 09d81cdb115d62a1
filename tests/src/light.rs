//! The example plugin, ready to be built into an image.

use std::{fs, path::Path, process::Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{process::Command, sync::OnceCell};

static BINARY: OnceCell<Vec<u8>> = OnceCell::const_new();

/// A folder with the light's manifest, its Dockerfile, its other files and its static binary, which is built once for
/// each test program.
///
/// # Panics
/// When the light cannot be built.
#[expect(clippy::expect_used, reason = "a test cannot go on without its plugin")]
pub async fn folder() -> TempDir {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/light");
    let binary = BINARY.get_or_init(|| build(&source)).await;
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    copy(&source, folder.path());
    let program = folder.path().join("light");
    fs::write(&program, binary).expect("a temporary folder can be written");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("its mode can be set");
    }
    folder
}

/// The same command as in the light's README.
#[expect(clippy::expect_used, reason = "a test cannot go on without its plugin")]
async fn build(source: &Path) -> Vec<u8> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(source)
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
        .output()
        .await
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let messages = String::from_utf8_lossy(&output.stdout);
    let program = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message.pointer("/target/name") == Some(&Value::from("light")))
        .find_map(|message| message.get("executable")?.as_str().map(str::to_owned))
        .expect("cargo names the executable");
    fs::read(program).expect("the executable can be read")
}

#[expect(clippy::expect_used, reason = "a test cannot go on without its plugin")]
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the light's folder can be read") {
        let entry = entry.expect("the light's folder can be read");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a file has a type").is_dir() {
            fs::create_dir_all(&target).expect("a temporary folder can be written");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a temporary folder can be written");
        }
    }
}
