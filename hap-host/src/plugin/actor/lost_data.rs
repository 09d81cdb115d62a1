//! Notices that volumes of the plugin are gone before its next container gets new ones.

use super::operation::Operator;
use crate::engine::error::EngineErrorKind;

impl Operator {
    /// Tells of volumes that the plugin had and that are gone. Creating a container makes them anew.
    pub(super) async fn look_for_lost_data(&self) {
        let spec = &self.spec;
        let had = self.volumes.had(&spec.plugin, self.volume_names());
        if had.is_empty() {
            return;
        }
        let missing = self.engine.missing_volumes(&spec.instance, &spec.plugin, &had);
        match self.control(missing).await {
            Ok(missing) if missing.is_empty() => {}
            Ok(missing) => self.volumes.lost(&spec.plugin, missing).await,
            Err(error) if error.kind() == EngineErrorKind::Unsupported => {}
            Err(error) => {
                tracing::warn!(plugin = %spec.plugin, %error, "whether its data is still there cannot be told now");
            }
        }
    }

    /// Notes that the plugin has its volumes now, since it has a container.
    pub(super) async fn note_volumes(&self) {
        self.volumes.has(&self.spec.plugin, self.volume_names()).await;
    }

    fn volume_names(&self) -> impl Iterator<Item = String> + '_ {
        self.spec.volumes.iter().map(|volume| volume.name.clone())
    }
}
