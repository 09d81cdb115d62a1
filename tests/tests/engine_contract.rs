//! All engines of the crate keep one contract, so a supervisor need not know which one it has.
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected fails")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use hap_host::engine::{
    ContainerSpec, Engine, EngineContract, EnvVar, Exit, FakeEngine, InstanceName, ProcessEngine,
    ResourceLimits, labels,
};
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
