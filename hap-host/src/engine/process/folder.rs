use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use tempfile::NamedTempFile;
use tokio::time::Instant;
use uuid::Uuid;

use super::{error, record::Record};
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    observed::ContainerId,
};

/// How long to wait for a container that another call or another host is changing.
const LOCK_DEADLINE: Duration = Duration::from_secs(10);
const LOCK_POLL: Duration = Duration::from_millis(5);

/// Where everything of the engine lies: `containers/<name>/record.json` beside the container's
/// working folder and output, and `volumes/<name>`.
#[derive(Debug, Clone)]
pub(super) struct StateFolder {
    root: Arc<Path>,
}

/// The right to change one container, held across processes. The kernel takes it back when
/// the holder dies.
#[derive(Debug)]
pub(super) struct Lock {
    folder: PathBuf,
    _file: File,
}

impl Lock {
    /// The folder of the locked container.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl StateFolder {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        make_private(root)?;
        // What a process writes to is compared with the names that the kernel gives its files.
        let root = fs::canonicalize(root)?;
        for part in ["containers", "volumes", "owners", "gone"] {
            make_private(&root.join(part))?;
        }
        let folder = Self { root: root.into() };
        folder.sweep();
        Ok(folder)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn container(&self, name: &str) -> PathBuf {
        self.root.join("containers").join(name)
    }

    pub(super) fn volume(&self, name: &str) -> PathBuf {
        self.root.join("volumes").join(name)
    }

    /// Where the owner of a volume is written down.
    pub(super) fn owner(&self, volume: &str) -> PathBuf {
        self.root.join("owners").join(volume)
    }

    pub(super) fn owners(&self) -> io::Result<Vec<String>> {
        names_in(&self.root.join("owners"))
    }

    /// The record of `id`; `None` when there is no such container.
    pub(super) fn find(&self, id: &ContainerId) -> io::Result<Option<Record>> {
        let Some(name) = name_of(id) else { return Ok(None) };
        Ok(self.read(name)?.filter(|record| record.id == id.as_str()))
    }

    /// All records. One that cannot be understood is told of and left out.
    pub(super) fn all(&self) -> io::Result<Vec<Record>> {
        let mut records = Vec::new();
        for name in names_in(&self.root.join("containers"))? {
            records.extend(self.read(&name)?);
        }
        Ok(records)
    }

    fn read(&self, name: &str) -> io::Result<Option<Record>> {
        let path = self.container(name).join("record.json");
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        match serde_json::from_slice(&text) {
            Ok(record) => Ok(Some(record)),
            Err(error) => {
                // A power cut may leave one behind; its process is gone as well then.
                tracing::warn!(path = %path.display(), %error, "a container's record is unreadable and ignored");
                Ok(None)
            }
        }
    }

    /// Writes a new container. `false` when the name is taken.
    pub(super) fn claim(&self, record: &Record) -> io::Result<bool> {
        let new = self.root.join("gone").join(Uuid::now_v7().simple().to_string());
        make_private(&new)?;
        make_private(&new.join("work"))?;
        write_json(&new.join("record.json"), record)?;
        let folder = self.container(&record.name);
        // Renaming is atomic, and never replaces a folder that holds something.
        let mut renamed = fs::rename(&new, &folder);
        if renamed.is_err() && folder.join("record.json").is_file() && self.read(&record.name)?.is_none() {
            // A name whose record cannot be understood belongs to nobody.
            self.remove_container(&record.name)?;
            renamed = fs::rename(&new, &folder);
        }
        match renamed {
            Ok(()) => Ok(true),
            Err(error) => {
                let _ = fs::remove_dir_all(&new);
                match error.kind() {
                    io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => Ok(false),
                    _ => Err(error),
                }
            }
        }
    }

    pub(super) fn write(&self, record: &Record) -> io::Result<()> {
        write_json(&self.container(&record.name).join("record.json"), record)
    }

    /// Removes a container's folder: at once for everybody who looks, and what it holds after that.
    pub(super) fn remove_container(&self, name: &str) -> io::Result<()> {
        let gone = self.root.join("gone").join(Uuid::now_v7().simple().to_string());
        match fs::rename(self.container(name), &gone) {
            Ok(()) => fs::remove_dir_all(&gone),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Waits for the right to change a container. `None` when there is no such container.
    pub(super) async fn lock(
        &self,
        operation: &'static str,
        id: &ContainerId,
    ) -> Result<Option<Lock>, EngineError> {
        let deadline = Instant::now() + LOCK_DEADLINE;
        loop {
            match self.try_lock(id) {
                Ok(Attempt::Locked(lock)) => return Ok(Some(lock)),
                Ok(Attempt::Absent) => return Ok(None),
                Ok(Attempt::Busy) if Instant::now() < deadline => tokio::time::sleep(LOCK_POLL).await,
                Ok(Attempt::Busy) => {
                    return Err(EngineError::new(
                        EngineErrorKind::Conflict,
                        operation,
                        id.to_string(),
                        "another call has been changing this container for too long",
                    ));
                }
                Err(error) => return Err(error::file(operation, &self.root, error)),
            }
        }
    }

    pub(super) fn try_lock(&self, id: &ContainerId) -> io::Result<Attempt> {
        let Some(name) = name_of(id) else {
            return Ok(Attempt::Absent);
        };
        let folder = self.container(name);
        let opened = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(folder.join("lock"));
        let file = match opened {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(Attempt::Absent),
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(Attempt::Busy),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        // The file may have been that of a container that was removed in between.
        if self.find(id)?.is_none() {
            return Ok(Attempt::Absent);
        }
        Ok(Attempt::Locked(Lock { folder, _file: file }))
    }

    /// Removes what an interrupted call left. What another host is making at this
    /// moment is younger.
    fn sweep(&self) {
        let folder = self.root.join("gone");
        for name in names_in(&folder).unwrap_or_default() {
            let path = folder.join(name);
            let age = fs::metadata(&path).and_then(|meta| meta.modified());
            let age = age.ok().and_then(|time| time.elapsed().ok());
            if age.is_some_and(|age| age > Duration::from_secs(60)) {
                let _ = fs::remove_dir_all(path);
            }
        }
    }
}

/// What became of an attempt to lock a container.
#[derive(Debug)]
pub(super) enum Attempt {
    Locked(Lock),
    /// Somebody else holds it.
    Busy,
    Absent,
}

/// An id holds the container's name, so that it is found without a look at all of them.
pub(super) fn new_id(name: &str) -> ContainerId {
    ContainerId::new(format!("{}.{name}", Uuid::now_v7().simple()))
}

/// When a container of this id was made; `None` for an id that tells no time.
pub(super) fn made_at(id: &str) -> Option<SystemTime> {
    let (made, _) = id.split_once('.')?;
    let (seconds, nanos) = Uuid::parse_str(made).ok()?.get_timestamp()?.to_unix();
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

fn name_of(id: &ContainerId) -> Option<&str> {
    let (_, name) = id.as_str().split_once('.')?;
    is_name(name).then_some(name)
}

/// Whether a name may be that of a file.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && !name.contains(['/', '\0'])
}

/// Writes a file as a whole: a reader sees the old one or the new one. It is not forced to the
/// disk, since after a power cut no process is left that it could tell of.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    file.persist(path)?;
    Ok(())
}

pub(super) fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        if let Ok(name) = entry?.file_name().into_string()
            && is_name(&name)
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// What was made in the future, by a clock that was set back, is young.
pub(super) fn age(since: SystemTime) -> Option<Duration> {
    Some(since.elapsed().unwrap_or_default())
}
