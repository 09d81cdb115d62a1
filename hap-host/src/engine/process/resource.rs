use std::sync::Arc;

use super::{
    create,
    error::{self, blocking},
    folder::{self, age},
    record::Record,
    shared::Shared,
};
use crate::engine::{
    error::EngineError,
    instance::InstanceName,
    resource::{Resource, ResourceKind},
};

/// What the state folder holds for an instance. There are neither networks nor images.
pub(super) async fn list(
    shared: &Arc<Shared>,
    instance: &InstanceName,
    kind: ResourceKind,
) -> Result<Vec<Resource>, EngineError> {
    let (folder, instance) = (shared.folder.clone(), instance.clone());
    blocking("list resources", move || {
        let io = |error| error::file("list resources", folder.root(), error);
        match kind {
            ResourceKind::Container => {
                let records = folder.all().map_err(io)?.into_iter();
                let ours = records.filter(|record| record.belongs_to(&instance));
                Ok(ours.map(container).collect())
            }
            ResourceKind::Volume => create::volumes(&folder, &instance).map_err(io),
            ResourceKind::Network | ResourceKind::Image => Ok(Vec::new()),
        }
    })
    .await
}

fn container(record: Record) -> Resource {
    Resource {
        plugin: Some(record.plugin),
        age: folder::made_at(&record.id).and_then(age),
        ..Resource::new(ResourceKind::Container, record.id, record.name)
    }
}
