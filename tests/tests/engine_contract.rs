//! All engines of the crate keep one contract, so a supervisor need not know which one it has.
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected fails")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use hap_host::engine::{
    BuildContext, ContainerId, ContainerSpec, Engine, EngineCapabilities, EngineContract, EngineError,
    EngineEvent, EngineInfo, EngineStream, EnvVar, Exit, FakeEngine, HostEndpoints, ImageId, InstanceName,
    LogLine, LogOptions, Observed, ProcessEngine, ProgressSink, ResourceLimits, StatsSample, labels,
};
use hap_manifest::{ImageRef, PluginId};
use hap_tests::docker::{Instance, probe_image};

fn spec(plugin: &str) -> ContainerSpec {
    let limits = ResourceLimits::new(64 << 20, 1_000_000_000, 64);
    let (id, instance) = (plugin.parse().unwrap(), InstanceName::default());
    labelled(ContainerSpec::new(
        format!("contract-{plugin}"),
        id,
        instance,
        "image:1".to_owned(),
        limits,
        8000,
    ))
}

fn labelled(mut spec: ContainerSpec) -> ContainerSpec {
    spec.labels
        .insert(labels::SPEC_DIGEST.to_owned(), "a digest".to_owned());
    spec.labels.insert(labels::SEAL.to_owned(), "a seal".to_owned());
    spec
}

async fn holds(engine: &dyn Engine, stays: ContainerSpec, ends: ContainerSpec) {
    if let Err(violation) = EngineContract::new(engine, stays, ends).check().await {
        let name = engine.capabilities().name;
        assert!(violation.rule().is_empty(), "{name}: {violation}");
    }
}

#[tokio::test]
async fn the_fake_engine_keeps_the_contract() {
    let engine = FakeEngine::new();
    let ends = spec("ends");
    engine.crash_at_start(&ends.plugin, Some(Exit::code(3)));
    holds(&engine, spec("stays"), ends).await;
}

#[tokio::test]
async fn the_process_engine_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let engine = ProcessEngine::new(folder.path().join("state")).unwrap();
    let (mut stays, mut ends) = (spec("stays"), spec("ends"));
    stays.program = Some(script(folder.path(), "stays", "exec sleep 1000"));
    ends.program = Some(script(folder.path(), "ends", "exit 3"));
    holds(&engine, stays, ends).await;
}

fn script(folder: &Path, name: &str, command: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{command}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn the_docker_engine_keeps_the_contract() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let image = probe_image().await;
    let stays = labelled(instance.spec("stays", &image));
    let mut ends = labelled(instance.spec("ends", &image));
    ends.env.push(EnvVar::plain("PROBE_EXIT", "3"));
    holds(instance.engine(), stays, ends).await;
}

/// An engine that keeps the contract but for the subnets around its gateways, which it leaves out.
#[derive(Debug)]
struct NamesNoSubnet(FakeEngine);

#[async_trait::async_trait]
impl Engine for NamesNoSubnet {
    fn capabilities(&self) -> EngineCapabilities {
        self.0.capabilities()
    }
    async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.0.info().await
    }
    async fn prepare(&self, _: &InstanceName) -> Result<HostEndpoints, EngineError> {
        let gateway = [10, 213, 7, 1].into();
        Ok(HostEndpoints::new(gateway, gateway))
    }
    async fn teardown(&self, instance: &InstanceName) -> Result<(), EngineError> {
        self.0.teardown(instance).await
    }
    async fn image(&self, image: &ImageRef) -> Result<ImageId, EngineError> {
        self.0.image(image).await
    }
    async fn pull(&self, image: &ImageRef, progress: ProgressSink) -> Result<ImageId, EngineError> {
        self.0.pull(image, progress).await
    }
    async fn build(
        &self,
        context: &BuildContext,
        tag: &ImageRef,
        progress: ProgressSink,
    ) -> Result<ImageId, EngineError> {
        self.0.build(context, tag, progress).await
    }
    async fn create(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        self.0.create(spec).await
    }
    async fn start(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.0.start(id).await
    }
    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), EngineError> {
        self.0.stop(id, grace).await
    }
    async fn kill(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.0.kill(id).await
    }
    async fn remove(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.0.remove(id).await
    }
    async fn remove_volumes(&self, instance: &InstanceName, plugin: &PluginId) -> Result<(), EngineError> {
        self.0.remove_volumes(instance, plugin).await
    }
    async fn inspect(&self, id: &ContainerId) -> Result<Observed, EngineError> {
        self.0.inspect(id).await
    }
    async fn list(&self, instance: &InstanceName) -> Result<Vec<Observed>, EngineError> {
        self.0.list(instance).await
    }
    fn events(&self, instance: &InstanceName) -> EngineStream<EngineEvent> {
        self.0.events(instance)
    }
    fn logs(&self, id: &ContainerId, options: &LogOptions) -> EngineStream<LogLine> {
        self.0.logs(id, options)
    }
    async fn stats(&self, id: &ContainerId) -> Result<StatsSample, EngineError> {
        self.0.stats(id).await
    }
}

#[tokio::test]
async fn an_engine_whose_plugins_would_not_be_heard_breaks_the_contract() {
    let engine = NamesNoSubnet(FakeEngine::new());
    let check = EngineContract::new(&engine, spec("stays"), spec("ends"))
        .check()
        .await;
    let violation = check.unwrap_err();
    assert!(violation.rule().contains("with_subnet"), "{violation}");
}
