use std::{fmt, path::PathBuf};

use hap_manifest::{ApiToken, Manifest, PluginId, WebhookSecret};
use rusqlite::{Connection, OptionalExtension as _, Row, params, types::ToSql};
use serde_json::Value;

use super::fail;
use crate::{Desired, Error, ErrorKind};

/// Everything about an installed plugin that must survive a kill.
#[derive(Clone)]
pub(crate) struct PluginRecord {
    pub(crate) manifest: Manifest,
    pub(crate) desired: Desired,
    pub(crate) config: Option<Value>,
    pub(crate) token: ApiToken,
    pub(crate) webhook_secret: WebhookSecret,
    /// What the engine called the image that was last run.
    pub(crate) image_id: Option<String>,
    /// The program, for an engine that runs programs instead of images.
    pub(crate) program: Option<PathBuf>,
}

impl fmt::Debug for PluginRecord {
    /// Neither keys nor configured values: a configuration may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginRecord")
            .field("id", self.manifest.id())
            .field("version", self.manifest.version())
            .field("desired", &self.desired)
            .field("configured", &self.config.is_some())
            .field("image_id", &self.image_id)
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

/// A stored plugin that cannot be read. Its row stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CorruptEntry {
    /// Its id as it is stored, which may not be a valid one.
    pub(crate) id_text: String,
    /// What is wrong with it, without secrets.
    pub(crate) reason: String,
}

/// What was found when the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// In the order of their ids.
    pub(crate) plugins: Vec<PluginRecord>,
    pub(crate) corrupt: Vec<CorruptEntry>,
}

/// Reads all plugins. One row that cannot be read costs that row.
pub(super) fn load(connection: &Connection) -> Result<Loaded, Error> {
    let failed = || fail::sql("read the plugins");
    let mut statement = connection
        .prepare(
            "SELECT id, manifest, desired, config, token, webhook_secret, image_id, program \
             FROM plugins ORDER BY id",
        )
        .map_err(failed())?;
    let mut rows = statement.query([]).map_err(failed())?;
    let mut loaded = Loaded::default();
    while let Some(row) = rows.next().map_err(failed())? {
        match read(row) {
            Ok(record) => loaded.plugins.push(record),
            Err(reason) => {
                let id_text = match row.get_ref(0) {
                    Ok(id) => String::from_utf8_lossy(id.as_bytes().unwrap_or_default()).into_owned(),
                    Err(_) => String::new(),
                };
                loaded.corrupt.push(CorruptEntry { id_text, reason });
            }
        }
    }
    Ok(loaded)
}

/// Reads one row, or says what is wrong with it. The text of a key is never part of that.
fn read(row: &Row<'_>) -> Result<PluginRecord, String> {
    let unreadable = |column: &'static str| move |_: rusqlite::Error| format!("its {column} cannot be read");
    let id: String = row.get(0).map_err(unreadable("id"))?;
    let id = PluginId::new(&id).map_err(|error| error.to_string())?;

    let manifest: String = row.get(1).map_err(unreadable("manifest"))?;
    let manifest = Manifest::from_json(&manifest)
        .map_err(|error| format!("its manifest is not valid: {error}"))?
        .manifest;
    if *manifest.id() != id {
        return Err(format!("its manifest is that of {}", manifest.id()));
    }

    let desired: String = row.get(2).map_err(unreadable("desired state"))?;
    let desired =
        serde_json::from_str(&desired).map_err(|_| "its desired state is not a known one".to_owned())?;

    let config: Option<String> = row.get(3).map_err(unreadable("configuration"))?;
    let config = config
        .map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|_| "its configuration is not JSON".to_owned())?;

    let token: String = row.get(4).map_err(unreadable("token"))?;
    let token = ApiToken::parse(&token).map_err(|_| "its token is not a valid one".to_owned())?;

    let secret: String = row.get(5).map_err(unreadable("webhook secret"))?;
    let webhook_secret = secret
        .parse()
        .map_err(|_| "its webhook secret is not a valid one".to_owned())?;

    let image_id = row.get(6).map_err(unreadable("image id"))?;
    let program: Option<String> = row.get(7).map_err(unreadable("program"))?;
    let program = program.map(PathBuf::from);
    Ok(PluginRecord {
        manifest,
        desired,
        config,
        token,
        webhook_secret,
        image_id,
        program,
    })
}

/// The columns of a record, as they are stored. Made before the database is involved, so that a record which
/// cannot be stored is the caller's error.
pub(super) struct PluginRow {
    id: PluginId,
    columns: [Option<String>; 7],
}

impl PluginRow {
    pub(super) fn of(record: &PluginRecord) -> Result<Self, Error> {
        let id = record.manifest.id().clone();
        let program = match &record.program {
            None => None,
            Some(path) => Some(path.to_str().map(str::to_owned).ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidInput,
                    format!("the path of the program is not UTF-8: {}", path.display()),
                )
                .with_plugin(&id)
            })?),
        };
        let columns = [
            Some(record.manifest.to_json()),
            Some(json("desired state", &record.desired)?),
            record
                .config
                .as_ref()
                .map(|config| json("configuration", config))
                .transpose()?,
            Some(record.token.expose().to_owned()),
            Some(record.webhook_secret.expose()),
            record.image_id.clone(),
            program,
        ];
        Ok(Self { id, columns })
    }
}

/// A value as it is stored.
pub(super) fn json(what: &str, value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, format!("the {what} is not JSON")).with_source(error)
    })
}

/// Writes a plugin, over the one of the same id if there is one.
pub(super) fn put(connection: &Connection, row: &PluginRow) -> Result<(), Error> {
    let [
        manifest,
        desired,
        config,
        token,
        webhook_secret,
        image_id,
        program,
    ] = &row.columns;
    connection
        .prepare_cached(
            "INSERT INTO plugins (id, manifest, desired, config, token, webhook_secret, image_id, program) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
             ON CONFLICT (id) DO UPDATE SET manifest = ?2, desired = ?3, config = ?4, token = ?5, \
             webhook_secret = ?6, image_id = ?7, program = ?8",
        )
        .and_then(|mut put| {
            put.execute(params![
                row.id.as_str(),
                manifest,
                desired,
                config,
                token,
                webhook_secret,
                image_id,
                program
            ])
        })
        .map(drop)
        .map_err(|error| fail::sql("store the plugin")(error).with_plugin(&row.id))
}

/// A column that changes by itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column {
    Desired,
    Config,
}

/// Sets one column of an installed plugin.
pub(super) fn set(
    connection: &Connection,
    id: &PluginId,
    column: Column,
    value: Option<&str>,
) -> Result<(), Error> {
    let statement = match column {
        Column::Desired => "UPDATE plugins SET desired = ?2 WHERE id = ?1",
        Column::Config => "UPDATE plugins SET config = ?2 WHERE id = ?1",
    };
    let changed = connection
        .prepare_cached(statement)
        .and_then(|mut set| set.execute([&id.as_str() as &dyn ToSql, &value]))
        .map_err(|error| fail::sql("store the plugin")(error).with_plugin(id))?;
    if changed == 0 {
        return Err(Error::new(ErrorKind::NotInstalled, "is not in the store").with_plugin(id));
    }
    Ok(())
}

/// Removes a plugin. Its events stay for whoever has not read them; their ids and its last status do not, so that
/// a later plugin of the same name is not taken for it. Fine when it is gone already.
pub(super) fn remove(connection: &mut Connection, id: &PluginId) -> Result<(), Error> {
    (|| {
        let transaction = connection.transaction()?;
        let id = [id.as_str()];
        transaction.execute("DELETE FROM plugins WHERE id = ?1", id)?;
        transaction.execute(
            "UPDATE events SET id = NULL WHERE plugin = ?1 AND id IS NOT NULL",
            id,
        )?;
        transaction.execute(
            "UPDATE event_sources SET status_seq = NULL, status_received = NULL, status_body = NULL \
             WHERE plugin = ?1",
            id,
        )?;
        transaction.commit()
    })()
    .map_err(|error| fail::sql("remove the plugin from the store")(error).with_plugin(id))
}

pub(super) fn meta(connection: &Connection, key: &str) -> Result<Option<String>, Error> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")
        .and_then(|mut get| get.query_row([key], |row| row.get(0)).optional())
        .map_err(fail::sql("read from the store"))
}

pub(super) fn set_meta(connection: &Connection, key: &str, value: &str) -> Result<(), Error> {
    connection
        .prepare_cached("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2")
        .and_then(|mut set| set.execute([key, value]))
        .map(drop)
        .map_err(fail::sql("write to the store"))
}
