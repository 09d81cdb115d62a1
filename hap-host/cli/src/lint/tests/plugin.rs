//! A plugin that a test makes and spoils.

use std::{
    cell::{Cell, RefCell},
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use hap_manifest::package::{PackOptions, pack};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::lint::{
    RULES, apply, check,
    finding::Finding,
    subject::Subject,
    view::{Refusal, View},
};

const DOCKERFILE: &str = "\
FROM scratch
COPY bell /bell
COPY --chown=65534:65534 data /data
ENV HAP_DATA_DIR=/data
USER 65534:65534
EXPOSE 8000
HEALTHCHECK CMD [\"/bell\", \"healthcheck\"]
ENTRYPOINT [\"/bell\"]
";
const README: &str = "\
# bell

Rings when somebody is at the door. It needs a button at a pin of the computer; the settings say which.
";

pub(super) struct Plugin {
    folder: TempDir,
    more: RefCell<Vec<Refusal>>,
    is_package: Cell<bool>,
}

impl Plugin {
    /// A plugin with which nothing is wrong.
    pub(super) fn new() -> Self {
        let plugin = Self {
            folder: tempfile::tempdir().unwrap(),
            more: RefCell::default(),
            is_package: Cell::new(false),
        };
        fs::create_dir(plugin.path("data")).unwrap();
        let manifest = json!({
            "id": "bell",
            "name": "Bell",
            "version": "1.0.0",
            "description": "Rings when somebody is at the door",
            "author": "Example Home",
            "image": "example/bell:1.0.0",
            "api_port": 8000,
            "license": "MIT",
            "tags": ["door"],
            "volumes": ["/data"],
        });
        plugin
            .write("manifest.json", serde_json::to_string_pretty(&manifest).unwrap())
            .write("Dockerfile", DOCKERFILE)
            .write("README.md", README)
            .write("CHANGELOG.md", "# Changelog\n\n## 1.0.0\n\nThe first one.\n")
            .write("conformance.json", "{\"commands\": [{\"command\": \"ring\"}]}")
            .write("data/README", "Made for its owner.\n")
            .program("bell", &program(62, None));
        plugin
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    pub(super) fn program(&self, name: &str, content: &[u8]) -> &Self {
        self.write(name, content);
        self.mode(name, 0o755)
    }

    pub(super) fn mode(&self, name: &str, mode: u32) -> &Self {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    /// A file of so many bytes that takes no room.
    pub(super) fn sized(&self, name: &str, bytes: u64) -> &Self {
        fs::File::create(self.path(name)).unwrap().set_len(bytes).unwrap();
        self
    }

    pub(super) fn remove(&self, name: &str) -> &Self {
        fs::remove_file(self.path(name)).unwrap();
        self
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> &Self {
        let content = fs::read(self.path(from)).unwrap();
        self.remove(from).write(to, content)
    }

    pub(super) fn link(&self, target: &str, name: &str) -> &Self {
        std::os::unix::fs::symlink(target, self.path(name)).unwrap();
        self
    }

    pub(super) fn socket(&self, name: &str) -> &Self {
        std::os::unix::net::UnixListener::bind(self.path(name)).unwrap();
        self
    }

    /// Sets a field of the manifest.
    pub(super) fn set(&self, field: &str, value: Value) -> &Self {
        self.edit(|manifest| {
            manifest.insert(field.to_owned(), value);
        })
    }

    pub(super) fn unset(&self, field: &str) -> &Self {
        self.edit(|manifest| {
            manifest.remove(field);
        })
    }

    fn edit(&self, edit: impl FnOnce(&mut serde_json::Map<String, Value>)) -> &Self {
        let text = fs::read_to_string(self.path("manifest.json")).unwrap();
        let mut manifest: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
        edit(&mut manifest);
        self.write("manifest.json", serde_json::to_string_pretty(&manifest).unwrap())
    }

    /// Replaces a part of the text of a file.
    pub(super) fn replace(&self, name: &str, from: &str, to: &str) -> &Self {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{from} is not in {name}");
        self.write(name, text.replacen(from, to, 1))
    }

    pub(super) fn docker(&self, from: &str, to: &str) -> &Self {
        self.replace("Dockerfile", from, to)
    }

    /// What no folder of a test can be made to have.
    pub(super) fn refuse(&self, refusal: Refusal) -> &Self {
        self.more.borrow_mut().push(refusal);
        self
    }

    /// Goes on as the package of what there is.
    pub(super) fn pack(&self) -> &Self {
        let package = pack(self.folder.path(), &PackOptions::new()).unwrap();
        fs::write(self.path("package.zip"), package.into_bytes()).unwrap();
        self.is_package.set(true);
        self
    }

    pub(super) fn subject(&self) -> Subject {
        let view = match self.is_package.get() {
            true => View::of_package(&self.path("package.zip")),
            false => View::of_folder(self.folder.path()),
        };
        let mut view = view.unwrap();
        view.refusals.extend(self.more.take());
        Subject::new(view, "amd64")
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        findings(&self.subject())
    }

    /// What is found in another folder.
    pub(super) fn at(folder: &Path) -> Vec<Finding> {
        findings(&Subject::new(View::of_folder(folder).unwrap(), "amd64"))
    }
}

fn findings(subject: &Subject) -> Vec<Finding> {
    apply(subject, check(subject, &RULES), &[])
}

/// The beginning of a program for a processor, with or without a loader.
pub(super) fn program(machine: u8, loader: Option<&str>) -> Vec<u8> {
    let mut head = vec![0_u8; 120];
    head[..6].copy_from_slice(b"\x7fELF\x02\x01");
    head[18] = machine;
    head[32] = 64;
    head[54] = 56;
    if let Some(loader) = loader {
        head[56] = 1;
        head[64] = 3;
        head[72] = 120;
        head[96] = u8::try_from(loader.len() + 1).unwrap();
        head.extend_from_slice(loader.as_bytes());
        head.push(0);
    }
    head
}
