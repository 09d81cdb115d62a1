use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use super::ignore::IgnoreRules;
use crate::engine::{
    build::BuildContext,
    error::{EngineError, EngineErrorKind},
};

/// Largest folder that is sent to the engine, in bytes of its archive: it is held in memory.
const MAX_BYTES: u64 = 200 << 20;

/// Packs a folder for the engine. It blocks on the file system.
pub(super) fn pack(context: &BuildContext) -> Result<Vec<u8>, EngineError> {
    pack_within(context, MAX_BYTES)
}

fn pack_within(context: &BuildContext, max_bytes: u64) -> Result<Vec<u8>, EngineError> {
    let refuse = |message: String| {
        EngineError::new(
            EngineErrorKind::Rejected,
            "build",
            context.folder().display().to_string(),
            message,
        )
    };
    let root = fs::canonicalize(context.folder())
        .map_err(|error| refuse(format!("the folder cannot be read ({error})")).with_source(error))?;
    let Some(dockerfile) = inside(Path::new(context.dockerfile())) else {
        return Err(refuse(format!(
            "the Dockerfile {} lies outside of the folder",
            context.dockerfile()
        )));
    };
    if context.content().is_none() && !root.join(&dockerfile).is_file() {
        return Err(refuse(format!(
            "there is no {} in the folder",
            dockerfile.display()
        )));
    }
    // A missing file has no rules; one that cannot be read must not make secrets travel.
    let rules = match fs::read_to_string(root.join(".dockerignore")) {
        Ok(text) => IgnoreRules::parse(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => IgnoreRules::default(),
        Err(error) => return Err(refuse(format!(".dockerignore cannot be read ({error})"))),
    };
    let mut packer = Packer {
        root: &root,
        dockerfile: &dockerfile,
        content: context.content(),
        rules,
        max_bytes,
        has_dockerfile: false,
        archive: tar::Builder::new(Vec::new()),
    };
    packer
        .folder(Path::new(""))
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
    root: &'a Path,
    dockerfile: &'a Path,
    /// What stands for the Dockerfile in the folder.
    content: Option<&'a [u8]>,
    rules: IgnoreRules,
    max_bytes: u64,
    has_dockerfile: bool,
    archive: tar::Builder<Vec<u8>>,
}

impl Packer<'_> {
    fn folder(&mut self, folder: &Path) -> Result<(), Problem> {
        let unreadable = |error: io::Error| Problem(format!("{} cannot be read ({error})", folder.display()));
        let entries = fs::read_dir(self.root.join(folder)).map_err(unreadable)?;
        let mut names = entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(unreadable)?;
        // The order of a directory is arbitrary, and the engine's build cache should
        // not depend on it.
        names.sort();
        for name in names {
            self.entry(&folder.join(name))?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path) -> Result<(), Problem> {
        let whole = self.root.join(path);
        let unreadable = |error: io::Error| Problem(format!("{} cannot be read ({error})", path.display()));
        // Not the metadata of what a link leads to.
        let metadata = fs::symlink_metadata(&whole).map_err(unreadable)?;
        let ignored = self.is_ignored(path);
        if metadata.is_dir() {
            if ignored && !self.rules.takes_something_back() && !self.dockerfile.starts_with(path) {
                return Ok(());
            }
            if !ignored {
                self.append(path, &metadata, tar::EntryType::Directory, &[])?;
            }
            return self.folder(path);
        }
        if ignored {
            return Ok(());
        }
        self.has_dockerfile |= path == self.dockerfile;
        if path == self.dockerfile
            && let Some(content) = self.content
        {
            if !metadata.is_file() {
                return Err(Problem(format!(
                    "{} is no file any more: put the Dockerfile itself there",
                    path.display()
                )));
            }
            return self.append(path, &metadata, tar::EntryType::Regular, content);
        }
        if metadata.is_symlink() {
            let target = fs::read_link(&whole).map_err(unreadable)?;
            return self.link(path, &target, &metadata);
        }
        if !metadata.is_file() {
            let message = format!(
                "{} is neither a file nor a folder: remove or ignore it",
                path.display()
            );
            return Err(Problem(message));
        }
        self.check_size(metadata.len())?;
        let content = fs::read(&whole).map_err(unreadable)?;
        self.append(path, &metadata, tar::EntryType::Regular, &content)
    }

    /// The engine needs the Dockerfile whatever the rules say.
    fn is_ignored(&self, path: &Path) -> bool {
        let parts: Vec<_> = path
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect();
        path != self.dockerfile && self.rules.ignores(&parts.join("/"))
    }

    fn link(&mut self, path: &Path, target: &Path, metadata: &fs::Metadata) -> Result<(), Problem> {
        if leaves(path, target) {
            let (path, target) = (path.display(), target.display());
            return Err(Problem(format!(
                "the link {path} leads out of the folder, to {target}: remove or ignore it"
            )));
        }
        let mut header = header(metadata, tar::EntryType::Symlink, 0);
        self.archive
            .append_link(&mut header, path, target)
            .map_err(|error| Problem(format!("{} cannot be packed ({error})", path.display())))?;
        self.check_size(0)
    }

    fn append(
        &mut self,
        path: &Path,
        metadata: &fs::Metadata,
        kind: tar::EntryType,
        content: &[u8],
    ) -> Result<(), Problem> {
        let mut header = header(metadata, kind, content.len() as u64);
        self.archive
            .append_data(&mut header, path, content)
            .map_err(|error| Problem(format!("{} cannot be packed ({error})", path.display())))?;
        self.check_size(0)
    }

    /// Refuses before a file is read, so that a huge one never reaches memory.
    fn check_size(&self, next: u64) -> Result<(), Problem> {
        let packed = self.archive.get_ref().len() as u64;
        if packed.saturating_add(next) <= self.max_bytes {
            return Ok(());
        }
        let mebibytes = self.max_bytes >> 20;
        Err(Problem(format!(
            "the folder holds more than {mebibytes} MiB: list what the build does not need in .dockerignore"
        )))
    }
}

fn header(metadata: &fs::Metadata, kind: tar::EntryType, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    // Who owns a file here means nothing inside an image; what may be executed does.
    header.set_metadata_in_mode(metadata, tar::HeaderMode::Deterministic);
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
    use std::{io::Read, os::unix::fs::symlink};

    use super::*;

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
        let tar = pack(&BuildContext::new(folder.path(), "Dockerfile")).unwrap();
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
        let error = pack(&BuildContext::new(folder.path(), "Dockerfile")).unwrap_err();
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
        let judged =
            BuildContext::new(folder.path(), "./Dockerfile").with_content(b"FROM scratch\n".to_vec());
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
        let dotted = BuildContext::new(folder.path(), "./Dockerfile");
        assert_eq!(
            pack(&dotted).unwrap(),
            pack(&BuildContext::new(folder.path(), "Dockerfile")).unwrap()
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
            let error = pack(&BuildContext::new(folder.path(), outside)).unwrap_err();
            assert!(error.message().contains("lies outside of the folder"), "{error}");
        }
    }

    #[test]
    fn a_folder_that_is_too_large_is_refused_with_the_way_out() {
        let folder = folder(&[("Dockerfile", ""), ("big", &"x".repeat(3 << 20))]);
        let context = BuildContext::new(folder.path(), "Dockerfile");
        assert!(pack_within(&context, 4 << 20).is_ok());
        let error = pack_within(&context, 2 << 20).unwrap_err();
        assert!(
            error.message().contains("more than 2 MiB") && error.message().contains(".dockerignore"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_folder_names_itself() {
        let error = pack(&BuildContext::new("/nowhere/at/all", "Dockerfile")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}
