//! A package or a signature from the disk.

use std::{fs, path::Path};

use super::PackageReader;
use crate::error::{Error, ErrorKind};

pub(super) fn open_file(path: &Path) -> Result<Box<dyn PackageReader>, Error> {
    let refuse =
        |message: String| Error::new(ErrorKind::InvalidInput, format!("{}: {message}", path.display()));
    // Asked first: opening a pipe would wait for whoever writes to it.
    let meta = fs::metadata(path).map_err(|error| refuse(error.to_string()))?;
    if !meta.is_file() {
        return Err(refuse("it is no file: name the zip of a package".to_owned()));
    }
    let file = fs::File::open(path).map_err(|error| refuse(error.to_string()))?;
    Ok(Box::new(file))
}
