use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use super::error;
use crate::error::{Error, ErrorKind, StoreTrouble};

const LOCK: &str = "hap.lock";
const DATABASE: &str = "hap.db";
/// What SQLite puts beside the database.
const COMPANIONS: [&str; 2] = ["hap.db-wal", "hap.db-shm"];

/// The folder of a store, owned by this process until dropped.
///
/// It holds every plugin's secrets in clear text, so nobody but the owner may read its files
/// or replace them.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Holds the lock: the system gives it up when the file is closed, also after a kill.
    _lock: File,
    /// The files that the store stands and falls with, as they were when it was opened.
    known: [(PathBuf, FileId); 2],
}

/// What tells a file from another one in its place.
type FileId = (u64, u64);

impl Folder {
    /// Makes the folder where it is missing, closes it to others and takes its lock. `None` when
    /// another owner has it.
    pub(super) fn claim(path: &Path) -> Result<Claim, Error> {
        create(path)?;
        // SQLite is told to follow no link, so the way to the folder must not hold one either.
        let path = path
            .canonicalize()
            .map_err(error::io(format!("find the folder {}", path.display())))?;
        close_to_others(&path)?;

        let at = path.join(LOCK);
        let mut lock = private_file(&at).map_err(error::io(format!("open {}", at.display())))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Ok(Claim::Taken {
                    owner: read_owner(&mut lock),
                });
            }
            Err(TryLockError::Error(error)) => {
                return Err(error::io(format!("lock {}", at.display()))(error));
            }
        }
        // Only for the message that a second opener prints, so a failure to write it is no
        // reason to stop.
        if let Err(error) = write_owner(&mut lock) {
            tracing::debug!(%error, "could not note the owner in the lock file");
        }

        let database = path.join(DATABASE);
        let opened = private_file(&database).map_err(error::io(format!("open {}", database.display())))?;
        for name in COMPANIONS {
            restrict_if_there(&path.join(name))?;
        }
        let known = [(at, id_of(&lock)), (database, id_of(&opened))];
        Ok(Claim::Ours(Self {
            path,
            _lock: lock,
            known,
        }))
    }

    /// Whether the folder still holds the files that are open here. What is written to others is lost,
    /// and the lock of one that is gone keeps nobody out.
    pub(super) fn check(&self) -> Result<(), Error> {
        let is_gone = |(path, known): &(PathBuf, FileId)| match fs::symlink_metadata(path) {
            Ok(found) => id(&found) != *known,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if !self.known.iter().any(is_gone) {
            return Ok(());
        }
        let message = format!(
            "the state folder {} was removed or replaced while this host runs. Plugins go on under its supervision, and \
             can be stopped and uninstalled; nothing else is taken that would have to be remembered, and events stay with \
             their plugins. End this host, put the folder back from a copy, and start it anew",
            self.path.display()
        );
        Err(Error::new(ErrorKind::Store, message).with_trouble(StoreTrouble::Lost))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }
}

fn id_of(file: &File) -> FileId {
    file.metadata().map_or((0, 0), |found| id(&found))
}

#[cfg(unix)]
fn id(found: &fs::Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt as _;
    (found.dev(), found.ino())
}

#[cfg(not(unix))]
fn id(_: &fs::Metadata) -> FileId {
    (0, 0)
}

/// What came of [`Folder::claim`].
#[derive(Debug)]
pub(super) enum Claim {
    Ours(Folder),
    Taken { owner: String },
}

/// The error that tells a second opener what is going on.
pub(super) fn taken(path: &Path, owner: &str) -> Error {
    let owner = if owner.is_empty() {
        String::new()
    } else {
        format!(" (process {owner})")
    };
    Error::new(
        ErrorKind::Store,
        format!(
            "the folder {} is in use by another supervisor{owner}; stop that one, or give this one a folder of its own",
            path.display()
        ),
    )
}

fn read_owner(lock: &mut File) -> String {
    let mut text = String::new();
    match lock.take(20).read_to_string(&mut text) {
        Ok(_) => text.chars().filter(char::is_ascii_digit).collect(),
        Err(_) => String::new(),
    }
}

fn write_owner(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    write!(lock, "{}", std::process::id())
}

fn create(path: &Path) -> Result<(), Error> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .map_err(error::io(format!("make the folder {}", path.display())))
}

/// Opens a file that only its owner may read, and takes wider permissions off one that exists.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(file)
}

fn restrict_if_there(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(_) => private_file(path)
            .map(drop)
            .map_err(error::io(format!("open {}", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error::io(format!("look at {}", path.display()))(error)),
    }
}

/// Takes the folder's permissions off everybody else, provided that it is ours alone.
///
/// A folder that holds other things, such as `/tmp` or a home, is refused rather than changed under
/// its other users.
#[cfg(unix)]
fn close_to_others(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;

    let doing = || format!("look at the folder {}", path.display());
    let mode = fs::metadata(path)
        .map_err(error::io(doing()))?
        .permissions()
        .mode()
        & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let mut entries = fs::read_dir(path).map_err(error::io(doing()))?;
    let ours = path.join(DATABASE).exists() || entries.next().is_none();
    if !ours {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "the folder {} holds other things and is open to other users (mode {mode:o}); \
                 name a folder for the supervisor alone, or set its mode to 700",
                path.display()
            ),
        ));
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(error::io(format!(
        "set the mode of the folder {} to 700",
        path.display()
    )))
}

#[cfg(not(unix))]
fn close_to_others(_: &Path) -> Result<(), Error> {
    Ok(())
}
