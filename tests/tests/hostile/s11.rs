//! A folder that somebody else writes to while it is read.

use std::{
    collections::HashMap,
    fs,
    io::Read as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use bollard::query_parameters::{
    CreateContainerOptions, DownloadFromContainerOptionsBuilder, RemoveContainerOptions,
};
use futures_util::TryStreamExt as _;
use hap_host::{PluginSource, Policy};
use hap_tests::docker::Instance;

use crate::{docker, folder, forget, modest, supervisor};

const SECRET: &str = "only root may read this";

/// Exchanges an entry for a link to something else, and back, for as long as it lives.
struct Exchanger {
    stop: Arc<AtomicBool>,
    turns: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Exchanger {
    fn start(at: PathBuf, target: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let turns = Arc::new(AtomicUsize::new(0));
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&turns));
        let thread = std::thread::spawn(move || {
            let beside = tempfile::tempdir().unwrap();
            let aside = beside.path().join("aside");
            symlink(&target, &aside).unwrap();
            while !stopped.load(Ordering::Relaxed) {
                exchange(&aside, &at);
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self {
            stop,
            turns,
            thread: Some(thread),
        }
    }
}

impl Drop for Exchanger {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        assert!(self.turns.load(Ordering::Relaxed) > 0, "it exchanged something");
    }
}

/// Lets two entries of a folder take each other's place at one instant.
fn exchange(a: &Path, b: &Path) {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).unwrap();
}

/// All files of the image that was built for a plugin, by path.
async fn files(instance: &Instance, plugin: &str) -> HashMap<PathBuf, String> {
    let docker = docker(instance);
    let tag = format!("hap/{}/{plugin}:1.0.0", instance.name());
    let body = bollard::models::ContainerCreateBody {
        image: Some(tag),
        cmd: Some(vec!["/none".to_owned()]),
        ..Default::default()
    };
    let id = docker
        .create_container(None::<CreateContainerOptions>, body)
        .await
        .unwrap()
        .id;
    let options = DownloadFromContainerOptionsBuilder::default().path("/").build();
    let parts: Vec<_> = docker
        .download_from_container(&id, Some(options))
        .try_collect()
        .await
        .unwrap();
    docker
        .remove_container(&id, None::<RemoveContainerOptions>)
        .await
        .unwrap();
    let bytes = parts.concat();
    let mut files = HashMap::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.insert(path, String::from_utf8_lossy(&content).into_owned());
    }
    files
}

/// A folder of root's that nobody else may look into.
fn private() -> tempfile::TempDir {
    let private = tempfile::tempdir().unwrap();
    fs::set_permissions(private.path(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::create_dir(private.path().join("data")).unwrap();
    let manifest = modest("private", "private:1").to_json();
    for (name, content) in [
        ("shadow", SECRET),
        ("data/file", SECRET),
        ("manifest.json", &manifest),
        ("Dockerfile", "FROM scratch\nCOPY file /file\n"),
        (".dockerignore", "nothing\n"),
        ("file", SECRET),
    ] {
        fs::write(private.path().join(name), content).unwrap();
    }
    private
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Docker engine"]
async fn s11_what_is_exchanged_for_a_link_while_a_folder_is_installed_is_never_followed() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let supervisor = supervisor(&instance, state.path(), Policy::default()).await;
    let private = private();
    let manifest = modest("modest", "modest:1");
    let dockerfile = "FROM scratch\nCOPY . /\n";
    for (name, target) in [("file", "shadow"), ("data", "data")] {
        let folder = folder(&manifest, dockerfile, &[]);
        if name == "data" {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join("data/file"), "innocent").unwrap();
        }
        let exchanger = Exchanger::start(folder.path().join(name), private.path().join(target));
        let (mut installed, mut refused) = (0, 0);
        while installed < 2 || refused < 2 {
            // Each build is of other files, so that none is answered from a cache.
            fs::write(
                folder.path().join("turn"),
                format!("{name} {refused} {installed}"),
            )
            .unwrap();
            match supervisor.install(PluginSource::folder(folder.path())).await {
                Ok(_) => {
                    installed += 1;
                    for (path, content) in files(&instance, "modest").await {
                        assert!(!content.contains(SECRET), "{} leaked", path.display());
                    }
                    forget(&supervisor, "modest").await;
                }
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().contains(SECRET), "{error}");
                }
            }
        }
        drop(exchanger);
    }
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s11_a_link_in_place_of_what_is_looked_at_first_is_refused() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let supervisor = supervisor(&instance, state.path(), Policy::default()).await;
    let private = private();
    let manifest = modest("modest", "modest:1");
    for name in ["manifest.json", "Dockerfile", ".dockerignore", "file"] {
        let folder = folder(&manifest, "FROM scratch\nCOPY file /file\n", &[]);
        let at = folder.path().join(name);
        let _ = fs::remove_file(&at);
        symlink(private.path().join(name), &at).unwrap();
        let error = supervisor
            .install(PluginSource::folder(folder.path()))
            .await
            .unwrap_err();
        assert!(!error.to_string().contains(SECRET), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    assert!(supervisor.plugins().is_empty());
}

#[tokio::test]
#[ignore = "needs a Docker engine and root"]
async fn s11_another_name_of_a_root_only_file_is_not_read_for_whoever_owns_the_folder() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let supervisor = supervisor(&instance, state.path(), Policy::default()).await;
    let private = private();
    let shadow = private.path().join("shadow");
    fs::set_permissions(&shadow, fs::Permissions::from_mode(0o600)).unwrap();
    let folder = folder(&modest("modest", "modest:1"), "FROM scratch\nCOPY . /\n", &[]);
    // As somebody may do where the kernel does not protect hard links.
    fs::hard_link(&shadow, folder.path().join("linked")).unwrap();
    std::os::unix::fs::chown(folder.path(), Some(1000), Some(1000)).unwrap();
    let install = || supervisor.install(PluginSource::folder(folder.path()));
    let error = install().await.unwrap_err();
    assert!(error.to_string().contains("linked"), "{error}");
    // Two names of one's own are fine, as compilers make them.
    std::os::unix::fs::chown(&shadow, Some(1000), Some(1000)).unwrap();
    install().await.unwrap();
    forget(&supervisor, "modest").await;
}
