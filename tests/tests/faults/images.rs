use std::time::Instant;

use bollard::{
    Docker,
    query_parameters::{ImportImageOptions, RemoveImageOptionsBuilder},
};
use futures_util::TryStreamExt;
use hap_host::{ErrorKind, FailureCause, Phase, engine::Engine};
use hap_manifest::ImageRef;
use hap_tests::docker::{self, Fixture};

use crate::{
    bed::{Bed, manifest},
    report::{IMAGES, Row, record},
    victim::{explained, until},
};

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn an_image_that_is_nowhere_is_refused_at_installation() {
    let bed = Bed::new().await;
    let image = "localhost:1/hap-tests/nowhere:1".parse().unwrap();
    let since = Instant::now();
    let refused = bed.supervisor.install(manifest("nowhere", &image, "")).await;
    let error = refused.unwrap_err();
    let took = since.elapsed();
    assert_eq!(error.kind(), ErrorKind::Image);
    assert!(
        error.to_string().contains("localhost:1/hap-tests/nowhere:1"),
        "{error}"
    );
    assert_eq!(
        bed.supervisor.plugins().len(),
        1,
        "only the neighbour is installed"
    );
    record(&Row {
        table: IMAGES,
        fault: "image nowhere at installation",
        expected: "refused by its name; nothing is installed",
        seen: format!("the installation fails with `{:?}`", error.kind()),
        detected: Some(took),
        healthy: None,
    });
    bed.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn an_image_that_is_gone_holds_the_plugin_until_it_is_back() {
    let bed = Bed::new().await;
    let (engine, docker) = (bed.instance.engine(), bystander(&bed));
    let image: ImageRef = format!("hap-tests-gone:{}", bed.instance.name()).parse().unwrap();
    docker::build(engine, Fixture::Faulty, &image).await;
    let saved: Vec<_> = docker.export_image(image.as_str()).try_collect().await.unwrap();
    let plugin = bed
        .supervisor
        .install(manifest("gone", &image, ""))
        .await
        .unwrap();
    plugin.start().await.unwrap();
    plugin.stop().await.unwrap();
    // While it has a container, the engine takes away the image's name and nothing else.
    engine.remove(&plugin.state().container.unwrap()).await.unwrap();
    remove(&docker, &image).await;
    let since = Instant::now();
    assert_eq!(plugin.start().await.unwrap_err().kind(), ErrorKind::Failed);
    let held = until(&plugin, |state| state.phase == Phase::Failed).await;
    assert_eq!(held.failure.unwrap().cause, FailureCause::Image);
    let detected = bed.timeline.failed(plugin.id(), since).await;
    let seen = explained(&plugin).await;
    let body = saved.into_iter().flatten().collect::<Vec<u8>>();
    let load = docker.import_image(
        ImportImageOptions::default(),
        bollard::body_full(body.into()),
        None,
    );
    load.try_for_each(async |_| Ok(())).await.unwrap();
    plugin.start().await.unwrap();
    record(&Row {
        table: IMAGES,
        fault: "image and container removed by hand",
        expected: "not started again until the same image is back and someone starts it",
        seen,
        detected: Some(detected - since),
        healthy: None,
    });
    plugin.uninstall().await.unwrap();
    remove(&docker, &image).await;
    bed.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_program_that_cannot_run_is_the_images_fault_and_held() {
    let bed = Bed::new().await;
    for (id, fixture, fault, hint) in [
        (
            "foreign",
            Fixture::Foreign,
            "program for another processor",
            "is for another processor architecture than this machine's",
        ),
        (
            "missing",
            Fixture::Missing,
            "program missing in the image",
            "/missing, which is not in the image",
        ),
        (
            "dynamic",
            Fixture::Dynamic,
            "program that needs a loader which is missing",
            "which is not in the image: link it statically",
        ),
    ] {
        let plugin = bed.install(id, fixture, "").await;
        let since = Instant::now();
        let error = plugin.start().await.unwrap_err();
        assert!(error.to_string().contains(hint), "{error}");
        let detected = bed.timeline.failed(plugin.id(), since).await;
        let held = until(&plugin, |state| state.phase == Phase::Failed).await;
        assert_eq!(held.failure.unwrap().cause, FailureCause::Image);
        record(&Row {
            table: IMAGES,
            fault,
            expected: "not started again until someone acts",
            seen: explained(&plugin).await,
            detected: Some(detected - since),
            healthy: None,
        });
    }
    bed.end(&[]).await;
}

fn bystander(bed: &Bed) -> Docker {
    Docker::connect_with_host(bed.instance.engine().uri()).unwrap()
}

async fn remove(docker: &Docker, image: &ImageRef) {
    let options = RemoveImageOptionsBuilder::default().force(true).build();
    docker
        .remove_image(image.as_str(), Some(options), None)
        .await
        .unwrap();
}
