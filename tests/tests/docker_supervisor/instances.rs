use hap_host::{ErrorKind, Phase, ShutdownMode, Supervisor};
use hap_tests::docker::{Instance, probe_image};

use crate::{probe, supervisor};

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn two_supervisors_on_one_engine_do_not_see_each_others_plugins() {
    let (Some(one), Some(two)) = (Instance::new().await, Instance::new().await) else {
        return;
    };
    let (state_one, state_two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let image = probe_image().await;
    let first = supervisor(&one, state_one.path()).await;
    let second = supervisor(&two, state_two.path()).await;
    // The same id on both: names, labels, networks and volumes must not meet.
    let ours = first
        .install(probe("probe", &image, r#","volumes":["/data"]"#))
        .await
        .unwrap();
    assert!(second.plugins().is_empty());
    let theirs = second
        .install(probe("probe", &image, r#","volumes":["/data"]"#))
        .await
        .unwrap();
    ours.start().await.unwrap();
    theirs.start().await.unwrap();
    assert_ne!(ours.state().container, theirs.state().container);
    ours.uninstall().remove_data(true).await.unwrap();
    first.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    assert_eq!(theirs.state().phase, Phase::Healthy);
    theirs.restart().await.unwrap();
    second.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn one_state_folder_serves_one_supervisor_of_one_instance() {
    let (Some(one), Some(two)) = (Instance::new().await, Instance::new().await) else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let first = supervisor(&one, state.path()).await;
    let again = Supervisor::builder(one.engine().clone(), state.path()).instance(one.name().clone());
    assert_eq!(again.start().await.unwrap_err().kind(), ErrorKind::Store);
    first.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    drop(first);
    let other = Supervisor::builder(two.engine().clone(), state.path()).instance(two.name().clone());
    let error = other.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains(one.name().as_str()), "{error}");
}
