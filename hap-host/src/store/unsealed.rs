//! Which plugins may still have a container from before there were seals.

use std::collections::BTreeSet;

use hap_manifest::PluginId;
use rusqlite::Connection;

use super::error;
use crate::error::Error;

/// All such plugins.
pub(super) fn all(connection: &Connection) -> Result<BTreeSet<PluginId>, Error> {
    let failed = || error::sql("read the plugins");
    let mut statement = connection
        .prepare("SELECT plugin FROM unsealed")
        .map_err(failed())?;
    let ids = statement
        .query_map([], |row| row.get::<_, String>(0))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(failed())?;
    Ok(ids.iter().filter_map(|id| PluginId::new(id).ok()).collect())
}

/// Records that a plugin has no such container any more. Fine when that is recorded already.
pub(super) fn remove(connection: &Connection, id: &PluginId) -> Result<(), Error> {
    connection
        .prepare_cached("DELETE FROM unsealed WHERE plugin = ?1")
        .and_then(|mut delete| delete.execute([id.as_str()]))
        .map(drop)
        .map_err(|error| error::sql("write to the store")(error).with_plugin(id))
}
