use std::io::Cursor;

use hap_host::{
    Phase, PluginSource, ShutdownMode,
    engine::{Progress, ProgressSink, Stage, labels},
};
use hap_manifest::package::{PackOptions, pack};
use hap_tests::docker::Instance;

use crate::{light, supervisor};

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_packaged_light_is_installed_and_runs() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let supervisor = supervisor(&instance, state.path()).await;
    let folder = light::folder().await;
    let package = pack(folder.path(), &PackOptions::new()).unwrap().into_bytes();

    let (sink, mut stream) = ProgressSink::stream();
    let source = PluginSource::package_reader(Cursor::new(package));
    let light = supervisor.install(source).progress(sink).await.unwrap();
    light.start().await.unwrap();
    assert_eq!(light.state().phase, Phase::Healthy);
    assert_eq!(
        std::fs::read_dir(state.path().join("staging")).unwrap().count(),
        0
    );

    let (mut stages, mut sent, mut lines) = (Vec::new(), (0, 0), 0);
    while let Some(progress) = stream.next().await {
        match progress {
            Progress::Stage(stage) => stages.push(stage),
            Progress::Bytes { done, total } => sent = (done, total),
            _ => lines += 1,
        }
    }
    assert_eq!(stages, [Stage::Unpacking, Stage::Sending, Stage::Building]);
    assert!(
        sent.0 > 1_000_000 && sent.0 == sent.1 && lines > 0,
        "{sent:?} {lines}"
    );

    let docker = bollard::Docker::connect_with_host(instance.engine().uri()).unwrap();
    // By the container: another test may have built the tag anew meanwhile, which must not matter.
    let container = light.state().container.unwrap();
    let inspected = docker
        .inspect_container(
            container.as_str(),
            None::<bollard::query_parameters::InspectContainerOptions>,
        )
        .await
        .unwrap();
    let image = docker.inspect_image(&inspected.image.unwrap()).await.unwrap();
    let found = image.config.unwrap().labels.unwrap();
    assert_eq!(found[labels::IMAGE_INSTANCE], instance.name().as_str());
    assert!(
        found.get(labels::INSTANCE).is_none_or(String::is_empty),
        "whatever somebody runs from this image would be taken for a plugin: {found:?}"
    );

    light.uninstall().remove_data(true).await.unwrap();
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
