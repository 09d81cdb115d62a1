//! What the engine keeps for this supervisor that belongs to no plugin: told of, and swept when
//! it is old enough.

mod find;
mod judge;
pub(crate) mod orphan;
pub(crate) mod sweep;
#[cfg(test)]
mod tests;

use std::time::Duration;

use hap_manifest::PluginId;

use self::{
    find::find,
    orphan::{Orphan, OrphanDisposition, SweepReport},
};
use super::Supervisor;
use crate::{
    engine::{
        deadline::{self, within},
        resource::ResourceKind,
    },
    error::{Error, ErrorKind},
};

/// Age from which orphans are swept, unless the embedder says otherwise.
pub(crate) const MINIMUM_AGE: Duration = Duration::from_secs(5 * 60);

impl Supervisor {
    /// What carries this supervisor's labels and belongs to no plugin: the dry run of a sweep. Each
    /// comes with its age, the reason, and what becomes of it.
    ///
    /// Containers and networks are swept on their own when they are old enough, see
    /// [`SupervisorBuilder::sweep_orphans_after`](super::builder::SupervisorBuilder::sweep_orphans_after);
    /// images and data are removed by explicit calls only. What lacks our labels is never looked
    /// at, and a container that carries them without the seal of this state folder is somebody
    /// else's and left out.
    ///
    /// ```no_run
    /// # async fn run(supervisor: hap_host::Supervisor) -> Result<(), hap_host::Error> {
    /// for orphan in supervisor.orphans().await? {
    ///     println!("{orphan}, {:?} old: {:?}", orphan.age, orphan.disposition);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Engine`] and [`ErrorKind::Timeout`] when the engine does not tell,
    /// [`ErrorKind::Store`] when it is not known which plugins there are.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn orphans(&self) -> Result<Vec<Orphan>, Error> {
        let kinds = [
            ResourceKind::Container,
            ResourceKind::Network,
            ResourceKind::Volume,
            ResourceKind::Image,
        ];
        let minimum = self.0.shared.orphan_age.unwrap_or(MINIMUM_AGE);
        find(&self.0.shared, &self.0.registry, &kinds, minimum).await
    }

    /// Removes the containers and networks among the [`orphans`](Self::orphans) that were
    /// made at least `minimum_age` ago, running or not; [`Duration::ZERO`] takes all. Volumes
    /// and images stay.
    ///
    /// # Errors
    /// As [`orphans`](Self::orphans). What could not be removed is in the answer and is no error.
    ///
    /// # Cancel safety
    /// Dropped half way, part of it is done.
    pub async fn sweep_orphans(&self, minimum_age: Duration) -> Result<SweepReport, Error> {
        let (shared, registry) = (&self.0.shared, &self.0.registry);
        let found = find(shared, registry, &sweep::SWEPT, minimum_age).await?;
        Ok(sweep::remove(shared, found, OrphanDisposition::Due).await)
    }

    /// Removes the images that were built here for plugins and that none runs any more: of
    /// plugins that are not installed, and earlier ones of those that are. Images that were
    /// pulled, that another supervisor built, that somebody gave another tag, or that any
    /// container is made from stay.
    ///
    /// # Errors
    /// As [`orphans`](Self::orphans). What could not be removed is in the answer and is no error.
    ///
    /// # Cancel safety
    /// Dropped half way, part of it is done.
    pub async fn prune_images(&self) -> Result<SweepReport, Error> {
        let (shared, registry) = (&self.0.shared, &self.0.registry);
        let found = find(shared, registry, &[ResourceKind::Image], Duration::ZERO).await?;
        Ok(sweep::remove(shared, found, OrphanDisposition::Image).await)
    }

    /// Removes the volumes that an uninstalled plugin left. There is no way back. Fine when
    /// there are none.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyInstalled`] when the plugin is known: then its data goes with
    /// [`UninstallRequest::remove_data`](crate::plugin::handle::uninstall::UninstallRequest::remove_data)
    /// only. [`ErrorKind::Engine`], [`ErrorKind::Timeout`], [`ErrorKind::Store`] and
    /// [`ErrorKind::Busy`] while it is being installed.
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
        shared.volumes.forget(plugin).await;
        let removal = shared.engine.remove_volumes(&shared.instance, plugin);
        within(deadline::CONTROL, "remove volumes", plugin, removal)
            .await
            .map_err(|error| Error::engine(error).with_plugin(plugin))?;
        shared.store.forget_left_data(plugin).await
    }
}
