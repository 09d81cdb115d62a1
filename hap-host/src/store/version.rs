//! Plugins that change their version: the row, and the settings that go with it.

use hap_manifest::PluginId;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::Value;

use super::{
    encoding::{installed, json},
    error,
    settings::{self, Settings},
};
use crate::{
    error::{Error, ErrorKind},
    model::{
        limits::LimitOverrides,
        secret_paths::SecretPlaces,
        version::{PluginVersion, SettingsChange, UpdateRecord},
    },
};

/// A switch as it is stored. Made before the database is involved, so that what cannot be stored is
/// the caller's error.
pub(super) struct SwitchRow {
    id: PluginId,
    manifest: String,
    admission: String,
    image_id: Option<String>,
    program: Option<String>,
    updates: String,
    switches: u64,
    settings: NewSettings,
}

enum NewSettings {
    Keep,
    Replace(Settings),
    Previous,
}

impl SwitchRow {
    pub(super) fn of(
        version: &PluginVersion,
        updates: &UpdateRecord,
        settings: &SettingsChange,
    ) -> Result<Self, Error> {
        let id = version.manifest.id().clone();
        Ok(Self {
            manifest: version.manifest.to_json(),
            admission: json("admission", &version.admission)?,
            image_id: version.image_id.clone(),
            program: super::encoding::program_text(version.program.as_deref(), &id)?,
            updates: json("updates", updates)?,
            switches: updates.switches,
            settings: match settings {
                SettingsChange::Keep => NewSettings::Keep,
                SettingsChange::Replace(settings) => {
                    let places = SecretPlaces::of(&version.manifest);
                    NewSettings::Replace(Settings::of(settings.as_ref(), &places)?)
                }
                SettingsChange::Previous => NewSettings::Previous,
            },
            id,
        })
    }
}

/// Gives a plugin another version, all of it or nothing, and answers the settings that it has
/// then. The settings that it had are the previous ones from now on, where the updates name a
/// previous version.
pub(super) fn switch(
    connection: &mut Connection,
    row: &SwitchRow,
    keeps_previous: bool,
) -> Result<Option<Value>, Error> {
    let id = &row.id;
    let (changed, settings) = (|| {
        let transaction = connection.transaction()?;
        let stored: Option<Option<String>> = transaction
            .query_row("SELECT updates FROM plugins WHERE id = ?1", [id.as_str()], |row| row.get(0))
            .optional()?;
        let Some(stored) = stored else {
            return Ok((0, Ok(None)));
        };
        // Asked for again because the answer was lost: then everything below has been done.
        if read_updates(stored).is_ok_and(|stored| stored.switches == row.switches) {
            return Ok((1, settings_of(&transaction, id)?));
        }
        transaction.execute(
            "UPDATE plugins SET manifest = ?2, admission = ?3, image_id = ?4, program = ?5, updates = ?6 WHERE id = ?1",
            params![
                id.as_str(),
                row.manifest,
                row.admission,
                row.image_id,
                row.program,
                row.updates
            ],
        )?;
        let current = read_parts(&transaction, id, CURRENT)?.unwrap_or_default();
        let next = match &row.settings {
            NewSettings::Keep => None,
            NewSettings::Replace(settings) => Some((settings.public.clone(), settings.secrets())),
            NewSettings::Previous => read_parts(&transaction, id, PREVIOUS)?,
        };
        forget_previous(&transaction, id)?;
        if keeps_previous {
            transaction.execute(
                "INSERT INTO previous_config (plugin, config) VALUES (?1, ?2)",
                params![id.as_str(), current.0],
            )?;
            write_secrets(&transaction, id, "previous_config_secrets", &current.1)?;
        }
        if let Some((public, secrets)) = next {
            transaction.execute(
                "UPDATE plugins SET config = ?2 WHERE id = ?1",
                params![id.as_str(), public],
            )?;
            transaction.execute("DELETE FROM config_secrets WHERE plugin = ?1", [id.as_str()])?;
            write_secrets(&transaction, id, "config_secrets", &secrets)?;
        }
        // Read before it is committed, so that an error always means that nothing has changed.
        let settings = settings_of(&transaction, id)?;
        if settings.is_ok() {
            transaction.commit()?;
        }
        Ok((1, settings))
    })()
    .map_err(error::sql("store the plugin's version"))
    .map_err(|error| error.with_plugin(id))?;
    installed(id, Ok(changed))?;
    settings.map_err(|reason| Error::new(ErrorKind::Store, reason).with_plugin(id))
}

/// The settings that a plugin has, put together; or what is wrong with them.
fn settings_of(connection: &Connection, id: &PluginId) -> rusqlite::Result<Result<Option<Value>, String>> {
    let public: Option<String> =
        connection.query_row("SELECT config FROM plugins WHERE id = ?1", [id.as_str()], |row| {
            row.get(0)
        })?;
    Ok(public
        .map(|public| settings::read(connection, id, &public))
        .transpose())
}

type Parts = (Option<String>, Vec<(String, String)>);

/// Where the two parts of settings are.
struct Tables {
    public: &'static str,
    secrets: &'static str,
}

const CURRENT: Tables = Tables {
    public: "SELECT config FROM plugins WHERE id = ?1",
    secrets: "SELECT place, value FROM config_secrets WHERE plugin = ?1",
};
const PREVIOUS: Tables = Tables {
    public: "SELECT config FROM previous_config WHERE plugin = ?1",
    secrets: "SELECT place, value FROM previous_config_secrets WHERE plugin = ?1",
};

/// Both parts; `None` where there is no row for them at all, which is something else
/// than no settings.
#[expect(clippy::needless_pass_by_value, reason = "one of two constants")]
fn read_parts(
    transaction: &Transaction<'_>,
    id: &PluginId,
    tables: Tables,
) -> rusqlite::Result<Option<Parts>> {
    let public: Option<Option<String>> = transaction
        .query_row(tables.public, [id.as_str()], |row| row.get(0))
        .optional()?;
    let Some(public) = public else { return Ok(None) };
    let mut statement = transaction.prepare(tables.secrets)?;
    let secrets = statement.query_map([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Some((public, secrets.collect::<rusqlite::Result<_>>()?)))
}

fn write_secrets(
    transaction: &Transaction<'_>,
    id: &PluginId,
    table: &str,
    secrets: &[(String, String)],
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare(&format!(
        "INSERT INTO {table} (plugin, place, value) VALUES (?1, ?2, ?3)"
    ))?;
    for (place, value) in secrets {
        insert.execute(params![id.as_str(), place, value])?;
    }
    Ok(())
}

/// Forgets the settings of the version before.
fn forget_previous(transaction: &Transaction<'_>, id: &PluginId) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM previous_config WHERE plugin = ?1", [id.as_str()])?;
    transaction.execute(
        "DELETE FROM previous_config_secrets WHERE plugin = ?1",
        [id.as_str()],
    )?;
    Ok(())
}

/// Stores where the plugin's updates are. `keeps_previous`: there is a version to go back to.
pub(super) fn set_updates(
    connection: &mut Connection,
    id: &PluginId,
    updates: &str,
    keeps_previous: bool,
) -> Result<(), Error> {
    let changed = (|| {
        let transaction = connection.transaction()?;
        let changed = transaction.execute(
            "UPDATE plugins SET updates = ?2 WHERE id = ?1",
            [id.as_str(), updates],
        )?;
        if !keeps_previous {
            forget_previous(&transaction, id)?;
        }
        transaction.commit()?;
        Ok(changed)
    })();
    installed(id, changed)
}

/// Stores the limits that the operator gave.
pub(super) fn set_limits(connection: &Connection, id: &PluginId, limits: &str) -> Result<(), Error> {
    let changed = connection
        .prepare_cached("UPDATE plugins SET limits = ?2 WHERE id = ?1")
        .and_then(|mut set| set.execute([id.as_str(), limits]));
    installed(id, changed)
}

/// Reads what updates left behind, or says what is wrong with it.
pub(super) fn read_updates(text: Option<String>) -> Result<UpdateRecord, String> {
    let read = |text: String| {
        serde_json::from_str(&text).map_err(|_| "its record of updates is not a known one".to_owned())
    };
    text.map(read).transpose().map(Option::unwrap_or_default)
}

/// Reads the operator's limits, or says what is wrong with them.
pub(super) fn read_limits(text: Option<String>) -> Result<LimitOverrides, String> {
    let read =
        |text: String| serde_json::from_str(&text).map_err(|_| "its limits are not known ones".to_owned());
    text.map(read).transpose().map(Option::unwrap_or_default)
}
