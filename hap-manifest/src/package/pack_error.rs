//! [`PackError`].

use std::io;
use std::path::PathBuf;

use super::error::PackageError;
use super::name::NameRule;
use crate::value::error::quoted;

/// Says why a folder was not packed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// A file or folder could not be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A name that a package cannot have.
    #[error("invalid name {}: {rule}; rename it, or list it in .hapignore", quoted(.name))]
    Name {
        /// The name; what is not UTF-8 is replaced.
        name: String,
        /// The rule it breaks.
        rule: NameRule,
    },
    /// A symbolic link.
    #[error("{} is a symbolic link; put the file in its place, or list it in .hapignore", quoted(.name))]
    Link {
        /// Its name.
        name: String,
    },
    /// A device, pipe or socket.
    #[error("{} is no file; replace it, or list it in .hapignore", quoted(.name))]
    Special {
        /// Its name.
        name: String,
    },
    /// A file that looks like a secret and would become public.
    #[error(
        "{} looks like a secret: {reason}; list it in .hapignore, or allow it by name if everybody may have it",
        quoted(.name)
    )]
    Secret {
        /// Its name.
        name: String,
        /// What it looks like.
        reason: &'static str,
    },
    /// More files than the limit.
    #[error(
        "the folder has more than {limit} files to pack, the most that is allowed; list some in .hapignore"
    )]
    TooManyEntries {
        /// The limit.
        limit: usize,
    },
    /// More bytes than the limit.
    #[error("{} brings the folder to more than {limit} bytes, the most that is allowed; list it in .hapignore", quoted(.name))]
    TooLarge {
        /// The file that goes beyond it.
        name: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// An ignore file that cannot be read as a whole.
    #[error(".hapignore {rule}")]
    IgnoreFile {
        /// The rule it breaks.
        rule: &'static str,
    },
    /// A line of the ignore file that means nothing.
    #[error("line {line} of .hapignore {rule}")]
    Ignore {
        /// Its number, counted from one.
        line: usize,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// The archive could not be written.
    #[error("cannot write {} into the package", quoted(.name))]
    Write {
        /// The file at which it failed.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A reader would refuse the package.
    #[error("the package would be refused")]
    Refused {
        /// Why.
        #[from]
        source: PackageError,
    },
}
