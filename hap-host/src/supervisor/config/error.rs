//! [`ConfigError`].

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use hap_manifest::{Issue, document::DocumentError};

use crate::error::{Error, ErrorKind};

/// Why a configuration file was refused: all its problems, each with its place.
///
/// `Display` has each on its own line; [`render`](Self::render) draws the lines of the file too.
#[derive(Debug)]
pub struct ConfigError {
    file: Option<PathBuf>,
    text: String,
    fault: Fault,
}

#[derive(Debug)]
enum Fault {
    Unreadable(io::Error),
    Refused(DocumentError),
}

impl ConfigError {
    pub(super) fn refused(text: &[u8], error: DocumentError) -> Self {
        Self {
            file: None,
            text: String::from_utf8_lossy(text).into_owned(),
            fault: Fault::Refused(error),
        }
    }

    pub(super) fn unreadable(file: &Path, error: io::Error) -> Self {
        Self {
            file: Some(file.to_owned()),
            text: String::new(),
            fault: Fault::Unreadable(error),
        }
    }

    pub(super) fn in_file(self, file: &Path) -> Self {
        Self {
            file: Some(file.to_owned()),
            ..self
        }
    }

    /// All problems of the text, in its order; none when it could not be read at all.
    #[must_use]
    pub fn issues(&self) -> &[Issue] {
        match &self.fault {
            Fault::Unreadable(_) => &[],
            Fault::Refused(error) => error.issues(),
        }
    }

    /// Every problem with the line of the file that it is about, as text of several lines for a
    /// terminal. Control characters of the file are not passed on.
    #[must_use]
    pub fn render(&self) -> String {
        match &self.fault {
            Fault::Unreadable(_) => format!("{self}\n"),
            Fault::Refused(error) => error.render(&self.text),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        let file = file.as_deref().unwrap_or("the configuration");
        match &self.fault {
            Fault::Unreadable(error) => write!(f, "the configuration file {file} cannot be read: {error}"),
            Fault::Refused(error) => {
                let count = error.issues().len();
                let problems = if count == 1 { "a problem" } else { "problems" };
                write!(f, "{file} has {problems}:")?;
                error
                    .issues()
                    .iter()
                    .try_for_each(|issue| write!(f, "\n  {issue}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            Fault::Unreadable(error) => Some(error),
            // Its problems are in the text already.
            Fault::Refused(_) => None,
        }
    }
}

impl From<ConfigError> for Error {
    /// Of the kind [`ErrorKind::InvalidInput`].
    fn from(error: ConfigError) -> Self {
        Self::new(ErrorKind::InvalidInput, error.to_string())
    }
}
