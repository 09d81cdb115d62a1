//! [`StateDir`]: what a plugin keeps of itself between two processes.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::decode::why_unreadable;
use crate::error::{Fault, Result};
use crate::storage::atomic_file::Replacement;

/// Longest content of a file.
const MAX_LEN: usize = 16 * 1024 * 1024;
/// Longest name of a file.
const MAX_NAME: usize = 100;
/// Names that the framework uses itself.
const TAKEN: [&str; 2] = ["config.json", "events"];

/// Files of JSON in the data directory, each replaced as a whole.
#[derive(Debug)]
pub(crate) struct StateDir {
    // `None`: nothing is kept.
    dir: Option<PathBuf>,
    // One write at a time, so that the last one asked for is the one that stays.
    turn: Arc<Mutex<()>>,
}

impl StateDir {
    pub(crate) fn new(dir: Option<&Path>) -> Self {
        Self {
            dir: dir.map(Path::to_owned),
            turn: Arc::default(),
        }
    }

    pub(crate) async fn load<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let Some(path) = self.path(name)? else {
            return Ok(None);
        };
        let content = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || read(&path)).await?
        };
        let Some(content) =
            content.map_err(|error| fault("state_not_read", &path, "cannot be read", error))?
        else {
            return Ok(None);
        };
        serde_json::from_slice(&content).map(Some).map_err(|error| {
            let reason = why_unreadable::<T>(&content);
            let message = format!(
                "{} is not what this version of the plugin reads ({reason}, line {}, column {}); fix it or remove it",
                path.display(),
                error.line(),
                error.column()
            );
            Fault::rejected("state_unreadable", message)
        })
    }

    pub(crate) async fn save<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<()> {
        let Some(path) = self.path(name)? else {
            return Ok(());
        };
        let content = serde_json::to_vec(value)?;
        if content.len() > MAX_LEN {
            let message = format!(
                "{name}: {} bytes of state, at most {MAX_LEN} are kept",
                content.len()
            );
            return Err(Fault::internal(message));
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let written = tokio::task::spawn_blocking(move || {
            // Held to the end of the write, also when nobody waits for it any more.
            let _turn = turn;
            let written = Replacement::stage(&path, &content).and_then(Replacement::commit);
            written.map_err(|error| fault("state_not_saved", &path, "could not be saved", error))
        });
        written.await?
    }

    fn path(&self, name: &str) -> Result<Option<PathBuf>> {
        let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let usable = !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(fit);
        if !usable || name.starts_with('.') || name.ends_with(".new") || TAKEN.contains(&name) {
            let rule = "a name such as \"state.json\": letters, digits and ._-, not beginning with a dot, not \
                        ending with .new, and not config.json or events";
            return Err(Fault::internal(format!(
                "{name:?} cannot name a file of state; it is {rule}"
            )));
        }
        Ok(self.dir.as_deref().map(|dir| dir.join(name)))
    }
}

fn fault(code: &'static str, path: &Path, what: &str, error: io::Error) -> Fault {
    let message = format!("{} {what}", path.display());
    Fault::new(500, code, message).with_cause(error)
}

/// The content of a file, `None` if there is none.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut content = Vec::new();
    file.take(MAX_LEN as u64 + 1).read_to_end(&mut content)?;
    if content.len() > MAX_LEN {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {MAX_LEN} bytes"),
        ));
    }
    Ok(Some(content))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn what_was_saved_last_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateDir::new(Some(dir.path()));
        assert_eq!(folder.load::<Vec<u32>>("rooms.json").await.unwrap(), None);
        for rooms in [vec![1, 2], vec![3]] {
            folder.save("rooms.json", &rooms).await.unwrap();
        }
        assert_eq!(folder.load("rooms.json").await.unwrap(), Some(vec![3]));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn of_saves_at_the_same_time_the_last_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateDir::new(Some(dir.path()));
        let saves: Vec<u8> = (0..50).collect();
        // They are asked for in this order, and then go on at the same time.
        for saved in futures_util::future::join_all(saves.iter().map(|n| folder.save("n", n))).await {
            saved.unwrap();
        }
        assert_eq!(folder.load("n").await.unwrap(), Some(49));
    }

    #[tokio::test]
    async fn without_a_data_directory_nothing_is_kept() {
        let folder = StateDir::new(None);
        folder.save("n", &1).await.unwrap();
        assert_eq!(folder.load::<u8>("n").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_file_of_another_shape_is_told_with_the_place_and_without_its_texts() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("n"), "[1, \"hunter2\"]").unwrap();
        let folder = StateDir::new(Some(dir.path()));
        let fault = folder.load::<Vec<u8>>("n").await.unwrap_err();
        assert_eq!((fault.code(), fault.status()), ("state_unreadable", 422));
        for part in [
            "/n is not",
            "line 1, column 13",
            "at `[1]`: expected a whole number from 0 to 255, found a string",
            "remove it",
        ] {
            assert!(fault.message().contains(part), "{part} in {}", fault.message());
        }
        assert!(!fault.message().contains("hunter2"), "{}", fault.message());
    }

    #[tokio::test]
    async fn only_plain_names_are_taken() {
        let folder = StateDir::new(None);
        for name in ["", "a/b", "..", ".hidden", "config.json", "events", "a.new", "ä"] {
            assert!(
                folder
                    .save(name, &())
                    .await
                    .unwrap_err()
                    .report()
                    .contains("cannot name"),
                "{name:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_an_error_and_the_old_stays() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateDir::new(Some(dir.path()));
        folder.save("n", &1).await.unwrap();
        fs::create_dir(dir.path().join("n.new")).unwrap();
        assert_eq!(folder.save("n", &2).await.unwrap_err().code(), "state_not_saved");
        assert_eq!(folder.load("n").await.unwrap(), Some(1));
    }
}
