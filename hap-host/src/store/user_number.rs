//! The number of the user that each plugin runs as.

use std::ops::RangeInclusive;

use hap_manifest::PluginId;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::error;
use crate::{
    error::{Error, ErrorKind},
    model::keys::random,
};

/// Tries before the range counts as full.
const TRIES: usize = 1000;

/// The number of a plugin, which is chosen from the range if it has none. `mapped`: for an engine that
/// maps users.
pub(super) fn of(
    connection: &Connection,
    id: &PluginId,
    range: &RangeInclusive<u32>,
    mapped: bool,
) -> Result<u32, Error> {
    for _ in 0..TRIES {
        let number = any_of(range).map_err(|message| Error::new(ErrorKind::Store, message))?;
        let taken = (|| {
            // By chance, so that hosts of one machine, which know nothing of each other, choose others.
            connection.execute(
                "INSERT INTO user_numbers (number, plugin, mapped) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![number, id.as_str(), mapped],
            )?;
            connection
                .query_row(
                    "SELECT number FROM user_numbers WHERE plugin = ?1 AND mapped = ?2",
                    params![id.as_str(), mapped],
                    |row| row.get(0),
                )
                .optional()
        })()
        .map_err(|error| error::sql("choose a number for the plugin's user")(error).with_plugin(id))?;
        // Without one, another plugin has that number.
        if let Some(number) = taken {
            return Ok(number);
        }
    }
    let message = format!(
        "there is no number left for its user between {} and {}",
        range.start(),
        range.end()
    );
    Err(Error::new(ErrorKind::Store, message).with_plugin(id))
}

fn any_of(range: &RangeInclusive<u32>) -> Result<u32, String> {
    let size = u64::from(range.end() - range.start()) + 1;
    let chance = u64::from_be_bytes(random()?) % size;
    Ok(range.start() + u32::try_from(chance).unwrap_or_default())
}
