//! What operators chose for plugins, the secret parts in a table of their own.

use hap_manifest::PluginId;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{encoding::json, error};
use crate::{
    error::{Error, ErrorKind},
    model::{env::EnvOverrides, overrides::Choices},
};

/// Choices on their way to the disk. `Debug` is left out: some are secret.
pub(super) struct ChoicesRow {
    boot: String,
    choices: Choices,
}

impl ChoicesRow {
    pub(super) fn of(choices: &Choices) -> Result<Self, Error> {
        Ok(Self {
            boot: json("choice for the boot", &choices.autostart)?,
            choices: choices.clone(),
        })
    }

    /// Replaces a plugin's choices, within the caller's transaction.
    pub(super) fn put(&self, connection: &Connection, id: &PluginId) -> rusqlite::Result<()> {
        remove(connection, id)?;
        connection
            .prepare_cached("INSERT INTO choices (plugin, boot, env_generation) VALUES (?1, ?2, ?3)")?
            .execute(params![id.as_str(), self.boot, self.choices.env_generation])?;
        for (secret, insert) in [
            (
                false,
                "INSERT INTO env_overrides (plugin, name, value) VALUES (?1, ?2, ?3)",
            ),
            (
                true,
                "INSERT INTO env_secrets (plugin, name, value) VALUES (?1, ?2, ?3)",
            ),
        ] {
            let mut insert = connection.prepare_cached(insert)?;
            for (name, value) in self.choices.env.exposed(secret) {
                insert.execute(params![id.as_str(), name, value])?;
            }
        }
        Ok(())
    }
}

/// Stores the choices for an installed plugin.
pub(super) fn set(connection: &mut Connection, id: &PluginId, row: &ChoicesRow) -> Result<(), Error> {
    let known = (|| {
        let transaction = connection.transaction()?;
        let known = transaction
            .prepare_cached("SELECT 1 FROM plugins WHERE id = ?1")?
            .exists([id.as_str()])?;
        if known {
            row.put(&transaction, id)?;
        }
        transaction.commit()?;
        Ok(known)
    })()
    .map_err(|error| error::sql("store the operator's choices")(error).with_plugin(id))?;
    if known {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::NotInstalled, "is not in the store").with_plugin(id))
    }
}

/// Forgets a plugin's choices, within the caller's transaction.
pub(super) fn remove(connection: &Connection, id: &PluginId) -> rusqlite::Result<()> {
    for delete in [
        "DELETE FROM choices WHERE plugin = ?1",
        "DELETE FROM env_overrides WHERE plugin = ?1",
        "DELETE FROM env_secrets WHERE plugin = ?1",
    ] {
        connection.prepare_cached(delete)?.execute([id.as_str()])?;
    }
    Ok(())
}

/// Reads a plugin's choices, or says what is wrong with them, without quoting any.
pub(super) fn read(connection: &Connection, id: &PluginId) -> Result<Choices, String> {
    let unreadable = |_: rusqlite::Error| "the operator's choices for it cannot be read".to_owned();
    let row: Option<(String, u32)> = connection
        .prepare_cached("SELECT boot, env_generation FROM choices WHERE plugin = ?1")
        .and_then(|mut get| {
            get.query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .map_err(unreadable)?;
    let Some((boot, env_generation)) = row else {
        return Ok(Choices::default());
    };
    let mut env = EnvOverrides::new();
    for (secret, select) in [
        (false, "SELECT name, value FROM env_overrides WHERE plugin = ?1"),
        (true, "SELECT name, value FROM env_secrets WHERE plugin = ?1"),
    ] {
        let rows: Vec<(String, String)> = connection
            .prepare_cached(select)
            .and_then(|mut get| {
                get.query_map([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })
            .map_err(unreadable)?;
        for (name, value) in rows {
            env = env.restored(&name, value, secret)?;
        }
    }
    Ok(Choices {
        autostart: serde_json::from_str(&boot)
            .map_err(|_| "its choice for the boot is not a known one".to_owned())?,
        env,
        env_generation,
    })
}
