//! Turns failures of the database into the crate's error, without letting its types out.

use rusqlite::ErrorCode;

use crate::error::{Error, ErrorKind, StoreTrouble};

/// A failed database call. What it was doing goes into the message, the database's own words
/// into the source.
pub(super) fn sql(doing: &str) -> impl FnOnce(rusqlite::Error) -> Error {
    move |error| {
        let message = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => format!("could not {doing}: the disk is full, make room there"),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                format!("could not {doing}: the database is damaged; restore it from a copy")
            }
            Some(ErrorCode::ReadOnly) => format!("could not {doing}: the database cannot be written to"),
            _ => format!("could not {doing}"),
        };
        let is_full = error.sqlite_error_code() == Some(ErrorCode::DiskFull);
        // As text: a source that can be downcast would make the database library part
        // of the interface.
        let told = Error::new(ErrorKind::Store, message).with_source(error.to_string());
        if is_full {
            told.with_trouble(StoreTrouble::Full)
        } else {
            told
        }
    }
}

/// A failed file operation.
pub(super) fn io(doing: String) -> impl FnOnce(std::io::Error) -> Error {
    move |error| {
        let is_full = error.kind() == std::io::ErrorKind::StorageFull;
        let told = Error::new(ErrorKind::Store, format!("could not {doing}")).with_source(error);
        if is_full {
            told.with_trouble(StoreTrouble::Full)
        } else {
            told
        }
    }
}

/// The store is closed, or its runtime is shutting down.
pub(super) fn closed() -> Error {
    Error::new(ErrorKind::ShuttingDown, "the store is closed")
}
