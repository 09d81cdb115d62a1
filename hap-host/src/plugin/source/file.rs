//! A package or a signature from the disk.

use std::{fs, io, path::Path};

use rustix::fs::{Mode, OFlags};

use super::PackageReader;
use crate::error::{Error, ErrorKind};

pub(super) fn open_file(what: &str, path: &Path) -> Result<Box<dyn PackageReader>, Error> {
    let refuse = |message: String| {
        let place = path.display();
        Error::new(
            ErrorKind::InvalidInput,
            format!("{what} {place} cannot be read: {message}"),
        )
    };
    // Opening a pipe would wait for whoever writes to it. What it is is asked of what is open.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file: fs::File = rustix::fs::open(path, flags, Mode::empty())
        .map_err(|error| refuse(io::Error::from(error).to_string()))?
        .into();
    let meta = file.metadata().map_err(|error| refuse(error.to_string()))?;
    if !meta.is_file() {
        return Err(refuse("it is no file".to_owned()));
    }
    Ok(Box::new(file))
}
