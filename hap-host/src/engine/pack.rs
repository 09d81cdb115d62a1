//! Packs a folder that somebody else may write to meanwhile.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use hap_manifest::package::folder::{EntryKind, OpenFolder};

use super::{
    error::{EngineError, EngineErrorKind},
    ignore::IgnoreRules,
};

/// Largest folder that is sent to the engine, in bytes of its archive: it is held in memory.
const MAX_BYTES: u64 = 200 << 20;

/// Most folders in each other: each is open while what is in it is packed.
const MAX_DEPTH: usize = 100;

/// Largest `.dockerignore`, in bytes.
const MAX_RULES: u64 = 1 << 20;

/// The time of all files in an archive, in seconds since 1970: when a file was written must not
/// make another image. Some programs take 0 for a mistake.
const MTIME: u64 = 1_153_704_088;

/// A folder, and what is known of it before it is packed.
#[derive(Debug, Clone)]
pub(super) struct ContextFolder {
    path: PathBuf,
    /// The folder, where it was opened before.
    opened: Option<Arc<OpenFolder>>,
    dockerfile: String,
    /// What was read of the folder already, by path.
    read: BTreeMap<PathBuf, Arc<[u8]>>,
}

impl ContextFolder {
    pub(super) const fn new(path: PathBuf, dockerfile: String) -> Self {
        Self {
            path,
            opened: None,
            dockerfile,
            read: BTreeMap::new(),
        }
    }

    pub(super) fn with_opened(mut self, folder: Arc<OpenFolder>) -> Self {
        self.opened = Some(folder);
        self
    }

    pub(super) fn with_read(mut self, path: &Path, content: Arc<[u8]>) -> Self {
        let parts = path.components();
        let path = parts.filter(|part| *part != Component::CurDir).collect();
        self.read.insert(path, content);
        self
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn dockerfile(&self) -> &str {
        &self.dockerfile
    }

    pub(super) fn pack(&self) -> Result<Vec<u8>, EngineError> {
        pack_within(self, MAX_BYTES)
    }
}

fn pack_within(context: &ContextFolder, max_bytes: u64) -> Result<Vec<u8>, EngineError> {
    let refuse = |message: String| {
        EngineError::new(
            EngineErrorKind::Rejected,
            "build",
            context.path.display().to_string(),
            message,
        )
    };
    let root = match &context.opened {
        Some(opened) => Arc::clone(opened),
        None => Arc::new(
            OpenFolder::open(&context.path)
                .map_err(|error| refuse(format!("the folder cannot be read ({error})")).with_source(error))?,
        ),
    };
    let Some(dockerfile) = inside(Path::new(&context.dockerfile)) else {
        return Err(refuse(format!(
            "the Dockerfile {} lies outside of the folder",
            context.dockerfile
        )));
    };
    let rules = rules(&root).map_err(|problem| refuse(problem.0))?;
    let mut packer = Packer {
        context,
        dockerfile: &dockerfile,
        rules,
        max_bytes,
        has_dockerfile: false,
        archive: tar::Builder::new(Vec::new()),
    };
    packer
        .folder(&root, Path::new(""), 0)
        .map_err(|problem| refuse(problem.0))?;
    if !packer.has_dockerfile {
        let name = dockerfile.display();
        return Err(refuse(format!("there is no {name} in the folder")));
    }
    packer
        .archive
        .into_inner()
        .map_err(|error| refuse(format!("the folder cannot be packed ({error})")))
}

/// A missing file has no rules; one that cannot be read must not make secrets travel.
fn rules(root: &OpenFolder) -> Result<IgnoreRules, Problem> {
    let unreadable = |why: &str| Problem(format!(".dockerignore cannot be read ({why})"));
    let bytes = match root.file(OsStr::new(".dockerignore")) {
        Ok(file) => file.read(MAX_RULES),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(IgnoreRules::default()),
        Err(error) => Err(error),
    };
    let bytes = bytes
        .map_err(|error| unreadable(&error.to_string()))?
        .ok_or_else(|| unreadable("it has more than 1 MiB"))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8"))?;
    Ok(IgnoreRules::parse(&text))
}

/// A path without `.` in it, or `None` when it may lead elsewhere than down.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => inside.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(inside)
}

/// What keeps a folder from being packed, in words.
struct Problem(String);

struct Packer<'a> {
    context: &'a ContextFolder,
    dockerfile: &'a Path,
    rules: IgnoreRules,
    max_bytes: u64,
    has_dockerfile: bool,
    archive: tar::Builder<Vec<u8>>,
}

impl Packer<'_> {
    fn folder(&mut self, folder: &OpenFolder, path: &Path, depth: usize) -> Result<(), Problem> {
        if depth > MAX_DEPTH {
            return Err(Problem(format!(
                "{} lies in more than {MAX_DEPTH} folders: remove or ignore it",
                path.display()
            )));
        }
        // In order, because the engine's build cache should not depend on that of a directory.
        for name in folder.names().map_err(unreadable(path))? {
            self.entry(folder, &name, &path.join(&name), depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, folder: &OpenFolder, name: &OsStr, path: &Path, depth: usize) -> Result<(), Problem> {
        let kind = folder.kind(name).map_err(unreadable(path))?;
        let ignored = self.is_ignored(path);
        if kind == EntryKind::Folder {
            if ignored && !self.rules.takes_something_back() && !self.dockerfile.starts_with(path) {
                return Ok(());
            }
            let below = folder.folder(name).map_err(unreadable(path))?;
            if !ignored {
                self.append(path, tar::EntryType::Directory, true, &[])?;
            }
            return self.folder(&below, path, depth + 1);
        }
        if ignored {
            return Ok(());
        }
        self.has_dockerfile |= path == self.dockerfile;
        let read = self.context.read.get(path);
        match kind {
            EntryKind::File => {
                let file = folder.file(name).map_err(unreadable(path))?;
                let executable = file.is_executable();
                if let Some(content) = read {
                    return self.append(path, tar::EntryType::Regular, executable, content);
                }
                self.check_size(file.size())?;
                let content = file.read(self.room()).map_err(unreadable(path))?;
                let content = content.ok_or_else(|| self.too_large())?;
                self.append(path, tar::EntryType::Regular, executable, &content)
            }
            _ if read.is_some() || path == self.dockerfile => {
                let path = path.display();
                Err(Problem(format!(
                    "{path} is no file any more: put the file itself there"
                )))
            }
            EntryKind::Link => {
                let target = folder.link(name).map_err(unreadable(path))?;
                self.link(path, &target)
            }
            _ => {
                let path = path.display();
                Err(Problem(format!(
                    "{path} is neither a file nor a folder: remove or ignore it"
                )))
            }
        }
    }

    /// The engine needs the Dockerfile whatever the rules say.
    fn is_ignored(&self, path: &Path) -> bool {
        let parts: Vec<_> = path
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect();
        path != self.dockerfile && self.rules.ignores(&parts.join("/"))
    }

    fn link(&mut self, path: &Path, target: &Path) -> Result<(), Problem> {
        if leaves(path, target) {
            let (path, target) = (path.display(), target.display());
            return Err(Problem(format!(
                "the link {path} leads out of the folder, to {target}: remove or ignore it"
            )));
        }
        let mut header = header(tar::EntryType::Symlink, true, 0);
        self.archive
            .append_link(&mut header, path, target)
            .map_err(unpackable(path))?;
        self.check_size(0)
    }

    fn append(
        &mut self,
        path: &Path,
        kind: tar::EntryType,
        executable: bool,
        content: &[u8],
    ) -> Result<(), Problem> {
        let mut header = header(kind, executable, content.len() as u64);
        self.archive
            .append_data(&mut header, path, content)
            .map_err(unpackable(path))?;
        self.check_size(0)
    }

    /// Refuses before a file is read, so that a huge one never reaches memory.
    fn check_size(&self, next: u64) -> Result<(), Problem> {
        let packed = self.archive.get_ref().len() as u64;
        if packed.saturating_add(next) <= self.max_bytes {
            Ok(())
        } else {
            Err(self.too_large())
        }
    }

    /// Bytes that may still be packed.
    fn room(&self) -> u64 {
        let packed = self.archive.get_ref().len() as u64;
        self.max_bytes.saturating_sub(packed)
    }

    fn too_large(&self) -> Problem {
        let mebibytes = self.max_bytes >> 20;
        Problem(format!(
            "the folder holds more than {mebibytes} MiB: list what the build does not need in .dockerignore"
        ))
    }
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> Problem + use<> {
    let named = if path.as_os_str().is_empty() {
        "the folder".to_owned()
    } else {
        path.display().to_string()
    };
    move |error| Problem(format!("{named} cannot be read ({error})"))
}

fn unpackable(path: &Path) -> impl Fn(io::Error) -> Problem {
    move |error| Problem(format!("{} cannot be packed ({error})", path.display()))
}

/// Who owns a file here means nothing inside an image; what may be executed does.
fn header(kind: tar::EntryType, executable: bool, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(if executable { 0o755 } else { 0o644 });
    header.set_mtime(MTIME);
    header.set_uid(0);
    header.set_gid(0);
    header.set_entry_type(kind);
    header.set_size(size);
    header
}

/// Whether a link at `path`, relative to the root, leads out of the root.
fn leaves(path: &Path, target: &Path) -> bool {
    let mut at: PathBuf = path.parent().map(Path::to_path_buf).unwrap_or_default();
    for part in target.components() {
        match part {
            Component::Normal(name) => at.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !at.pop() {
                    return true;
                }
            }
            Component::RootDir | Component::Prefix(_) => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Read, os::unix::fs::symlink};

    use super::*;

    fn context(folder: &Path, dockerfile: &str) -> ContextFolder {
        ContextFolder::new(folder.to_owned(), dockerfile.to_owned())
    }

    fn pack(context: &ContextFolder) -> Result<Vec<u8>, EngineError> {
        context.pack()
    }

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    fn packed(folder: &tempfile::TempDir) -> Vec<(String, String)> {
        let tar = pack(&context(folder.path(), "Dockerfile")).unwrap();
        let mut archive = tar::Archive::new(tar.as_slice());
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            (entry.path().unwrap().display().to_string(), content)
        });
        entries.collect()
    }

    fn names(folder: &tempfile::TempDir) -> Vec<String> {
        packed(folder)
            .into_iter()
            .map(|(name, _)| name.trim_end_matches('/').to_owned())
            .collect()
    }

    fn refusal(folder: &tempfile::TempDir) -> String {
        let error = pack(&context(folder.path(), "Dockerfile")).unwrap_err();
        assert_eq!(error.kind(), EngineErrorKind::Rejected);
        error.message().to_owned()
    }

    #[test]
    fn a_folder_is_packed_in_order_with_its_content() {
        let folder = folder(&[
            ("Dockerfile", "FROM scratch"),
            ("src/main.rs", "fn main() {}"),
            ("a", ""),
        ]);
        assert_eq!(names(&folder), ["Dockerfile", "a", "src", "src/main.rs"]);
        assert_eq!(packed(&folder)[0].1, "FROM scratch");
        assert_eq!(packed(&folder)[3].1, "fn main() {}");
    }

    #[test]
    fn what_was_judged_is_packed_whatever_became_of_the_file() {
        let folder = folder(&[("Dockerfile", "FROM scratch\nRUN id\n"), ("a", "")]);
        let judged = context(folder.path(), "./Dockerfile")
            .with_read("./Dockerfile".as_ref(), Arc::new(*b"FROM scratch\n"));
        let tar = pack(&judged).unwrap();
        let mut archive = tar::Archive::new(tar.as_slice());
        let mut content = String::new();
        let mut first = archive.entries().unwrap().next().unwrap().unwrap();
        first.read_to_string(&mut content).unwrap();
        assert_eq!(content, "FROM scratch\n");

        fs::remove_file(folder.path().join("Dockerfile")).unwrap();
        symlink("a", folder.path().join("Dockerfile")).unwrap();
        let error = pack(&judged).unwrap_err();
        assert!(error.message().contains("no file any more"), "{error}");
        fs::remove_file(folder.path().join("Dockerfile")).unwrap();
        // Nor is another one built in its place.
        fs::write(folder.path().join("dockerfile"), "FROM scratch\nRUN id\n").unwrap();
        assert!(pack(&judged).is_err());
    }

    #[test]
    fn what_is_ignored_stays_out_but_never_the_dockerfile() {
        let rules = "*\n!bin\n.env\n";
        let folder = folder(&[
            ("Dockerfile", ""),
            (".dockerignore", rules),
            ("bin/x", ""),
            ("target/y", ""),
            (".env", "secret"),
        ]);
        assert_eq!(names(&folder), ["Dockerfile", "bin", "bin/x"]);
        let dotted = context(folder.path(), "./Dockerfile");
        assert_eq!(
            pack(&dotted).unwrap(),
            pack(&context(folder.path(), "Dockerfile")).unwrap()
        );
    }

    #[test]
    fn a_link_inside_is_kept_and_one_that_leaves_is_refused() {
        let folder = folder(&[("Dockerfile", ""), ("lib/one.so", "")]);
        symlink("../Dockerfile", folder.path().join("lib/back")).unwrap();
        assert_eq!(names(&folder), ["Dockerfile", "lib", "lib/back", "lib/one.so"]);
        for target in ["/etc/passwd", "../../etc/passwd", "../lib/../../x"] {
            let link = folder.path().join("lib/out");
            symlink(target, &link).unwrap();
            let message = refusal(&folder);
            assert!(
                message.contains("lib/out leads out of the folder") && message.contains(target),
                "{message}"
            );
            fs::remove_file(link).unwrap();
        }
    }

    #[test]
    fn a_folder_without_its_dockerfile_is_refused() {
        assert_eq!(
            refusal(&folder(&[("a", "")])),
            "there is no Dockerfile in the folder"
        );
        let folder = folder(&[("a", "")]);
        for outside in ["../a", "/etc/hosts"] {
            let error = pack(&context(folder.path(), outside)).unwrap_err();
            assert!(error.message().contains("lies outside of the folder"), "{error}");
        }
    }

    #[test]
    fn a_folder_that_is_too_large_is_refused_with_the_way_out() {
        let folder = folder(&[("Dockerfile", ""), ("big", &"x".repeat(3 << 20))]);
        let whole = context(folder.path(), "Dockerfile");
        assert!(pack_within(&whole, 4 << 20).is_ok());
        let error = pack_within(&whole, 2 << 20).unwrap_err();
        assert!(
            error.message().contains("more than 2 MiB") && error.message().contains(".dockerignore"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_folder_names_itself() {
        let error = pack(&context("/nowhere/at/all".as_ref(), "Dockerfile")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }

    #[test]
    fn a_folder_that_is_exchanged_while_it_is_read_is_still_the_one_that_was_opened() {
        let around = tempfile::tempdir().unwrap();
        let [plugin, theirs] = ["plugin", "theirs"].map(|name| around.path().join(name));
        for (folder, content) in [(&plugin, "ours"), (&theirs, "secret")] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("Dockerfile"), content).unwrap();
        }
        let whole = context(&plugin, "Dockerfile");
        let open = OpenFolder::open(&plugin).unwrap();
        let opened = whole.clone().with_opened(Arc::new(open));
        fs::rename(&plugin, around.path().join("gone")).unwrap();
        symlink("theirs", &plugin).unwrap();
        let content = |context: &ContextFolder| String::from_utf8_lossy(&pack(context).unwrap()).into_owned();
        assert!(content(&opened).contains("ours") && !content(&opened).contains("secret"));
        assert!(
            content(&whole).contains("secret"),
            "links on the way to a folder are followed"
        );
    }

    #[test]
    fn folders_in_each_other_without_end_are_refused() {
        let folder = folder(&[("Dockerfile", ""), (&format!("{}x", "d/".repeat(MAX_DEPTH)), "")]);
        assert_eq!(names(&folder).len(), MAX_DEPTH + 2);
        fs::create_dir(folder.path().join("d/".repeat(MAX_DEPTH)).join("d")).unwrap();
        assert!(refusal(&folder).contains("more than 100 folders"));
    }
}
