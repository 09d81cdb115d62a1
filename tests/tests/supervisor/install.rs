use std::{fs, io::Cursor, path::Path, time::Duration};

use hap_host::{
    ErrorKind, PluginSource,
    engine::{EngineErrorKind, FakeEngine, FakeImage, FakeOperation, Progress, ProgressSink, Stage},
};
use hap_manifest::package::{PackOptions, pack};

use crate::{DEADLINE, count, manifest, supervisor};

/// The bytes of a package with a manifest, a Dockerfile and a README.
pub(crate) fn package(id: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("manifest.json"), manifest(id).to_json()).unwrap();
    fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    fs::write(folder.path().join("README.md"), "# A plugin\n").unwrap();
    pack(folder.path(), &PackOptions::new()).unwrap().into_bytes()
}

fn unpacked(state: &Path) -> usize {
    fs::read_dir(state.join("staging")).unwrap().count()
}

#[tokio::test]
async fn a_package_is_built_and_leaves_nothing_unpacked() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let file = state.path().join("light.zip");
    fs::write(&file, package("light")).unwrap();
    let light = supervisor.install(PluginSource::package(&file)).await.unwrap();
    light.start().await.unwrap();
    let lock = PluginSource::package_reader(Cursor::new(package("lock")));
    supervisor.install(lock).await.unwrap();
    assert_eq!(count(&engine, FakeOperation::Build), 2);
    assert_eq!(unpacked(state.path()), 0);
}

#[tokio::test]
async fn a_package_that_is_none_or_does_not_build_leaves_nothing() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let cut = package("light").split_off(20);
    for (bytes, words) in [(cut, "truncated"), (b"#!/bin/sh\n".to_vec(), "zip")] {
        let source = PluginSource::package_reader(Cursor::new(bytes));
        let error = supervisor.install(source).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    for (path, words) in [("missing.zip", "No such file"), ("", "no file")] {
        let error = supervisor
            .install(PluginSource::package(state.path().join(path)))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    engine.fail_next(FakeOperation::Build, EngineErrorKind::Rejected);
    let source = PluginSource::package_reader(Cursor::new(package("light")));
    let error = supervisor.install(source).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Image, "{error}");
    assert_eq!(unpacked(state.path()), 0);
    assert!(supervisor.plugins().is_empty());
    supervisor
        .install(PluginSource::package_reader(Cursor::new(package("light"))))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_build_that_is_given_up_leaves_nothing_unpacked() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    engine.hang_next(FakeOperation::Build);
    let source = PluginSource::package_reader(Cursor::new(package("light")));
    let installing = tokio::spawn({
        let supervisor = supervisor.clone();
        async move { supervisor.install(source).await }
    });
    let until = async |wanted: &dyn Fn() -> bool| {
        let wait = async {
            while !wanted() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.unwrap();
    };
    until(&|| count(&engine, FakeOperation::Build) == 1).await;
    assert_eq!(unpacked(state.path()), 1);
    installing.abort();
    until(&|| unpacked(state.path()) == 0).await;
}

#[tokio::test]
async fn two_plugins_with_one_image_share_one_pull_and_both_hear_of_it() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    engine.set_image(manifest("one").image(), FakeImage::Pullable);
    engine.set_delay(FakeOperation::Pull, Duration::from_millis(50));
    let mut streams = Vec::new();
    let installs = ["one", "two", "three"].map(|id| {
        let (sink, stream) = ProgressSink::stream();
        streams.push(stream);
        supervisor.install(manifest(id)).progress(sink).into_future()
    });
    for installed in futures_util::future::join_all(installs).await {
        installed.unwrap();
    }
    assert_eq!(count(&engine, FakeOperation::Pull), 1);
    for mut stream in streams {
        let mut last = None;
        while let Some(progress) = stream.next().await {
            last = Some(progress);
        }
        assert_eq!(
            last,
            Some(Progress::Bytes {
                done: 100,
                total: 100
            })
        );
    }
}

#[tokio::test]
async fn a_pull_goes_on_for_the_second_caller_when_the_first_has_gone() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    engine.set_image(manifest("one").image(), FakeImage::Pullable);
    engine.set_delay(FakeOperation::Pull, Duration::from_millis(100));
    let first = tokio::spawn({
        let supervisor = supervisor.clone();
        async move { supervisor.install(manifest("one")).await }
    });
    while count(&engine, FakeOperation::Pull) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let second = supervisor.install(manifest("two"));
    let (second, ()) = tokio::join!(second, async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        first.abort();
    });
    second.unwrap();
    assert_eq!(count(&engine, FakeOperation::Pull), 1);
}

#[tokio::test]
async fn a_pull_that_nobody_waits_for_is_given_up() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    engine.set_image(manifest("one").image(), FakeImage::Pullable);
    engine.hang_next(FakeOperation::Pull);
    let given_up = tokio::time::timeout(Duration::from_millis(50), supervisor.install(manifest("one")));
    assert!(given_up.await.is_err());
    // A pull that still hung would be shared, and hang this one too.
    supervisor.install(manifest("one")).await.unwrap();
    assert_eq!(count(&engine, FakeOperation::Pull), 2);
}

#[tokio::test(start_paused = true)]
async fn a_pull_is_tried_again_only_where_that_may_help() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    engine.set_image(manifest("one").image(), FakeImage::Pullable);
    for kind in [
        EngineErrorKind::Failed,
        EngineErrorKind::RateLimited,
        EngineErrorKind::Timeout,
    ] {
        engine.fail_next(FakeOperation::Pull, kind);
    }
    supervisor.install(manifest("one")).await.unwrap();
    assert_eq!(count(&engine, FakeOperation::Pull), 4);
    engine.set_image(manifest("two").image(), FakeImage::Missing);
    let error = supervisor.install(manifest("two")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Image, "{error}");
    assert_eq!(count(&engine, FakeOperation::Pull), 5);
}

#[tokio::test]
async fn an_installation_tells_its_stages_in_order() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let (sink, mut stream) = ProgressSink::stream();
    let source = PluginSource::package_reader(Cursor::new(package("light")));
    supervisor.install(source).progress(sink).await.unwrap();
    let mut stages = Vec::new();
    while let Some(progress) = stream.next().await {
        if let Progress::Stage(stage) = progress {
            stages.push(stage);
        }
    }
    assert_eq!(stages, [Stage::Unpacking, Stage::Sending, Stage::Building]);
}
