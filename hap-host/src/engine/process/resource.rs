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
    resource::{Holding, HoldingKind},
};

/// What the state folder holds for an instance. There are neither networks nor images.
pub(super) async fn list(
    shared: &Arc<Shared>,
    instance: &InstanceName,
    kind: HoldingKind,
) -> Result<Vec<Holding>, EngineError> {
    let (folder, instance) = (shared.folder.clone(), instance.clone());
    blocking("holdings", move || {
        let io = |error| error::file("holdings", folder.root(), error);
        match kind {
            HoldingKind::Container => {
                let records = folder.all().map_err(io)?.into_iter();
                let ours = records.filter(|record| record.belongs_to(&instance));
                Ok(ours.map(container).collect())
            }
            HoldingKind::Volume => create::volumes(&folder, &instance).map_err(io),
            HoldingKind::Network | HoldingKind::Image => Ok(Vec::new()),
        }
    })
    .await
}

fn container(record: Record) -> Holding {
    Holding {
        plugin: Some(record.plugin),
        age: folder::made_at(&record.id).and_then(age),
        ..Holding::new(HoldingKind::Container, record.id, record.name)
    }
}
