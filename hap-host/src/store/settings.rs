//! The settings of plugins, whose secret parts have a table of their own.

use std::collections::BTreeMap;

use hap_manifest::PluginId;
use rusqlite::{Connection, params};
use serde_json::Value;

use super::{encoding::json, error};
use crate::{
    error::Error,
    model::secret_paths::{SecretPlaces, put_back},
};

/// Settings as they are stored: what may be seen, and what may not.
pub(super) struct Settings {
    pub(super) public: Option<String>,
    secrets: BTreeMap<String, String>,
}

impl Settings {
    pub(super) fn of(config: Option<&Value>, places: &SecretPlaces) -> Result<Self, Error> {
        let Some(config) = config else {
            return Ok(Self {
                public: None,
                secrets: BTreeMap::new(),
            });
        };
        let mut public = config.clone();
        let secrets = places.take(&mut public);
        Ok(Self {
            public: Some(json("configuration", &public)?),
            secrets: secrets
                .into_iter()
                .map(|(place, value)| Ok((place, json("configuration", &value)?)))
                .collect::<Result<_, Error>>()?,
        })
    }

    /// The places of the secrets and what is there.
    pub(super) fn secrets(&self) -> Vec<(String, String)> {
        let secrets = self.secrets.iter();
        secrets
            .map(|(place, value)| (place.clone(), value.clone()))
            .collect()
    }

    /// Replaces a plugin's secrets. Within the caller's transaction, as the public part
    /// belongs to them.
    pub(super) fn put_secrets(&self, connection: &Connection, id: &PluginId) -> rusqlite::Result<()> {
        connection
            .prepare_cached("DELETE FROM config_secrets WHERE plugin = ?1")?
            .execute([id.as_str()])?;
        let mut insert = connection
            .prepare_cached("INSERT INTO config_secrets (plugin, place, value) VALUES (?1, ?2, ?3)")?;
        for (place, value) in &self.secrets {
            insert.execute(params![id.as_str(), place, value])?;
        }
        Ok(())
    }
}

/// Stores the settings of an installed plugin; whether there is one.
pub(super) fn set(connection: &mut Connection, id: &PluginId, settings: &Settings) -> Result<bool, Error> {
    (|| {
        let transaction = connection.transaction()?;
        let changed = transaction
            .prepare_cached("UPDATE plugins SET config = ?2 WHERE id = ?1")?
            .execute(params![id.as_str(), settings.public])?;
        if changed > 0 {
            settings.put_secrets(&transaction, id)?;
        }
        transaction.commit()?;
        Ok(changed > 0)
    })()
    .map_err(|error| error::sql("store the configuration")(error).with_plugin(id))
}

/// Puts the two parts of a plugin's settings together, or says what is wrong with them,
/// without quoting any.
pub(super) fn read(connection: &Connection, id: &PluginId, public: &str) -> Result<Value, String> {
    let mut config = serde_json::from_str(public).map_err(|_| "its configuration is not JSON".to_owned())?;
    let secrets = secrets(connection, id).map_err(|_| "its secret settings cannot be read".to_owned())?;
    let secrets = secrets
        .into_iter()
        .map(|(place, value)| Ok((place, serde_json::from_str(&value)?)))
        .collect::<Result<_, serde_json::Error>>()
        .map_err(|_| "one of its secret settings is not JSON".to_owned())?;
    put_back(&mut config, secrets)
        .map_err(|place| format!("its configuration has no place for the secret setting {place}"))?;
    Ok(config)
}

fn secrets(connection: &Connection, id: &PluginId) -> rusqlite::Result<Vec<(String, String)>> {
    connection
        .prepare_cached("SELECT place, value FROM config_secrets WHERE plugin = ?1")?
        .query_map([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
