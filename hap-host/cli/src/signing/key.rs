use std::{
    fmt,
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use hap_manifest::package::PackageKey;
use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox};

use super::{password::Password, place::public_of};
use crate::{
    disk,
    failure::{Exit, Failure},
};

/// Longest file of a secret key, in bytes.
const MAX_BYTES: u64 = 4 * 1024;
/// Most names that are tried for a key that makes room for another.
const MOST_OLD: u32 = 1000;

/// A key that signs, open. It is never shown.
pub(crate) struct SigningKey {
    secret: SecretKey,
    public: PackageKey,
}

/// A key pair that was just made.
#[derive(Debug)]
pub(crate) struct NewKey {
    /// The public half.
    pub(crate) public: PackageKey,
    /// Where the secret half lies.
    pub(crate) secret_file: PathBuf,
    /// Where the public half lies.
    pub(crate) public_file: PathBuf,
    /// Where a key lies now whose name was taken.
    pub(crate) kept: Option<PathBuf>,
}

impl SigningKey {
    /// Opens the file of a secret key. The password of one that has it comes from the environment.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let unreadable = |error: &io::Error| match error.kind() {
            io::ErrorKind::NotFound => {
                let message = format!("there is no key {shown}");
                Failure::new(Exit::NotFound, "no_such_key", message).help("make one with `hap key new`")
            }
            _ => Failure::new(
                Exit::Failed,
                "unreadable",
                format!("the key {shown} cannot be read: {error}"),
            )
            .help("name the file of a secret key that you may read"),
        };
        let not_a_key = |rule: &str| {
            Failure::new(
                Exit::Failed,
                "invalid_key",
                format!("{shown} is no secret key: {rule}"),
            )
            .help("name the file that `hap key new` or `minisign -G` wrote, not the one that ends with .pub")
        };
        let mut text = String::new();
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        let metadata = file.metadata().map_err(|error| unreadable(&error))?;
        check_alone(path, &metadata)?;
        match file.take(MAX_BYTES).read_to_string(&mut text) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(not_a_key("it is not UTF-8"));
            }
            Err(error) => return Err(unreadable(&error)),
        }
        let line = text.lines().nth(1).unwrap_or_default();
        let boxed = SecretKeyBox::from(text.clone());
        let secret = if line.starts_with("RWQAA") {
            boxed
                .into_unencrypted_secret_key()
                .map_err(|_| not_a_key("it is damaged"))?
        } else if line.starts_with("RWRTY") {
            let password = Password::from_environment()?.ok_or_else(|| {
                let message = format!("the key {shown} has a password");
                Failure::new(Exit::Usage, "password_needed", message)
                    .help("set HAP_KEY_PASSWORD_FILE to a file that has it, or HAP_KEY_PASSWORD to itself")
            })?;
            boxed
                .into_secret_key(Some(password.expose().to_owned()))
                .map_err(|_| {
                    let message =
                        format!("the password does not open the key {shown}, or the key is damaged");
                    Failure::new(Exit::NotVerified, "wrong_password", message)
                        .help("check HAP_KEY_PASSWORD_FILE or HAP_KEY_PASSWORD")
                })?
        } else {
            return Err(not_a_key("its second line is not one"));
        };
        Self::of(secret).ok_or_else(|| not_a_key("it is damaged"))
    }

    fn of(secret: SecretKey) -> Option<Self> {
        let public = PublicKey::from_secret_key(&secret).ok()?;
        let public = public.to_base64().parse().ok()?;
        Some(Self { secret, public })
    }

    /// The public half.
    pub(crate) const fn public(&self) -> &PackageKey {
        &self.public
    }

    pub(super) const fn secret(&self) -> &SecretKey {
        &self.secret
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.public.id())
            .finish_non_exhaustive()
    }
}

impl NewKey {
    /// Makes a key pair and writes both halves. A key that has that name keeps it, unless it is told to make room: then it
    /// gets another name and is not lost.
    pub(crate) fn make(path: &Path, password: Option<&Password>, makes_room: bool) -> Result<Self, Failure> {
        let failed = |_| Failure::new(Exit::Failed, "no_key", "the system gives no randomness for a key");
        let public_file = public_of(path);
        let taken = [path, &public_file].into_iter().find(|file| is_there(file));
        if let Some(taken) = taken.filter(|_| !makes_room) {
            let message = format!("{} is there already", taken.display());
            return Err(Failure::new(Exit::Conflict, "already_there", message).help(
                "give the new key another name with -o; --force puts the old one aside under another name",
            ));
        }
        let pair = match password {
            None => KeyPair::generate_unencrypted_keypair(),
            Some(password) => KeyPair::generate_encrypted_keypair(Some(password.expose().to_owned())),
        }
        .map_err(failed)?;
        let public: PackageKey = pair.pk.to_base64().parse().map_err(|error| {
            Failure::new(
                Exit::Failed,
                "no_key",
                format!("the new key is not as it has to be: {error}"),
            )
        })?;
        let comment = format!("hap secret key {}", public.id());
        let secret = pair.sk.to_box(Some(&comment)).map_err(failed)?.into_string();
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            disk::make_private_folder(folder)?;
        }
        let kept = match taken {
            Some(_) => put_aside(path, &public_file)?,
            None => None,
        };
        let text = format!("untrusted comment: hap public key {}\n{public}\n", public.id());
        disk::write_private(path, secret.as_bytes())?;
        if let Err(failure) = disk::write_whole(&public_file, text.as_bytes(), disk::Existing::Keep) {
            // Half a pair would be in the way of the next try.
            let _ = fs::remove_file(path);
            return Err(failure);
        }
        Ok(Self {
            public,
            secret_file: path.to_owned(),
            public_file,
            kept,
        })
    }
}

/// A key that others may read is nobody's own. As ssh does, it is not used.
fn check_alone(path: &Path, metadata: &fs::Metadata) -> Result<(), Failure> {
    let shown = path.display();
    if metadata.is_dir() {
        let message = format!("{shown} is a folder, and no secret key");
        return Err(Failure::new(Exit::Failed, "invalid_key", message).help("name the file of the key"));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let message = format!("others may read the key {shown}: its mode is {mode:03o}");
    Err(Failure::new(Exit::Failed, "open_key", message).help(format!(
        "chmod 600 {shown}, and make a new key if somebody may have read it"
    )))
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Gives both halves of a key another name. Returns that of the secret one.
fn put_aside(secret: &Path, public: &Path) -> Result<Option<PathBuf>, Failure> {
    for number in 1..=MOST_OLD {
        let mut name = secret.as_os_str().to_owned();
        name.push(format!(".old-{number}"));
        let old = PathBuf::from(name);
        let old_public = public_of(&old);
        if is_there(&old) || is_there(&old_public) {
            continue;
        }
        let rename = |from: &Path, to: &Path| match fs::rename(from, to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk::not_written(to, &error)),
            renamed => Ok(renamed.is_ok()),
        };
        rename(public, &old_public)?;
        return Ok(rename(secret, &old)?.then_some(old));
    }
    let message = format!("{MOST_OLD} old keys lie beside {} already", secret.display());
    Err(Failure::new(Exit::Conflict, "already_there", message).help("remove some, or use -o"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_opens_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/mine");
        let made = NewKey::make(&path, None, false).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&folder.path().join("keys")), 0o700);
        let key = SigningKey::open(&path).unwrap();
        assert_eq!(key.public(), &made.public);
        let public: PackageKey = fs::read_to_string(&made.public_file).unwrap().parse().unwrap();
        assert_eq!(public, made.public);
        assert!(!format!("{key:?}").contains(&public.to_string()));
        let secret = fs::read_to_string(&path).unwrap();
        let line = secret.lines().nth(1).unwrap();
        assert!(!format!("{key:?} {made:?}").contains(line));
    }

    #[test]
    fn a_key_is_never_lost_for_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let first = NewKey::make(&path, None, false).unwrap();
        let refused = NewKey::make(&path, None, false).unwrap_err();
        assert_eq!(refused.exit(), Exit::Conflict);
        assert_eq!(SigningKey::open(&path).unwrap().public(), &first.public);

        let second = NewKey::make(&path, None, true).unwrap();
        let kept = second.kept.unwrap();
        assert_eq!(kept, folder.path().join("key.old-1"));
        assert_eq!(SigningKey::open(&kept).unwrap().public(), &first.public);
        assert!(public_of(&kept).exists());
        let third = NewKey::make(&path, None, true).unwrap();
        assert_eq!(third.kept.unwrap(), folder.path().join("key.old-2"));
    }

    #[test]
    fn a_public_half_alone_is_in_the_way_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(public_of(&path), "somebody's").unwrap();
        assert_eq!(
            NewKey::make(&path, None, false).unwrap_err().exit(),
            Exit::Conflict
        );
        assert!(!path.exists());
        let made = NewKey::make(&path, None, true).unwrap();
        assert_eq!(made.kept, None);
        assert_eq!(
            fs::read_to_string(folder.path().join("key.old-1.pub")).unwrap(),
            "somebody's"
        );
    }

    #[test]
    fn what_is_no_secret_key_is_said_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = NewKey::make(&path, None, false).unwrap();
        let check = |path: &Path, code: &str, says: &str| {
            let failure = SigningKey::open(path).unwrap_err();
            let json = failure.to_json("key");
            assert_eq!(json["code"], code, "{failure}");
            assert!(failure.to_string().contains(says), "{failure}");
            assert!(failure.help_text().is_some(), "{failure}");
        };
        check(&folder.path().join("none"), "no_such_key", "there is no key");
        let private = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            path
        };
        let public = fs::read_to_string(&made.public_file).unwrap();
        check(&private("pub", &public), "invalid_key", "is no secret key");
        check(&private("text", "hello"), "invalid_key", "its second line");
        check(&private("damaged", "x\nRWQAAEIyAAAA"), "invalid_key", "damaged");
        check(folder.path(), "invalid_key", "is a folder");
    }
}
