//! What must survive a kill at any instant: wanted state, secrets and received events.
//!
//! One SQLite database in a folder of its own. A change is on the disk, synced, before its call
//! returns. Database calls block, so they run on two [lanes](lane::Lane) in the runtime's blocking
//! pool: one that writes, one that reads. No type of the database library leaves this module.

pub(crate) mod append;
mod encoding;
mod error;
mod event_source;
mod folder;
mod left_data;
pub(crate) mod log;
mod overrides;
pub(crate) mod page;
mod plugin;
mod reserve;
mod schema;
mod settings;
#[cfg(test)]
mod tests;
mod unsealed;
mod user_number;
mod version;
mod worker;
mod writer;

use std::{
    collections::BTreeSet,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use hap_manifest::{PluginId, permission::Publisher, wire::Event};
use serde_json::Value;
use tokio::sync::watch;

use self::{
    append::{Appended, Batch, Pruned},
    encoding::json,
    folder::{Claim, Folder},
    left_data::Left,
    log::EventLog,
    overrides::ChoicesRow,
    page::StoredEvent,
    plugin::{KeyRow, Loaded, PluginRow},
    settings::Settings,
    version::SwitchRow,
    worker::Lane,
    writer::{Reader, Write, Writer, read},
};
use crate::{
    error::{Error, ErrorKind, StoreTrouble},
    model::{
        desired::Desired,
        grants::Admission,
        keys::PluginKeys,
        limits::LimitOverrides,
        overrides::Choices,
        record::{KnownPlugin, PluginRecord},
        retention::EventRetention,
        secret_paths::SecretPlaces,
        version::{PluginVersion, SettingsChange, UpdateRecord},
    },
};

/// How long an opener waits for an owner that is just going.
const LOCK_WAIT: Duration = Duration::from_secs(1);
const LOCK_POLL: Duration = Duration::from_millis(20);
/// How often as long as a step of retention the writer is left to others after it.
const PAUSE_PER_STEP: u32 = 4;
/// A disk that is stuck for a while does not end retention for the day.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The supervisor's memory on disk. Clones share it.
///
/// Calls queue up in order and each has a deadline. Dropping the last clone gives up the
/// folder at once.
///
/// # Cancel safety
/// A change whose future is dropped may or may not happen; it never happens by half.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    writer: Lane<Writer>,
    reader: Lane<Reader>,
    last: watch::Receiver<u64>,
}

impl Store {
    /// Opens the store in a folder, making what is missing.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] when another supervisor owns the folder, when the database is damaged
    /// or of a newer format, and when the disk fails; [`ErrorKind::InvalidInput`] when the folder
    /// is shared with others.
    pub(crate) async fn open_with(
        folder: PathBuf,
        retention: EventRetention,
    ) -> Result<(Self, Loaded), Error> {
        let folder = claim(folder).await?;
        let place = folder.path().to_owned();
        let (writer, reader, last, loaded) = blocking(move || {
            let open = || {
                let mut writer = schema::open_writer(&folder.database())?;
                let reader = schema::open_reader(&folder.database())?;
                let loaded = plugin::load(&reader)?;
                plugin::separate_secrets(&mut writer, &loaded)?;
                let last = page::last_seq(&reader).map_err(error::sql("read the events"))?;
                Ok((writer, reader, loaded, last))
            };
            let (writer, reader, loaded, last) =
                open().or_else(|error| with_reserve(&folder, error, open))?;
            let (sender, last) = watch::channel(last);
            let folder = Arc::new(folder);
            let writer = Writer::new(writer, retention, sender, Arc::clone(&folder));
            Ok((writer, Reader::new(reader, folder), last, loaded))
        })
        .await
        .map_err(|error| error.in_state_folder(&place))?;
        Ok((
            Self {
                writer: Lane::new(writer, &place),
                reader: Lane::new(reader, &place),
                last,
            },
            loaded,
        ))
    }

    /// Finishes what is queued and gives up the folder, while clones may live on: their calls then
    /// fail with [`ErrorKind::ShuttingDown`].
    pub(crate) async fn close(&self) {
        self.writer.close().await;
        self.reader.close().await;
    }

    /// Stores a plugin, over the one of the same id if there is one.
    pub(crate) async fn put_plugin(&self, record: &PluginRecord) -> Result<(), Error> {
        let row = PluginRow::of(record)?;
        self.write(move |writer| plugin::put(writer.connection(), &row))
            .await
    }

    /// Stores what is wanted. [`ErrorKind::NotInstalled`] for an unknown plugin.
    pub(crate) async fn set_desired(&self, id: &PluginId, desired: Desired) -> Result<(), Error> {
        let (id, desired) = (id.clone(), json("desired state", &desired)?);
        self.write_at_any_cost(move |writer| plugin::set_desired(writer.connection(), &id, &desired))
            .await
    }

    /// Stores the settings, those at `secrets` apart. [`ErrorKind::NotInstalled`] for an
    /// unknown plugin.
    pub(crate) async fn set_config(
        &self,
        id: &PluginId,
        config: Option<&Value>,
        secrets: &SecretPlaces,
    ) -> Result<(), Error> {
        let (id, settings) = (id.clone(), Settings::of(config, secrets)?);
        self.write(move |writer| plugin::set_config(writer.connection(), &id, &settings))
            .await
    }

    /// Stores what was decided about a plugin. [`ErrorKind::NotInstalled`] for an unknown one.
    pub(crate) async fn set_admission(&self, id: &PluginId, admission: &Admission) -> Result<(), Error> {
        let (id, admission) = (id.clone(), json("admission", admission)?);
        self.write(move |writer| plugin::set_admission(writer.connection(), &id, &admission))
            .await
    }

    /// Stores what the operator chose. [`ErrorKind::NotInstalled`] for an unknown plugin.
    pub(crate) async fn set_choices(&self, id: &PluginId, choices: &Choices) -> Result<(), Error> {
        let (id, row) = (id.clone(), ChoicesRow::of(choices)?);
        self.write(move |writer| overrides::set(writer.connection(), &id, &row))
            .await
    }

    /// Stores the keys, old and new at once. [`ErrorKind::NotInstalled`] for an unknown plugin.
    pub(crate) async fn set_keys(&self, id: &PluginId, keys: &PluginKeys) -> Result<(), Error> {
        let (id, keys) = (id.clone(), KeyRow::of(keys));
        self.write(move |writer| plugin::set_keys(writer.connection(), &id, &keys))
            .await
    }

    /// Gives a plugin another version, with all that goes with it or not at all, and answers the
    /// settings that it has then.
    pub(crate) async fn switch_version(
        &self,
        version: &PluginVersion,
        updates: &UpdateRecord,
        settings: &SettingsChange,
    ) -> Result<Option<Value>, Error> {
        let row = SwitchRow::of(version, updates, settings)?;
        let keeps_previous = updates.previous.is_some();
        self.write(move |writer| version::switch(writer.connection(), &row, keeps_previous))
            .await
    }

    /// Stores where a plugin's updates are. [`ErrorKind::NotInstalled`] for an unknown one.
    pub(crate) async fn set_updates(&self, id: &PluginId, updates: &UpdateRecord) -> Result<(), Error> {
        let keeps_previous = updates.previous.is_some();
        let (id, updates) = (id.clone(), json("updates", updates)?);
        self.write(move |writer| version::set_updates(writer.connection(), &id, &updates, keeps_previous))
            .await
    }

    /// Stores the limits that the operator gave. [`ErrorKind::NotInstalled`] for an unknown plugin.
    pub(crate) async fn set_limits(&self, id: &PluginId, limits: &LimitOverrides) -> Result<(), Error> {
        let (id, limits) = (id.clone(), json("limits", limits)?);
        self.write(move |writer| version::set_limits(writer.connection(), &id, &limits))
            .await
    }

    /// Removes a plugin, its keys, its last status and the memory of its event ids. Events that it
    /// sent stay as long as retention keeps them. Fine when it is gone already.
    pub(crate) async fn remove_plugin(&self, id: &PluginId) -> Result<(), Error> {
        let id = id.clone();
        let removed =
            self.write_at_any_cost(move |writer| plugin::remove(writer.connection(), &id, &Left::Nothing));
        unless_lost(removed.await)
    }

    /// The same of a plugin whose data stays, and of whom it is.
    pub(crate) async fn remove_plugin_without_data(
        &self,
        id: &PluginId,
        publisher: Option<&Publisher>,
    ) -> Result<(), Error> {
        let (id, left) = (id.clone(), Left::data(publisher)?);
        let removed = self.write_at_any_cost(move |writer| plugin::remove(writer.connection(), &id, &left));
        unless_lost(removed.await)
    }

    /// Who published the plugin that left data; `None` where that is not recorded.
    pub(crate) async fn left_data(&self, id: &PluginId) -> Result<Option<Publisher>, Error> {
        let id = id.clone();
        self.read(move |connection| left_data::publisher(connection, &id))
            .await
    }

    /// Forgets data that is gone. Fine when nothing is recorded of it.
    pub(crate) async fn forget_left_data(&self, id: &PluginId) -> Result<(), Error> {
        let id = id.clone();
        self.write(move |writer| left_data::forget(writer.connection(), &id))
            .await
    }

    /// Which plugins there are, those whose rows cannot be read among them.
    pub(crate) async fn known_plugins(&self) -> Result<Vec<KnownPlugin>, Error> {
        self.read(|connection| plugin::known(connection)).await
    }

    /// Reads a fact of the supervisor.
    pub(crate) async fn meta(&self, key: &str) -> Result<Option<String>, Error> {
        let key = key.to_owned();
        self.read(move |connection| plugin::meta(connection, &key)).await
    }

    /// All facts of the supervisor whose keys begin so, with their keys.
    pub(crate) async fn meta_of(&self, prefix: &str) -> Result<Vec<(String, String)>, Error> {
        let prefix = prefix.to_owned();
        self.read(move |connection| plugin::meta_of(connection, &prefix))
            .await
    }

    /// Stores a fact of the supervisor.
    pub(crate) async fn set_meta(&self, key: &str, value: &str) -> Result<(), Error> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.write(move |writer| plugin::set_meta(writer.connection(), &key, &value))
            .await
    }

    /// Which plugins may still have a container from before there were seals.
    pub(crate) async fn unsealed(&self) -> Result<BTreeSet<PluginId>, Error> {
        self.read(|connection| unsealed::all(connection)).await
    }

    /// Records that a plugin has no container from before there were seals any more.
    pub(crate) async fn set_sealed(&self, id: &PluginId) -> Result<(), Error> {
        let id = id.clone();
        self.write(move |writer| unsealed::remove(writer.connection(), &id))
            .await
    }

    /// The number of the user that a plugin runs as: chosen at the first call, and never another's.
    /// `mapped`: for an engine that maps users.
    pub(crate) async fn user_number(
        &self,
        id: &PluginId,
        range: RangeInclusive<u32>,
        mapped: bool,
    ) -> Result<u32, Error> {
        let id = id.clone();
        self.write(move |writer| user_number::of(writer.connection(), &id, &range, mapped))
            .await
    }

    /// Adds events to the log, all or none, and returns when they are on the disk. An event whose
    /// id the plugin used before is not added again.
    pub(crate) async fn append_events(
        &self,
        plugin: PluginId,
        events: Vec<Event>,
        received: SystemTime,
    ) -> Result<Vec<Appended>, Error> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let batch = Batch::new(plugin, events, received)?;
        self.writer.ask(|reply| Write::Append { batch, reply }).await
    }

    /// The log by itself, for readers that must not keep the store open.
    pub(crate) fn log(&self) -> EventLog {
        EventLog::new(self.reader.downgrade(), self.last.clone())
    }

    /// The last event of type `status` that a plugin sent, also when retention took
    /// it from the log.
    pub(crate) async fn last_status(&self, plugin: &PluginId) -> Result<Option<StoredEvent>, Error> {
        let plugin = plugin.clone();
        self.read(move |connection| page::last_status(connection, &plugin))
            .await
    }

    /// How long something of an event is kept, and when the newest one came.
    pub(crate) async fn event_ages(&self) -> Result<(Duration, Option<SystemTime>), Error> {
        self.write(Writer::ages).await
    }

    /// Removes what is older than retention allows, and gives the space back to the disk. Bounds by
    /// number and size are kept at every append already.
    pub(crate) async fn prune_events(&self, now: SystemTime) -> Result<Pruned, Error> {
        let mut all = Pruned::default();
        loop {
            let step = self.unhurried(move |writer| writer.prune_step(now)).await?;
            if step == Pruned::default() {
                break;
            }
            all.add((step.forgotten, step.erased));
        }
        while self.unhurried(Writer::shrink_step).await? {}
        Ok(all)
    }

    /// Does a step of work that can wait, and then leaves the writer to others for several times as
    /// long, so that events that arrive meanwhile are stored nearly as fast as ever.
    async fn unhurried<T: Send + 'static>(
        &self,
        step: impl FnOnce(&mut Writer) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (done, took) = self
            .write(move |writer| {
                let began = Instant::now();
                step(writer).map(|done| (done, began.elapsed()))
            })
            .await?;
        tokio::time::sleep((took * PAUSE_PER_STEP).min(LONGEST_PAUSE)).await;
        Ok(done)
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.writer
            .ask(|reply| {
                Write::Other(Box::new(move |writer| {
                    let done = writer.folder().check().and_then(|()| work(writer));
                    // The caller may have gone; the change stands.
                    let _ = reply.send(done);
                }))
            })
            .await
    }

    /// The same for what must be possible on a disk that is full: it takes the reserve.
    async fn write_at_any_cost<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Writer) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.write(move |writer| {
            let folder = writer.folder();
            work(writer).or_else(|error| with_reserve(&folder, error, || work(writer)))
        })
        .await
    }

    /// Looks whether the folder is still there, and takes a reserve of its disk where there is none.
    /// Returns whether there is one, and room beside it.
    pub(crate) async fn look_after(&self) -> Result<bool, Error> {
        self.write(|writer| Ok(writer.folder().keep_reserve())).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut rusqlite::Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        read(&self.reader, work).await
    }
}

/// Repeats what failed for a full disk, with the reserve given back to it.
fn with_reserve<T>(
    folder: &Folder,
    error: Error,
    again: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    if error.trouble() == Some(StoreTrouble::Full) && folder.give_up_reserve() {
        tracing::warn!("the disk of the state folder is full: its reserve is given up");
        return again();
    }
    Err(error)
}

/// With its folder the record of a plugin is gone, too.
fn unless_lost(removed: Result<(), Error>) -> Result<(), Error> {
    match removed {
        Err(error) if error.trouble() == Some(StoreTrouble::Lost) => Ok(()),
        removed => removed,
    }
}

/// Takes the folder, waiting a moment for an owner that is just going.
async fn claim(path: PathBuf) -> Result<Folder, Error> {
    let mut waited = Duration::ZERO;
    loop {
        let at = path.clone();
        match blocking(move || Folder::claim(&at)).await? {
            Claim::Ours(folder) => return Ok(folder),
            Claim::Taken { owner } if waited >= LOCK_WAIT => {
                return Err(folder::taken(Path::new(&path), &owner));
            }
            Claim::Taken { .. } => {
                tokio::time::sleep(LOCK_POLL).await;
                waited += LOCK_POLL;
            }
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::new(ErrorKind::Store, "the store could not be opened").with_source(error)),
    }
}
