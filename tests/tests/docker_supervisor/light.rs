//! The example plugin, ready to be built into an image.

use std::{fs, path::Path};

use tempfile::TempDir;
use tokio::sync::OnceCell;

static BINARY: OnceCell<Vec<u8>> = OnceCell::const_new();

/// A folder with the light's manifest, its Dockerfile, its other files and its static binary, which is built once for
/// each test program.
pub(crate) async fn folder() -> TempDir {
    let source = hap_examples::light::folder();
    let binary = BINARY
        .get_or_init(async || {
            let program = hap_examples::light::build()
                .await
                .expect("the light can be built");
            fs::read(program).expect("the executable can be read")
        })
        .await;
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
