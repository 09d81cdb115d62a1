//! What the engine keeps for this supervisor that belongs to no plugin: told of, and swept when it is old enough.

mod judge;
pub(crate) mod sweep;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt, time::Duration};

use hap_manifest::PluginId;
use serde::Serialize;

use self::judge::{Known, judge};
use super::{Supervisor, registry::Registry};
use crate::{
    engine::{
        deadline::{self, within},
        error::EngineErrorKind,
        resource::{Holding, HoldingKind},
    },
    error::{Error, ErrorKind},
    plugin::context::Shared,
};

/// Age from which orphans are swept, unless the embedder says otherwise.
pub(crate) const MINIMUM_AGE: Duration = Duration::from_secs(5 * 60);

/// Something on the engine that carries this supervisor's labels and belongs to no plugin that it knows.
///
/// A plugin is known as long as its record is in the store, also when the record cannot be read, and while it is being
/// installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Orphan {
    /// What it is.
    pub kind: HoldingKind,
    /// The engine's id of it.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The plugin that its label names.
    pub plugin: Option<PluginId>,
    /// Time since it was made, by the engine's books; `None` where they do not tell.
    pub age: Option<Duration>,
    /// What it takes of the disk, in bytes, layers that images share counted for each; `None` where the engine does not
    /// tell without measuring.
    pub bytes: Option<u64>,
    /// Why it belongs to nobody.
    pub reason: OrphanReason,
    /// What becomes of it.
    pub fate: OrphanFate,
}

/// Why something belongs to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OrphanReason {
    /// The plugin that its label names is not installed.
    NotInstalled,
    /// It is an image of an installed plugin that runs another one.
    OtherImage,
    /// It is a network that no plugin is put on.
    NotNeeded,
}

/// What becomes of an [`Orphan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OrphanFate {
    /// The next sweep removes it.
    Due,
    /// It is not old enough yet, or the engine does not tell how old it is.
    Young,
    /// Something else uses it, so the engine would not remove it.
    InUse,
    /// It goes by [`Supervisor::prune_images`] alone.
    Image,
    /// It is a plugin's data, and goes by [`Supervisor::remove_orphaned_data`] alone.
    Data,
}

impl fmt::Display for Orphan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)?;
        match (self.reason, &self.plugin) {
            (OrphanReason::NotInstalled, Some(plugin)) => write!(f, ": plugin {plugin} is not installed"),
            (OrphanReason::OtherImage, Some(plugin)) => write!(f, ": plugin {plugin} runs another image"),
            (OrphanReason::NotNeeded, _) | (_, None) => f.write_str(": no plugin uses it"),
        }
    }
}

/// What a sweep did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Sweep {
    /// What was removed.
    pub removed: Vec<Orphan>,
    /// What the engine did not remove, with the reason. The next sweep tries again.
    pub failed: Vec<(Orphan, Error)>,
    /// Bytes of the disk that this freed, as far as the engine tells; layers that other images share stay, and are not
    /// counted.
    pub freed_bytes: u64,
}

impl Supervisor {
    /// What carries this supervisor's labels and belongs to no plugin: the dry run of a sweep. Each comes with its age,
    /// the reason, and what becomes of it.
    ///
    /// Containers and networks are swept on their own when they are old enough, see
    /// [`SupervisorBuilder::sweep_orphans_after`](super::builder::SupervisorBuilder::sweep_orphans_after); images and data are
    /// removed by explicit calls only. What lacks our labels is never looked at.
    ///
    /// ```no_run
    /// # async fn run(supervisor: hap_host::Supervisor) -> Result<(), hap_host::Error> {
    /// for orphan in supervisor.orphans().await? {
    ///     println!("{orphan}, {:?} old: {:?}", orphan.age, orphan.fate);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Engine`] and [`ErrorKind::Timeout`] when the engine does not tell, [`ErrorKind::Store`] when it is not
    /// known which plugins there are.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn orphans(&self) -> Result<Vec<Orphan>, Error> {
        let kinds = [
            HoldingKind::Container,
            HoldingKind::Network,
            HoldingKind::Volume,
            HoldingKind::Image,
        ];
        let minimum = self.0.shared.orphan_age.unwrap_or(MINIMUM_AGE);
        find(&self.0.shared, &self.0.registry, &kinds, minimum).await
    }

    /// Removes the containers and networks among the [`orphans`](Self::orphans) that were made at least `minimum_age` ago,
    /// running or not; [`Duration::ZERO`] takes all. Volumes and images stay.
    ///
    /// # Errors
    /// As [`orphans`](Self::orphans). What could not be removed is in the answer and is no error.
    ///
    /// # Cancel safety
    /// Dropped half way, part of it is done.
    pub async fn sweep_orphans(&self, minimum_age: Duration) -> Result<Sweep, Error> {
        let (shared, registry) = (&self.0.shared, &self.0.registry);
        let found = find(shared, registry, &sweep::SWEPT, minimum_age).await?;
        Ok(sweep::remove(shared, found, OrphanFate::Due).await)
    }

    /// Removes the images that were built here for plugins and that none runs any more: of plugins that are not
    /// installed, and earlier ones of those that are. Images that were pulled, that another supervisor built, that somebody
    /// gave another tag, or that any container is made from stay.
    ///
    /// # Errors
    /// As [`orphans`](Self::orphans). What could not be removed is in the answer and is no error.
    ///
    /// # Cancel safety
    /// Dropped half way, part of it is done.
    pub async fn prune_images(&self) -> Result<Sweep, Error> {
        let (shared, registry) = (&self.0.shared, &self.0.registry);
        let found = find(shared, registry, &[HoldingKind::Image], Duration::ZERO).await?;
        Ok(sweep::remove(shared, found, OrphanFate::Image).await)
    }

    /// Removes the volumes that an uninstalled plugin left. There is no way back. Fine when there are none.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyInstalled`] when the plugin is known: then its data goes with
    /// [`UninstallOptions::remove_data`](crate::plugin::options::UninstallOptions::remove_data) only. [`ErrorKind::Engine`],
    /// [`ErrorKind::Timeout`], [`ErrorKind::Store`] and [`ErrorKind::Busy`] while it is being installed.
    ///
    /// # Cancel safety
    /// Dropped half way, part of the data may be gone.
    pub async fn remove_orphaned_data(&self, plugin: &PluginId) -> Result<(), Error> {
        let shared = &self.0.shared;
        // Nobody installs it meanwhile.
        let _reserved = self.0.registry.reserve(plugin)?;
        let stored = shared.store.known_plugins().await?;
        if stored.iter().any(|known| known.id_text == plugin.as_str()) {
            let message = "its record is in the store, so its data is kept: uninstall it with its data";
            return Err(Error::new(ErrorKind::AlreadyInstalled, message).with_plugin(plugin));
        }
        let removal = shared.engine.remove_volumes(&shared.instance, plugin);
        within(deadline::CONTROL, "remove volumes", plugin, removal)
            .await
            .map_err(|error| Error::engine(error).with_plugin(plugin))
    }
}

/// Asks the engine first and the store second: what is recorded in between is known, and what is made in between was not
/// asked for.
async fn find(
    shared: &Shared,
    registry: &Registry,
    kinds: &[HoldingKind],
    minimum_age: Duration,
) -> Result<Vec<Orphan>, Error> {
    let mut holdings: Vec<Holding> = Vec::new();
    for kind in kinds {
        let asked = shared.engine.holdings(&shared.instance, *kind);
        match within(deadline::CONTROL, "holdings", &shared.instance, asked).await {
            Ok(found) => holdings.extend(found),
            Err(error) if error.kind() == EngineErrorKind::Unsupported => {}
            Err(error) => return Err(Error::engine(error)),
        }
    }
    let installed = registry.ids();
    let is_known = |holding: &Holding| {
        holding.kind != HoldingKind::Image
            && holding
                .plugin
                .as_ref()
                .is_some_and(|plugin| installed.contains(plugin))
    };
    // As nearly always: then the store need not be asked.
    if holdings.iter().all(is_known) {
        return Ok(Vec::new());
    }
    let mut known = Known {
        plugins: installed.iter().map(ToString::to_string).collect(),
        // What is being installed or updated may already have an image, and no record that names it.
        unread: registry.changing().iter().map(ToString::to_string).collect(),
        images: BTreeSet::new(),
    };
    for stored in shared.store.known_plugins().await? {
        known.note(stored);
    }
    Ok(judge(holdings, &known, minimum_age))
}
