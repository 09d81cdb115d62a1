use std::{
    fs,
    sync::{Arc, Mutex},
};

use hap_host::engine::{BuildContext, Engine, EngineErrorKind, Progress, ProgressSink};
use hap_tests::docker::{Instance, remove_image};

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_build_reports_its_steps_and_tags_the_image() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("docker")).unwrap();
    fs::write(
        folder.path().join("docker/plugin.Dockerfile"),
        "FROM scratch\nCOPY . /\n",
    )
    .unwrap();
    fs::write(folder.path().join("hello"), "hello").unwrap();
    let tag = format!("hap-tests-built:{}", instance.name()).parse().unwrap();
    let steps = Arc::new(Mutex::new(Vec::new()));
    let sink = {
        let steps = Arc::clone(&steps);
        ProgressSink::new(move |progress| {
            if let Progress::Step(step) = progress {
                steps.lock().unwrap().push(step);
            }
        })
    };
    let context = BuildContext::new(folder.path(), "docker/plugin.Dockerfile");
    let built = engine.build(&context, &tag, sink).await.unwrap();
    assert_eq!(engine.image(&tag).await.unwrap(), built);
    remove_image(&instance, &tag).await;
    let steps = steps.lock().unwrap().clone();
    assert!(steps.iter().any(|step| step.contains("COPY . /")), "{steps:?}");
    assert_eq!(
        engine.image(&tag).await.unwrap_err().kind(),
        EngineErrorKind::NotFound
    );
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_build_that_fails_says_where() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let context = BuildContext::new(folder.path(), "Dockerfile");
    let tag = format!("hap-tests-broken:{}", instance.name()).parse().unwrap();
    let dockerfile = folder.path().join("Dockerfile");
    for (text, words) in [
        ("FROM scratch\nCOPY missing /\n", "COPY missing /"),
        ("FORM scratch\n", "FORM"),
        (
            "FROM hap-tests-nowhere.invalid/base:1\n",
            "hap-tests-nowhere.invalid",
        ),
    ] {
        fs::write(&dockerfile, text).unwrap();
        let error = instance
            .engine()
            .build(&context, &tag, ProgressSink::none())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), EngineErrorKind::Rejected, "{error}");
        assert!(error.message().contains(words), "{error}");
    }
}
