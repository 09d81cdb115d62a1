use std::{
    env,
    ffi::OsString,
    fs::{self, File, TryLockError},
    io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use hap_host::engine::InstanceName;
use hap_manifest::package::Digest;

use crate::{
    disk,
    failure::{Exit, Failure},
};

/// How often a folder that goes while it is taken is made again.
const TRIES: usize = 10;

/// The folder in which a run keeps its state. It is the same for each run of one project, so that what a killed run left is
/// found by the next, and one process has it at a time.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    instance: InstanceName,
    /// Held as long as this lives.
    _lock: File,
}

impl Place {
    pub(super) fn take(project: &Path) -> Result<Self, Failure> {
        let home = home(env::var_os("XDG_STATE_HOME"), env::var_os("HOME")).ok_or_else(|| {
            let message = "there is no folder for the state of a run: neither XDG_STATE_HOME nor HOME is set";
            Failure::new(Exit::Usage, "no_home", message).help("set XDG_STATE_HOME to a folder of yours")
        })?;
        let digest = Digest::of(project.as_os_str().as_bytes()).to_string();
        let name: String = digest.trim_start_matches("sha256:").chars().take(12).collect();
        let instance = InstanceName::new(&format!("run-{name}"))
            .map_err(|error| Failure::new(Exit::Failed, "no_name", error.to_string()))?;
        let folder = home.join("hap/run").join(name);
        for _ in 0..TRIES {
            disk::make_private_folder(&folder)?;
            if let Some(lock) = lock(&folder, project)? {
                return Ok(Self {
                    folder,
                    instance,
                    _lock: lock,
                });
            }
        }
        let message = format!("{} goes again and again", folder.display());
        Err(Failure::new(Exit::Conflict, "busy", message).help("try again"))
    }

    pub(super) const fn instance(&self) -> &InstanceName {
        &self.instance
    }

    pub(super) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Removes what a run keeps.
    pub(super) fn clear(&self) -> Result<(), Failure> {
        gone(fs::remove_dir_all(self.state())).map_err(|error| self.not_removed(&error))
    }

    /// Removes the folder, and those above that nothing else is in.
    pub(super) fn remove(self) -> Result<(), Failure> {
        gone(fs::remove_dir_all(&self.folder)).map_err(|error| self.not_removed(&error))?;
        for above in self.folder.ancestors().skip(1).take(2) {
            // Others may be in it.
            let _ = fs::remove_dir(above);
        }
        Ok(())
    }

    fn not_removed(&self, error: &io::Error) -> Failure {
        let message = format!("{} cannot be removed: {error}", self.folder.display());
        Failure::new(Exit::Failed, "not_removed", message).help("remove it by hand")
    }
}

/// Locks the folder. `None`: it went between, because the run that had it has ended.
fn lock(folder: &Path, project: &Path) -> Result<Option<File>, Failure> {
    let failed = |error: &io::Error| {
        let message = format!("{} cannot be locked: {error}", folder.display());
        Failure::new(Exit::Failed, "not_locked", message)
            .help("set XDG_STATE_HOME to a folder of a local disk")
    };
    let opened = match File::open(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| failed(&error))?,
    };
    match opened.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let message = format!("the plugin in {} is already running", project.display());
            return Err(Failure::new(Exit::Conflict, "already_running", message)
                .help("end the other `hap run` with Ctrl-C"));
        }
        Err(TryLockError::Error(error)) => return Err(failed(&error)),
    }
    let ours = opened.metadata().map_err(|error| failed(&error))?;
    let is_there =
        fs::metadata(folder).is_ok_and(|there| there.ino() == ours.ino() && there.dev() == ours.dev());
    Ok(is_there.then_some(opened))
}

fn home(state: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    // The rule of the variable: a path that is relative is not there.
    let absolute = |text: OsString| Some(PathBuf::from(text)).filter(|path| path.is_absolute());
    state
        .and_then(absolute)
        .or_else(|| Some(home.and_then(absolute)?.join(".local/state")))
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_lies_where_the_usual_variables_say() {
        let at = |state: Option<&str>, user: Option<&str>| home(state.map(Into::into), user.map(Into::into));
        assert_eq!(at(Some("/s"), Some("/h")), Some("/s".into()));
        assert_eq!(at(Some("s"), Some("/h")), Some("/h/.local/state".into()));
        assert_eq!(at(None, None), None);
    }

    #[test]
    fn one_process_has_a_folder_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path(), Path::new("/bell")).unwrap();
        assert!(first.is_some());
        let second = lock(folder.path(), Path::new("/bell")).unwrap_err();
        assert_eq!(second.exit(), Exit::Conflict);
        drop(first);
        assert!(lock(folder.path(), Path::new("/bell")).unwrap().is_some());
        assert!(
            lock(&folder.path().join("gone"), Path::new("/bell"))
                .unwrap()
                .is_none()
        );
    }
}
