use std::{sync::Arc, time::Instant};

use hap_host::{Cursor, Delivery, PluginHandle, ShutdownMode, SubscribeOptions, Supervisor, engine::Engine};
use hap_manifest::{ImageRef, Manifest};
use hap_tests::docker::{self, Fixture, Instance};
use tempfile::TempDir;

use crate::{
    neighbour::Neighbour,
    report::{Row, Table, record},
    timeline::Timeline,
    victim::Victim,
};

/// A supervisor on a real engine, whose plugins are about to suffer beside a neighbour that must not notice.
pub(crate) struct Bed {
    pub(crate) instance: Instance,
    pub(crate) supervisor: Supervisor,
    pub(crate) timeline: Timeline,
    neighbour: Option<Neighbour>,
    _state: TempDir,
}

impl Bed {
    /// On the engine of this machine.
    pub(crate) async fn new() -> Self {
        let instance = Instance::new().await.unwrap();
        let engine = instance.dyn_engine();
        Self::over(instance, engine).await
    }

    /// On an engine that the supervisor reaches through `engine`.
    pub(crate) async fn over(instance: Instance, engine: Arc<dyn Engine>) -> Self {
        let mut bed = Self::bare(instance, engine).await;
        let neighbour = bed.install("neighbour", Fixture::Faulty, "").await;
        neighbour.start().await.unwrap();
        bed.neighbour = Some(Neighbour::of(neighbour));
        bed
    }

    /// Without a neighbour, for faults that hit every plugin.
    pub(crate) async fn alone_on(instance: Instance) -> Self {
        let engine = instance.dyn_engine();
        Self::bare(instance, engine).await
    }

    async fn bare(instance: Instance, engine: Arc<dyn Engine>) -> Self {
        let state = tempfile::tempdir().unwrap();
        let builder = Supervisor::builder(engine, state.path()).instance(instance.name().clone());
        let supervisor = builder.start().await.unwrap();
        Self {
            timeline: Timeline::of(&supervisor),
            instance,
            supervisor,
            neighbour: None,
            _state: state,
        }
    }

    /// Installs a plugin with a volume, and with more fields of the manifest in `extra`.
    pub(crate) async fn install(&self, id: &str, fixture: Fixture, extra: &str) -> PluginHandle {
        let image = docker::image(self.instance.engine(), fixture).await;
        self.supervisor
            .install(manifest(id, &image, extra))
            .await
            .unwrap()
    }

    /// Installs and starts a plugin that misbehaves on request.
    pub(crate) async fn victim(&self, id: &str, extra: &str) -> Victim {
        let plugin = self.install(id, Fixture::Faulty, extra).await;
        plugin.start().await.unwrap();
        Victim::of(plugin, self.instance.dyn_engine()).await
    }

    /// Waits until a fault of this moment was noticed and healed, checks that nothing was lost, and fills the row.
    pub(crate) async fn healed(
        &self,
        victim: &Victim,
        since: Instant,
        (table, fault, expected): (Table, &'static str, &'static str),
    ) {
        let id = victim.plugin.id();
        let detected = self.timeline.failed(id, since).await;
        let healthy = self.timeline.healthy(id, detected).await;
        let seen = victim.explained().await;
        victim.lost_nothing().await;
        record(&Row {
            table,
            fault,
            expected,
            seen,
            detected: Some(detected - since),
            healthy: Some(healthy - since),
        });
    }

    /// Ends it, when the neighbour has noticed nothing and every event of the victims is in the log.
    pub(crate) async fn end(mut self, victims: &[Victim]) {
        if let Some(neighbour) = self.neighbour.take() {
            neighbour.was_undisturbed().await;
        }
        let options = SubscribeOptions::default().after(Cursor::START);
        let mut log = self.supervisor.plugin_events(options);
        let mut left: u64 = victims.iter().map(|victim| victim.events).sum();
        while left > 0 {
            let item = tokio::time::timeout(crate::DEADLINE, log.next()).await.unwrap();
            match item.unwrap().unwrap() {
                Delivery::Event(_) => left -= 1,
                other => panic!("an event that was taken is gone: {other:?}"),
            }
        }
        self.supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    }
}

pub(crate) fn manifest(id: &str, image: &ImageRef, extra: &str) -> Manifest {
    let memory = if extra.contains("memory_limit") {
        ""
    } else {
        r#","memory_limit":"64m""#
    };
    let text = format!(
        r#"{{"id":"{id}","name":"Faulty","version":"1.0.0","description":"misbehaves as it is told","author":"tests",
            "image":"{image}","api_port":8000,"cpu_limit":1,"network_access":false,
            "volumes":["/data"]{memory}{extra}}}"#
    );
    Manifest::from_json(&text).unwrap().manifest
}
