//! Who published plugins that were uninstalled without their data.

use hap_manifest::{PluginId, permission::Publisher};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::{encoding::json, error};
use crate::error::Error;

/// What is left of a plugin that is removed, as it is stored.
#[derive(Debug, Clone)]
pub(super) enum Left {
    Nothing,
    /// Its data, and who published it.
    Data(Option<String>),
}

impl Left {
    pub(super) fn data(publisher: Option<&Publisher>) -> Result<Self, Error> {
        let text = publisher
            .map(|publisher| json("publisher", publisher))
            .transpose()?;
        Ok(Self::Data(text))
    }

    /// Records it with the removal of the plugin.
    pub(super) fn put(&self, transaction: &Transaction<'_>, id: &PluginId) -> rusqlite::Result<()> {
        transaction.execute("DELETE FROM left_data WHERE plugin = ?1", [id.as_str()])?;
        if let Self::Data(publisher) = self {
            transaction.execute(
                "INSERT INTO left_data VALUES (?1, ?2)",
                params![id.as_str(), publisher],
            )?;
        }
        Ok(())
    }
}

/// Who published the plugin that left data; `None` where that is not recorded.
pub(super) fn publisher(connection: &Connection, id: &PluginId) -> Result<Option<Publisher>, Error> {
    let stored: Option<Option<String>> = connection
        .prepare_cached("SELECT publisher FROM left_data WHERE plugin = ?1")
        .and_then(|mut get| get.query_row([id.as_str()], |row| row.get(0)).optional())
        .map_err(error::sql("read from the store"))?;
    // What cannot be read is nobody's.
    Ok(stored.flatten().and_then(|text| serde_json::from_str(&text).ok()))
}

/// Forgets data that is gone. Fine when nothing is recorded of it.
pub(super) fn forget(connection: &Connection, id: &PluginId) -> Result<(), Error> {
    connection
        .prepare_cached("DELETE FROM left_data WHERE plugin = ?1")
        .and_then(|mut delete| delete.execute([id.as_str()]))
        .map(drop)
        .map_err(error::sql("write to the store"))
}
