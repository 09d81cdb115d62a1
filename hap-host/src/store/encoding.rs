//! Values as the database holds them.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use hap_manifest::PluginId;

use super::error;
use crate::error::{Error, ErrorKind};

/// Microseconds since 1970: what the database holds of a time.
pub(super) fn micros(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => signed(after.as_micros()),
        Err(error) => signed::<u128>(error.duration().as_micros()).saturating_neg(),
    }
}

/// The time of [`micros`]; the epoch for what is none.
pub(super) fn time_of(micros: i64) -> SystemTime {
    let distance = Duration::from_micros(micros.unsigned_abs());
    let time = if micros < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
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
