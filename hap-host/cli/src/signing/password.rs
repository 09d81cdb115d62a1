use std::{env, fmt, fs, io::Read};

use crate::failure::{Exit, Failure};

/// The variable with the password of the secret key.
const VARIABLE: &str = "HAP_KEY_PASSWORD";
/// The variable with the path of a file that has it.
const FILE_VARIABLE: &str = "HAP_KEY_PASSWORD_FILE";
/// More than this no key takes.
const MAX_BYTES: u64 = 1024;

/// The password of a secret key. It is never shown.
#[derive(Clone)]
pub(crate) struct Password(String);

impl Password {
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// The password that the environment gives, if it gives one.
    pub(crate) fn from_environment() -> Result<Option<Self>, Failure> {
        if let Ok(password) = env::var(VARIABLE) {
            return Self::new(password, VARIABLE).map(Some);
        }
        let Some(path) = env::var_os(FILE_VARIABLE) else {
            return Ok(None);
        };
        let file = fs::File::open(&path).map_err(|error| {
            let message = format!("the file of {FILE_VARIABLE} cannot be read: {error}");
            Failure::new(Exit::NotFound, "no_password", message).help("give the path of a file with one line")
        })?;
        read_password(file, FILE_VARIABLE).map(Some)
    }

    fn new(text: String, from: &str) -> Result<Self, Failure> {
        let text = text.strip_suffix('\n').map(str::to_owned).unwrap_or(text);
        let text = text.strip_suffix('\r').map(str::to_owned).unwrap_or(text);
        let refuse = |rule: &str| {
            let message = format!("the password from {from} cannot be used: {rule}");
            Failure::new(Exit::Usage, "invalid_password", message).help("give one line of 1 to 1024 bytes")
        };
        if text.is_empty() {
            return Err(refuse("it is empty"));
        }
        if text.contains(['\n', '\r', '\0']) {
            return Err(refuse("it has several lines"));
        }
        Ok(Self(text))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Reads a password, all that there is. `from` is how a person calls the place.
pub(crate) fn read_password(reader: impl Read, from: &str) -> Result<Password, Failure> {
    let refuse = |rule: String| {
        let message = format!("the password from {from} cannot be used: {rule}");
        Failure::new(Exit::Usage, "invalid_password", message).help("give one line of 1 to 1024 bytes")
    };
    let mut bytes = Vec::new();
    reader
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| refuse(error.to_string()))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(refuse("it has more than 1024 bytes".to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8".to_owned()))?;
    Password::new(text, from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_and_never_shown() {
        let read = |text: &str| read_password(text.as_bytes(), "a test");
        assert_eq!(read("open sesame\r\n").unwrap().expose(), "open sesame");
        assert_eq!(format!("{:?}", read("open sesame").unwrap()), "Password(..)");
        for bad in ["", "\n", "a\nb", &"x".repeat(1025)] {
            let refused = read(bad).unwrap_err();
            assert!(
                refused.to_string().starts_with("the password from a test"),
                "{refused}"
            );
        }
    }
}
