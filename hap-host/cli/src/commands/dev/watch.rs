use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::{sync::mpsc, time::timeout};

/// How long nothing has to change before changes are told: an editor writes in several steps.
const QUIET: Duration = Duration::from_millis(200);
/// How long somebody who never stops to write is waited for.
const AT_MOST: Duration = Duration::from_secs(2);
/// Folders that are watched, and files that are told at once.
const MOST_FOLDERS: usize = 1000;
const MOST_FILES: usize = 100;

/// What is no source: what tools make, and what editors keep beside a file.
const IGNORED: [&str; 14] = [
    ".DS_Store",
    ".git",
    ".hap",
    ".hg",
    ".idea",
    ".mypy_cache",
    ".pytest_cache",
    ".svn",
    ".venv",
    ".vscode",
    "Cargo.lock",
    "__pycache__",
    "node_modules",
    "target",
];
const IGNORED_ENDS: [&str; 7] = ["~", ".swp", ".swx", ".tmp", ".pyc", ".zip", ".new"];

/// Looks at the files of a folder.
#[derive(Debug)]
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    events: mpsc::Receiver<Event>,
    folder: PathBuf,
    /// A file that may lie elsewhere.
    also: Option<PathBuf>,
    /// A file of the folder that is made, and not written by anybody.
    made: Option<String>,
    folders: usize,
}

impl Watch {
    pub(super) fn new(folder: &Path, also: Option<&Path>, made: Option<String>) -> notify::Result<Self> {
        let (sender, events) = mpsc::channel(1024);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if let Ok(event) = event {
                // With so many already there, one more says nothing new.
                let _ = sender.try_send(event);
            }
        })?;
        let mut watch = Self {
            watcher,
            events,
            folder: folder.to_owned(),
            also: also.map(Path::to_owned),
            made,
            folders: 0,
        };
        watch.add(folder)?;
        if let Some(parent) = also
            .and_then(Path::parent)
            .filter(|parent| !parent.starts_with(folder))
        {
            watch.watcher.watch(parent, RecursiveMode::NonRecursive)?;
        }
        Ok(watch)
    }

    /// Watches a folder and those in it, one by one: what is ignored may hold thousands.
    fn add(&mut self, folder: &Path) -> notify::Result<()> {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            if self.folders == MOST_FOLDERS {
                return Ok(());
            }
            self.watcher.watch(&folder, RecursiveMode::NonRecursive)?;
            self.folders += 1;
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let inner = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            folders.extend(
                inner
                    .map(|entry| entry.path())
                    .filter(|path| self.is_source(path)),
            );
        }
        Ok(())
    }

    fn is_source(&self, path: &Path) -> bool {
        if self.also.as_deref() == Some(path) {
            return true;
        }
        let Ok(inner) = path.strip_prefix(&self.folder) else {
            return false;
        };
        let mut names = inner.iter().map(|name| name.to_string_lossy());
        let is_made = self.made.as_deref().is_some_and(|made| inner == Path::new(made));
        inner != Path::new("")
            && !is_made
            && names
                .all(|name| !IGNORED.contains(&&*name) && !IGNORED_ENDS.iter().any(|end| name.ends_with(end)))
    }

    /// Waits until files have changed and nothing more does.
    ///
    /// Dropping the future may lose changes.
    pub(super) async fn changes(&mut self) -> BTreeSet<PathBuf> {
        let mut changed = BTreeSet::new();
        loop {
            let Some(event) = self.events.recv().await else {
                return std::future::pending().await;
            };
            self.note(event, &mut changed);
            if changed.is_empty() {
                continue;
            }
            let settle = async {
                while let Ok(Some(event)) = timeout(QUIET, self.events.recv()).await {
                    self.note(event, &mut changed);
                }
            };
            // Changes that never end are told all the same.
            let _ = timeout(AT_MOST, settle).await;
            return changed;
        }
    }

    fn note(&mut self, event: Event, changed: &mut BTreeSet<PathBuf>) {
        if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        for path in event.paths {
            if !self.is_source(&path) {
                continue;
            }
            if path.is_dir() {
                // It may be gone again.
                let _ = self.add(&path);
            } else if changed.len() < MOST_FILES {
                changed.insert(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_people_write_is_told_and_what_tools_make_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = fs::canonicalize(folder.path()).unwrap();
        for inner in ["src", "target/debug", "__pycache__"] {
            fs::create_dir_all(path.join(inner)).unwrap();
        }
        let mut watch = Watch::new(&path, None, Some("bell".to_owned())).unwrap();
        for ignored in [
            "target/debug/x",
            "__pycache__/a.pyc",
            "Cargo.lock",
            "bell",
            "a.py~",
            ".b.swp",
        ] {
            fs::write(path.join(ignored), "x").unwrap();
        }
        assert!(timeout(QUIET * 2, watch.changes()).await.is_err());
        fs::write(path.join("src/main.rs"), "x").unwrap();
        fs::write(path.join("plugin.py"), "x").unwrap();
        let changed = watch.changes().await;
        assert_eq!(
            changed.into_iter().collect::<Vec<_>>(),
            [path.join("plugin.py"), path.join("src/main.rs")]
        );
        // In a folder that was not there before.
        fs::create_dir(path.join("new")).unwrap();
        assert!(timeout(QUIET * 2, watch.changes()).await.is_err());
        fs::write(path.join("new/file"), "x").unwrap();
        assert_eq!(
            watch.changes().await.into_iter().collect::<Vec<_>>(),
            [path.join("new/file")]
        );
    }
}
