use hap_host::{ErrorKind, FailureCause, Phase, ShutdownMode};
use hap_tests::docker::{Instance, ask, probe_image};

use crate::{address, probe, supervisor, until};

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_wrong_configuration_is_told_with_its_last_lines_and_not_tried_again() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let image = probe_image().await;
    let supervisor = supervisor(&instance, state.path()).await;
    let manifest = probe("probe", &image, r#","env_vars":{"PROBE_EXIT":"78"}"#);
    let plugin = supervisor.install(manifest).await.unwrap();
    let error = plugin.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    let told = error.to_string();
    assert!(
        told.contains("78") && told.contains("ends at once with 78"),
        "{told}"
    );
    assert_eq!(plugin.state().phase, Phase::Failed);
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_crash_loop_is_a_visible_state() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let image = probe_image().await;
    let supervisor = supervisor(&instance, state.path()).await;
    let plugin = supervisor
        .install(probe("probe", &image, r#","env_vars":{"PROBE_EXIT":"1"}"#))
        .await
        .unwrap();
    assert_eq!(plugin.start().await.unwrap_err().kind(), ErrorKind::Failed);
    let looping = until(&plugin, |state| state.phase == Phase::CrashLoop).await;
    assert!(looping.retry_in.is_some());
    plugin.stop().await.unwrap();
    assert_eq!(plugin.state().phase, Phase::Stopped);
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn running_out_of_memory_is_called_by_its_name() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let image = probe_image().await;
    let supervisor = supervisor(&instance, state.path()).await;
    let plugin = supervisor.install(probe("probe", &image, "")).await.unwrap();
    plugin.start().await.unwrap();
    let address = address(&instance, &plugin).await;
    // The kernel ends it in the middle of the answer.
    let _ = ask(address, "/allocate?256").await;
    let ended = until(&plugin, |state| state.failure.is_some() || state.restarts > 0).await;
    assert!(ended.last_exit.unwrap().oom_killed);
    if let Some(failure) = ended.failure {
        assert_eq!(failure.cause, FailureCause::OutOfMemory);
        assert!(failure.hint.unwrap().contains("memory_limit"));
    }
    until(&plugin, |state| state.phase == Phase::Healthy).await;
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn an_image_that_is_nowhere_is_refused_at_install_and_nothing_stays() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let supervisor = supervisor(&instance, state.path()).await;
    let image = "localhost:1/hap-tests/nowhere:1".parse().unwrap();
    let error = supervisor.install(probe("probe", &image, "")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Image);
    assert!(
        error.to_string().contains("localhost:1/hap-tests/nowhere:1"),
        "{error}"
    );
    assert!(supervisor.plugins().is_empty());
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
