use std::path::PathBuf;

use hap_manifest::{ApiToken, IssueCode, Manifest, PluginId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    encoding::{installed, json, program_text},
    error,
    left_data::Left,
    overrides::{self, ChoicesRow},
    settings::{self, Settings},
    version,
};
use crate::{
    error::Error,
    model::{
        grants::{Admission, InstallOrigin},
        keys::{KeyPair, PluginKeys},
        record::{CorruptEntry, KnownPlugin, PluginRecord},
        secret_paths::SecretPlaces,
    },
};

/// What was found when the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// In the order of their ids.
    pub(crate) plugins: Vec<PluginRecord>,
    pub(crate) corrupt: Vec<CorruptEntry>,
}

/// Moves secret settings to their own table that are not there yet: written by a version that had
/// none, or before the manifest called them secret.
pub(super) fn separate_secrets(connection: &mut Connection, loaded: &Loaded) -> Result<(), Error> {
    for record in &loaded.plugins {
        let id = record.manifest.id();
        let places = SecretPlaces::of(&record.manifest);
        let wanted = Settings::of(record.config.as_ref(), &places)?;
        let stored: Option<String> = connection
            .query_row("SELECT config FROM plugins WHERE id = ?1", [id.as_str()], |row| {
                row.get(0)
            })
            .map_err(error::sql("read the plugins"))?;
        if stored != wanted.public {
            settings::set(connection, id, &wanted)?;
        }
    }
    Ok(())
}

/// Reads all plugins. One row that cannot be read costs that row.
pub(super) fn load(connection: &Connection) -> Result<Loaded, Error> {
    let failed = || error::sql("read the plugins");
    let mut statement = connection
        .prepare(
            "SELECT id, manifest, desired, config, token, webhook_secret, image_id, program, \
             previous_token, previous_webhook_secret, key_generation, admission, limits, updates \
             FROM plugins ORDER BY id",
        )
        .map_err(failed())?;
    let mut rows = statement.query([]).map_err(failed())?;
    let mut loaded = Loaded::default();
    while let Some(row) = rows.next().map_err(failed())? {
        match read(connection, row) {
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

/// Tells of every row, also of one that cannot be read.
pub(super) fn known(connection: &Connection) -> Result<Vec<KnownPlugin>, Error> {
    let loaded = load(connection)?;
    let readable = loaded.plugins.into_iter().map(|record| KnownPlugin {
        id_text: record.manifest.id().to_string(),
        readable: true,
        image_id: record.image_id,
        previous_image_id: record.updates.previous.and_then(|previous| previous.image_id),
    });
    let corrupt = loaded.corrupt.into_iter().map(|entry| KnownPlugin {
        id_text: entry.id_text,
        readable: false,
        image_id: None,
        previous_image_id: None,
    });
    Ok(readable.chain(corrupt).collect())
}

/// Reads one row, or says what is wrong with it. The text of a key is never part of that.
fn read(connection: &Connection, row: &Row<'_>) -> Result<PluginRecord, String> {
    let unreadable = |column: &'static str| move |_: rusqlite::Error| format!("its {column} cannot be read");
    let id: String = row.get(0).map_err(unreadable("id"))?;
    let id = PluginId::new(&id).map_err(|error| error.to_string())?;

    let manifest: String = row.get(1).map_err(unreadable("manifest"))?;
    let parsed = Manifest::from_stored_json(&manifest)
        .map_err(|error| format!("its manifest is not valid: {error}"))?;
    let manifest = parsed.manifest;
    if *manifest.id() != id {
        return Err(format!("its manifest is that of {}", manifest.id()));
    }
    // What is unknown to this version is warned of, too, and was when it was installed.
    for broken in parsed
        .warnings
        .iter()
        .filter(|issue| issue.code() != IssueCode::UnknownField)
    {
        tracing::warn!(plugin = %id, rule = %broken, "its manifest is from before a rule that it breaks; it goes on, and its next version has to keep the rule");
    }

    let admission: Option<String> = row.get(11).map_err(unreadable("admission"))?;
    let admission = match admission {
        Some(text) => {
            serde_json::from_str(&text).map_err(|_| "its admission is not a known one".to_owned())?
        }
        // From before there were grants: whoever installed it agreed to what it asked for.
        None => Admission::of_everything(InstallOrigin::Image, &manifest),
    };

    let desired: String = row.get(2).map_err(unreadable("desired state"))?;
    let desired =
        serde_json::from_str(&desired).map_err(|_| "its desired state is not a known one".to_owned())?;

    let config: Option<String> = row.get(3).map_err(unreadable("configuration"))?;
    let config = config
        .map(|public| settings::read(connection, &id, &public))
        .transpose()?;

    let token: String = row.get(4).map_err(unreadable("token"))?;
    let secret: String = row.get(5).map_err(unreadable("webhook secret"))?;
    let previous_token: Option<String> = row.get(8).map_err(unreadable("previous token"))?;
    let previous_secret: Option<String> = row.get(9).map_err(unreadable("previous webhook secret"))?;
    let keys = PluginKeys {
        current: pair(&token, &secret)?,
        previous: match previous_token.zip(previous_secret) {
            Some((token, secret)) => Some(pair(&token, &secret)?),
            None => None,
        },
        generation: row.get(10).map_err(unreadable("key generation"))?,
    };

    let image_id = row.get(6).map_err(unreadable("image id"))?;
    let program: Option<String> = row.get(7).map_err(unreadable("program"))?;
    let program = program.map(PathBuf::from);
    let limits = version::read_limits(row.get(12).map_err(unreadable("limits"))?)?;
    let updates = version::read_updates(row.get(13).map_err(unreadable("record of updates"))?)?;
    Ok(PluginRecord {
        limits,
        updates,
        manifest,
        admission,
        desired,
        choices: overrides::read(connection, &id)?,
        config,
        keys,
        image_id,
        program,
    })
}

fn pair(token: &str, webhook_secret: &str) -> Result<KeyPair, String> {
    Ok(KeyPair {
        token: ApiToken::parse(token).map_err(|_| "its token is not a valid one".to_owned())?,
        webhook_secret: webhook_secret
            .parse()
            .map_err(|_| "its webhook secret is not a valid one".to_owned())?,
    })
}

/// A record as it is stored. Made before the database is involved, so that a record which cannot be
/// stored is the caller's error.
pub(super) struct PluginRow {
    id: PluginId,
    manifest: String,
    admission: String,
    desired: String,
    choices: ChoicesRow,
    settings: Settings,
    keys: KeyRow,
    image_id: Option<String>,
    program: Option<String>,
    limits: String,
    updates: String,
}

impl PluginRow {
    pub(super) fn of(record: &PluginRecord) -> Result<Self, Error> {
        let id = record.manifest.id().clone();
        let program = program_text(record.program.as_deref(), &id)?;
        let places = SecretPlaces::of(&record.manifest);
        Ok(Self {
            id,
            manifest: record.manifest.to_json(),
            admission: json("admission", &record.admission)?,
            desired: json("desired state", &record.desired)?,
            choices: ChoicesRow::of(&record.choices)?,
            settings: Settings::of(record.config.as_ref(), &places)?,
            keys: KeyRow::of(&record.keys),
            image_id: record.image_id.clone(),
            program,
            limits: json("limits", &record.limits)?,
            updates: json("updates", &record.updates)?,
        })
    }
}

/// Keys as they are stored.
pub(super) struct KeyRow {
    current: [String; 2],
    previous: [Option<String>; 2],
    generation: u32,
}

impl KeyRow {
    pub(super) fn of(keys: &PluginKeys) -> Self {
        Self {
            current: keys.current.texts(),
            previous: match &keys.previous {
                Some(pair) => pair.texts().map(Some),
                None => [None, None],
            },
            generation: keys.generation,
        }
    }
}

/// Writes a plugin, over the one of the same id if there is one.
pub(super) fn put(connection: &mut Connection, row: &PluginRow) -> Result<(), Error> {
    (|| {
        let transaction = connection.transaction()?;
        transaction
            .prepare_cached(
                "INSERT INTO plugins (id, manifest, desired, config, token, webhook_secret, previous_token, \
                 previous_webhook_secret, key_generation, image_id, program, \
                 admission, limits, updates) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
                 ON CONFLICT (id) DO UPDATE SET manifest = ?2, desired = ?3, config = ?4, token = ?5, \
                 webhook_secret = ?6, previous_token = ?7, previous_webhook_secret = ?8, key_generation = ?9, \
                 image_id = ?10, program = ?11, admission = ?12, limits = ?13, updates = ?14",
            )?
            .execute(params![
                row.id.as_str(),
                row.manifest,
                row.desired,
                row.settings.public,
                row.keys.current[0],
                row.keys.current[1],
                row.keys.previous[0],
                row.keys.previous[1],
                row.keys.generation,
                row.image_id,
                row.program,
                row.admission,
                row.limits,
                row.updates
            ])?;
        row.choices.put(&transaction, &row.id)?;
        row.settings.put_secrets(&transaction, &row.id)?;
        transaction.commit()
    })()
    .map_err(|error| error::sql("store the plugin")(error).with_plugin(&row.id))
}

/// Stores what is wanted of an installed plugin.
pub(super) fn set_desired(connection: &Connection, id: &PluginId, desired: &str) -> Result<(), Error> {
    let changed = connection
        .prepare_cached("UPDATE plugins SET desired = ?2 WHERE id = ?1")
        .and_then(|mut set| set.execute([id.as_str(), desired]));
    installed(id, changed)
}

/// Stores what was decided about an installed plugin.
pub(super) fn set_admission(connection: &Connection, id: &PluginId, admission: &str) -> Result<(), Error> {
    let changed = connection
        .prepare_cached("UPDATE plugins SET admission = ?2 WHERE id = ?1")
        .and_then(|mut set| set.execute([id.as_str(), admission]));
    installed(id, changed)
}

/// Stores the keys of an installed plugin.
pub(super) fn set_keys(connection: &Connection, id: &PluginId, keys: &KeyRow) -> Result<(), Error> {
    let changed = connection
        .prepare_cached(
            "UPDATE plugins SET token = ?2, webhook_secret = ?3, previous_token = ?4, \
             previous_webhook_secret = ?5, key_generation = ?6 WHERE id = ?1",
        )
        .and_then(|mut set| {
            set.execute(params![
                id.as_str(),
                keys.current[0],
                keys.current[1],
                keys.previous[0],
                keys.previous[1],
                keys.generation
            ])
        });
    installed(id, changed)
}

/// Stores the settings of an installed plugin.
pub(super) fn set_config(
    connection: &mut Connection,
    id: &PluginId,
    settings: &Settings,
) -> Result<(), Error> {
    let known = settings::set(connection, id, settings)?;
    installed(id, Ok(usize::from(known)))
}

/// Removes a plugin. Its events stay for whoever has not read them; their ids and its last
/// status do not, so that a later plugin of the same name is not taken for it. Fine when it
/// is gone already.
pub(super) fn remove(connection: &mut Connection, id: &PluginId, left: &Left) -> Result<(), Error> {
    (|| {
        let transaction = connection.transaction()?;
        overrides::remove(&transaction, id)?;
        left.put(&transaction, id)?;
        let id = [id.as_str()];
        for table in [
            "config_secrets",
            "previous_config",
            "previous_config_secrets",
            "unsealed",
        ] {
            transaction.execute(&format!("DELETE FROM {table} WHERE plugin = ?1"), id)?;
        }
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
    .map_err(|error| error::sql("remove the plugin from the store")(error).with_plugin(id))
}

pub(super) fn meta(connection: &Connection, key: &str) -> Result<Option<String>, Error> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")
        .and_then(|mut get| get.query_row([key], |row| row.get(0)).optional())
        .map_err(error::sql("read from the store"))
}

pub(super) fn meta_of(connection: &Connection, prefix: &str) -> Result<Vec<(String, String)>, Error> {
    (|| {
        let mut get =
            connection.prepare("SELECT key, value FROM meta WHERE substr(key, 1, length(?1)) = ?1")?;
        let rows = get.query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<_>>()
    })()
    .map_err(error::sql("read from the store"))
}

pub(super) fn set_meta(connection: &Connection, key: &str, value: &str) -> Result<(), Error> {
    connection
        .prepare_cached(
            // What is there already takes no room on a disk that is full.
            "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2 WHERE value != ?2",
        )
        .and_then(|mut set| set.execute([key, value]))
        .map(drop)
        .map_err(error::sql("write to the store"))
}
