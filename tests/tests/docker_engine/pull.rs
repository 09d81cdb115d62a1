use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use hap_host::engine::{Engine, EngineErrorKind, Progress, ProgressSink};
use hap_tests::docker::Instance;

use super::registry::Registry;

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_pull_reports_bytes_and_brings_the_image() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    let registry = Registry::start(instance.name().as_str(), Duration::from_millis(50)).await;
    let image = registry.image("light:1");
    let reports = Arc::new(Mutex::new(Vec::new()));
    let sink = {
        let reports = Arc::clone(&reports);
        ProgressSink::new(move |progress| reports.lock().unwrap().push(progress))
    };
    let id = engine.pull(&image, sink).await.unwrap();
    assert_eq!(engine.image(&image).await.unwrap(), id);
    let pinned = registry.image(&format!("light:1@{}", registry.digest()));
    let same = engine.pull(&pinned, ProgressSink::none()).await.unwrap();
    assert_eq!((engine.image(&pinned).await.unwrap(), same), (id.clone(), id));
    hap_tests::docker::remove_image(&instance, &image).await;

    let reports = reports.lock().unwrap().clone();
    let bytes: Vec<_> = reports
        .iter()
        .filter_map(|progress| match progress {
            Progress::Bytes { done, total } => Some((*done, *total)),
            _ => None,
        })
        .collect();
    assert!(bytes.iter().any(|(done, total)| done < total), "{reports:?}");
    assert!(
        bytes.is_sorted() && bytes.last().is_some_and(|(done, total)| done == total),
        "{reports:?}"
    );
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn what_a_registry_refuses_is_told_apart() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let registry = Registry::start(instance.name().as_str(), Duration::ZERO).await;
    for (image, kind) in [
        ("light:2", EngineErrorKind::NotFound),
        ("private/light:1", EngineErrorKind::Denied),
        ("foreign:1", EngineErrorKind::Rejected),
    ] {
        let error = instance
            .engine()
            .pull(&registry.image(image), ProgressSink::none())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            !error.is_retryable() && error.to_string().contains(image),
            "{error}"
        );
    }
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_dropped_pull_is_given_up() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    let registry = Registry::start(instance.name().as_str(), Duration::from_millis(150)).await;
    let image = registry.image("light:1");
    let pull = engine.pull(&image, ProgressSink::none());
    assert!(
        tokio::time::timeout(Duration::from_millis(500), pull)
            .await
            .is_err()
    );
    // Longer than the rest of the image would have taken.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(
        engine.image(&image).await.unwrap_err().kind(),
        EngineErrorKind::NotFound
    );
}
