//! What is known of a plugin's snapshots before anything stops for them.

use super::PluginHandle;
use crate::{
    engine::{
        deadline::{self, within},
        error::EngineErrorKind,
        naming::volume_names,
        report::report,
    },
    error::{Error, ErrorKind},
    model::version::{PluginVersion, lost_snapshot},
    plugin::{request::Request, update_plan::WAYS_OUT},
};

/// Which part of what is free on the disk a snapshot may take, unless told otherwise.
const OF_FREE: u64 = 2;

impl PluginHandle {
    /// Whether the data that the previous version left is kept. `None` where there is no such version,
    /// or no snapshot was made; `false` where somebody removed it.
    #[must_use]
    pub fn previous_snapshot(&self) -> Option<bool> {
        let snapshot = self.snapshot();
        let previous = snapshot.told.previous.as_deref()?;
        match previous.snapshot {
            Some(_) => Some(true),
            None => previous.snapshot_lost.then_some(false),
        }
    }

    /// The most bytes that a snapshot of the data may take. Refuses data that is larger already.
    pub(super) async fn snapshot_bound(
        &self,
        is_made: bool,
        wanted: Option<u64>,
    ) -> Result<Option<u64>, Error> {
        let shared = &self.cell().shared;
        let names = volume_names(&shared.instance, &self.manifest());
        if !is_made || names.is_empty() || !shared.engine.capabilities().isolation {
            return Ok(wanted);
        }
        let measuring = shared.engine.volume_usage(&shared.instance, self.id(), &names);
        let usage = match within(deadline::CONTROL, "measure volumes", self.id(), measuring).await {
            Ok(usage) => usage,
            // A bound that was set holds all the same, while the data is copied.
            Err(error) => {
                tracing::warn!(plugin = %self.id(), error = %report(&error), "what its data takes could not be measured");
                return Ok(wanted);
            }
        };
        let bound = wanted.or_else(|| usage.free_bytes.map(|free| free / OF_FREE));
        if let (Some(bytes), Some(bound)) = (usage.bytes, bound)
            && bytes > bound
        {
            let whose = match (wanted, usage.free_bytes) {
                (None, Some(free)) => format!(", which is half of the {free} bytes that are free"),
                _ => String::new(),
            };
            let message = format!(
                "a snapshot of its data would take {bytes} bytes, and the bound is {bound}{whose}: {WAYS_OUT}"
            );
            return Err(Error::new(ErrorKind::InvalidInput, message).with_plugin(self.id()));
        }
        Ok(bound)
    }

    /// The snapshot of what a version left, where one was made. Refuses one that is gone.
    pub(super) async fn snapshot_to_restore(&self, previous: &PluginVersion) -> Result<Option<u32>, Error> {
        let version = previous.manifest.version();
        let lost = |missing: &[String]| {
            Error::new(ErrorKind::InvalidInput, lost_snapshot(version, missing)).with_plugin(self.id())
        };
        let Some(snapshot) = previous.snapshot else {
            return if previous.snapshot_lost {
                Err(lost(&[]))
            } else {
                Ok(None)
            };
        };
        let missing = self.missing_of_snapshot(previous).await?;
        if missing.is_empty() {
            return Ok(Some(snapshot));
        }
        let error = lost(&missing);
        self.request(|reply| Request::SnapshotLost(snapshot, missing, reply))
            .await?;
        Err(error)
    }

    /// Looks whether the snapshot of the previous version is there, and tells if it is not.
    pub(crate) async fn look_after_snapshot(&self) -> Result<(), Error> {
        let snapshot = self.snapshot();
        let previous = snapshot.told.previous.as_deref();
        let kept = previous.filter(|previous| previous.snapshot.is_some());
        let Some(previous) = kept.filter(|_| snapshot.state.update.is_none()) else {
            return Ok(());
        };
        match self.snapshot_to_restore(previous).await {
            // That is told already.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
            looked => looked.map(drop),
        }
    }

    async fn missing_of_snapshot(&self, previous: &PluginVersion) -> Result<Vec<String>, Error> {
        let shared = &self.cell().shared;
        let names = previous.snapshot_volumes(&shared.instance);
        let looking = shared.engine.missing_volumes(&shared.instance, self.id(), &names);
        match within(deadline::CONTROL, "find volumes", self.id(), looking).await {
            // It shows when the data is put back.
            Err(error) if error.kind() == EngineErrorKind::Unsupported => Ok(Vec::new()),
            found => found.map_err(Error::engine),
        }
    }
}
