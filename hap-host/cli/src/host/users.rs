//! The users of a host's management API over TCP: names, roles, and what is kept of their tokens.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use hap_host::Role;
use hap_manifest::ApiToken;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use crate::{
    disk::{make_private_folder, replace_private},
    failure::{Exit, Failure},
};

/// The file, in the state folder.
const FILE: &str = "users.json";
/// Held while the file is read, changed and written.
const LOCK: &str = "users.lock";
/// Most bytes of the file.
const MOST: u64 = 1 << 20;
/// Most users: each is compared with every token that comes.
const MOST_USERS: usize = 256;
/// Most characters of a name.
const NAME: usize = 32;

/// A user, as the file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct User {
    pub(crate) name: String,
    role: String,
    /// The digest of the token, in hexadecimal. The token has 256 random bits, so nothing slower is needed.
    token_sha256: String,
}

impl User {
    /// Returns what the user may do.
    pub(crate) fn role(&self) -> Option<Role> {
        self.role.parse().ok()
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    users: Vec<User>,
}

/// Whether a file is the one that was read: its inode, its size, its time.
type Stamp = (u64, u64, i64, i64);

/// The users of a state folder.
///
/// Each look at them asks the file system whether the file is another one by now, so a running host knows at once what
/// `hap user` has changed.
#[derive(Debug)]
pub(crate) struct Users {
    folder: PathBuf,
    known: Mutex<(Option<Stamp>, Vec<User>)>,
}

impl Users {
    /// Returns those of a state folder, which need not be there yet.
    pub(crate) fn of(state: &Path) -> Self {
        Self {
            folder: state.to_owned(),
            known: Mutex::default(),
        }
    }

    /// Returns all of them, by name.
    pub(crate) fn list(&self) -> Result<Vec<User>, Failure> {
        self.read().map_err(|error| self.unreadable(&error))
    }

    /// Adds a user, and returns the token, which is kept nowhere.
    pub(crate) fn add(&self, name: &str, role: Role) -> Result<ApiToken, Failure> {
        check_name(name)?;
        make_private_folder(&self.folder).map_err(foreign)?;
        let _lock = self.lock()?;
        let mut users = self.list()?;
        if users.iter().any(|user| user.name == name) {
            let message = format!("there is a user {name} already");
            let help = format!("for a new token or another role, remove it first: hap user rm {name}");
            return Err(Failure::new(Exit::Conflict, "user_exists", message).help(help));
        }
        if users.len() >= MOST_USERS {
            let message = format!("there are {MOST_USERS} users, which is the most");
            return Err(
                Failure::new(Exit::Refused, "too_many_users", message).help("remove one: hap user rm NAME")
            );
        }
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| {
            let message = format!("the system gives no random bytes for a token: {error}");
            Failure::new(Exit::Failed, "no_random_bytes", message)
        })?;
        let token = ApiToken::from_bytes(&bytes);
        users.push(User {
            name: name.to_owned(),
            role: role.as_str().to_owned(),
            token_sha256: digest(token.expose()),
        });
        users.sort_by(|one, other| one.name.cmp(&other.name));
        self.write(users)?;
        Ok(token)
    }

    /// Removes a user. The token is refused from then on.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Failure> {
        let unknown = || {
            let message = format!("there is no user {name:?}");
            Failure::new(Exit::NotFound, "no_such_user", message)
                .help("hap user ls lists those that there are")
        };
        if !self.folder.is_dir() {
            return Err(unknown());
        }
        let _lock = self.lock()?;
        let mut users = self.list()?;
        let before = users.len();
        users.retain(|user| user.name != name);
        if users.len() == before {
            return Err(unknown());
        }
        self.write(users)
    }

    /// Returns whose token this is. It takes as long for every token that is nobody's.
    pub(crate) fn find(&self, token: &str) -> Option<User> {
        let presented = digest(token);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = stamp(&self.folder.join(FILE));
        if stamp != known.0 {
            // A file that cannot be read lets nobody in.
            let users = self.read().unwrap_or_else(|error| {
                tracing::error!(%error, "the users cannot be read, so no token is taken");
                Vec::new()
            });
            *known = (stamp, users);
        }
        let mut found = None;
        for user in &known.1 {
            let is_it: Choice = user.token_sha256.as_bytes().ct_eq(presented.as_bytes());
            if bool::from(is_it) {
                found = Some(user.clone());
            }
        }
        found
    }

    fn read(&self) -> io::Result<Vec<User>> {
        let mut text = String::new();
        match File::open(self.folder.join(FILE)) {
            Ok(file) => file.take(MOST).read_to_string(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        // Which value is wrong is not said: it may be a digest.
        let broken =
            |error: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
        let kept: Kept = serde_json::from_str(&text).map_err(|error| {
            broken(&format_args!(
                "line {} column {} is not as hap user writes it",
                error.line(),
                error.column()
            ))
        })?;
        let mut users = kept.users;
        users.truncate(MOST_USERS);
        match users.iter().find(|user| user.role().is_none()) {
            Some(user) => Err(broken(&format_args!(
                "the user {:?} has no role that is known",
                user.name
            ))),
            None => Ok(users),
        }
    }

    fn write(&self, users: Vec<User>) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(&Kept { users }).unwrap_or_default() + "\n";
        replace_private(&self.folder.join(FILE), text.as_bytes()).map_err(foreign)
    }

    fn lock(&self) -> Result<File, Failure> {
        let path = self.folder.join(LOCK);
        let refuse = |error: io::Error| foreign(crate::disk::not_written(&path, &error));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(refuse)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => {
                let message = "another hap user is changing the users of this host";
                Err(Failure::new(Exit::Conflict, "users_busy", message).help("try it again"))
            }
            Err(fs::TryLockError::Error(error)) => Err(refuse(error)),
        }
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        let path = self.folder.join(FILE);
        let message = format!("the users in {} cannot be read: {error}", path.display());
        let help = if error.kind() == io::ErrorKind::PermissionDenied {
            "do it as the user of the host, such as with sudo"
        } else {
            "put it back from a copy, or remove it: then there are no users"
        };
        Failure::new(Exit::Failed, "unreadable_users", message).help(help)
    }
}

/// The same failure with what to do about files of somebody else's.
fn foreign(failure: Failure) -> Failure {
    failure.help("do it as the user of the host, such as with sudo, or name its state folder: --state DIR")
}

fn check_name(name: &str) -> Result<(), Failure> {
    let is_letter = |c: char| c.is_ascii_lowercase();
    let is_good = |c: char| is_letter(c) || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    if name.len() <= NAME && name.starts_with(is_letter) && name.chars().all(is_good) {
        return Ok(());
    }
    let shown: String = name.chars().take(2 * NAME).collect();
    let message = format!(
        "invalid name of a user {shown:?}: it has 1 to {NAME} of a-z, 0-9, '-', '_' and '.', and begins with a letter"
    );
    Err(Failure::new(Exit::Usage, "invalid_name", message).help("write for example alice"))
}

fn digest(token: &str) -> String {
    let digest = Sha256::digest(token.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some((found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_is_shown_once_and_only_its_digest_is_kept_for_the_owner_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let users = Users::of(folder.path());
        let token = users.add("alice", Role::Operator).unwrap();
        let path = folder.path().join(FILE);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(token.expose()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let found = users.find(token.expose()).unwrap();
        assert_eq!(
            (found.name.as_str(), found.role()),
            ("alice", Some(Role::Operator))
        );
        assert_eq!(users.find("hap_guess"), None);
        assert_eq!(users.find(&digest(token.expose())), None, "a digest is no token");
    }

    #[test]
    fn whoever_holds_the_users_sees_what_others_change() {
        let folder = tempfile::tempdir().unwrap();
        let (host, command) = (Users::of(folder.path()), Users::of(folder.path()));
        assert_eq!(host.find("hap_guess"), None);
        let token = command.add("bob", Role::Viewer).unwrap();
        assert!(host.find(token.expose()).is_some());
        command.remove("bob").unwrap();
        assert!(host.find(token.expose()).is_none());
        assert_eq!(command.remove("bob").unwrap_err().exit(), Exit::NotFound);
    }

    #[test]
    fn a_name_is_given_once_and_is_fit_for_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let users = Users::of(folder.path());
        users.add("alice", Role::Viewer).unwrap();
        assert_eq!(
            users.add("alice", Role::Admin).unwrap_err().exit(),
            Exit::Conflict
        );
        for name in ["", "Alice", "a b", "-a", "a\n", &"a".repeat(33)] {
            assert_eq!(
                users.add(name, Role::Viewer).unwrap_err().exit(),
                Exit::Usage,
                "{name:?}"
            );
        }
    }

    #[test]
    fn a_file_that_is_broken_lets_nobody_in_and_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let users = Users::of(folder.path());
        let token = users.add("alice", Role::Admin).unwrap();
        let whole = fs::read_to_string(folder.path().join(FILE)).unwrap();
        for broken in [&whole[..whole.len() / 2], &whole.replace("admin", "root")] {
            fs::write(folder.path().join(FILE), broken).unwrap();
            assert_eq!(users.find(token.expose()), None);
            assert_eq!(users.add("bob", Role::Viewer).unwrap_err().exit(), Exit::Failed);
            assert_eq!(fs::read_to_string(folder.path().join(FILE)).unwrap(), broken);
        }
    }
}
