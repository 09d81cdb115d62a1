//! Values as the database holds them.

use std::path::Path;

use hap_manifest::PluginId;
use time::OffsetDateTime;

use super::error;
use crate::error::{Error, ErrorKind};

/// Microseconds since 1970: what the database holds of a time.
pub(super) fn micros(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX)
}

/// The time of [`micros`]; the epoch for what is none.
pub(super) fn time_of(micros: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Row numbers are positive.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The database's integers end at half of ours; no count or size gets there.
pub(super) fn signed<N: TryInto<i64>>(number: N) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// The path of a program as it is stored.
pub(super) fn program_text(program: Option<&Path>, id: &PluginId) -> Result<Option<String>, Error> {
    let text = |path: &Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| {
            let message = format!("the path of the program is not UTF-8: {}", path.display());
            Error::new(ErrorKind::InvalidInput, message).with_plugin(id)
        })
    };
    program.map(text).transpose()
}

/// A value as it is stored.
pub(super) fn json(what: &str, value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, format!("the {what} is not JSON")).with_source(error)
    })
}

pub(super) fn installed(id: &PluginId, changed: rusqlite::Result<usize>) -> Result<(), Error> {
    match changed {
        Ok(0) => Err(Error::new(ErrorKind::NotInstalled, "is not in the store").with_plugin(id)),
        Ok(_) => Ok(()),
        Err(error) => Err(error::sql("store the plugin")(error).with_plugin(id)),
    }
}
