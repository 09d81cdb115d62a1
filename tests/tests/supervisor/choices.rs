//! What the operator chooses for a plugin: its environment, and what becomes of it when the host starts.

use hap_host::{
    Autostart, Desired, EnvOverrides, ErrorKind, LogForwarding, Phase, PluginHandle, ShutdownMode,
    engine::{FakeEngine, FakeOperation, LogOptions, LogSource},
};

use crate::{builder, count, manifest, manifest_with, supervisor, until};

/// The last of that name in the environment of the plugin's container.
fn variable(engine: &FakeEngine, plugin: &PluginHandle, name: &str) -> String {
    let spec = engine.spec(plugin.id()).unwrap();
    let last = spec.env.iter().rfind(|var| var.name() == name);
    last.unwrap().expose_value().to_owned()
}

fn env(level: &str, key: &str) -> EnvOverrides {
    let env = EnvOverrides::new().with("LEVEL", level).unwrap();
    env.with_secret("KEY", key).unwrap()
}

#[tokio::test]
async fn the_operators_variables_hold_over_the_manifests_from_the_installation_on() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let asks = manifest_with("light", r#","env_vars":{"LEVEL":"1","OWN":"x"}"#);
    let light = supervisor.install(asks).env(env("2", "hunter2")).await.unwrap();
    light.start().await.unwrap();
    let told = ["LEVEL", "OWN", "KEY"].map(|name| variable(&engine, &light, name));
    assert_eq!(told, ["2", "x", "hunter2"]);
    assert_eq!(light.env().get("LEVEL"), Some("2"));
    let shown = format!("{:?} {:?} {light:?}", light.env(), light.state());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn other_variables_make_the_container_anew_and_the_same_ones_do_nothing() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    light.start().await.unwrap();
    let first = light.state().container;
    light.set_env(env("1", "hunter2")).await.unwrap();
    let second = light.state().container;
    assert_ne!(first, second);
    assert_eq!(variable(&engine, &light, "KEY"), "hunter2");

    // As a form does it: what is shown comes back, with one thing changed or nothing at all.
    light.set_env(light.env()).await.unwrap();
    assert_eq!(light.state().container, second);
    light
        .set_env(light.env().with("LEVEL", "2").unwrap())
        .await
        .unwrap();
    let third = light.state().container;
    assert_ne!(second, third);
    let told = ["LEVEL", "KEY"].map(|name| variable(&engine, &light, name));
    assert_eq!(told, ["2", "hunter2"]);

    // Another secret alone is another container, though no digest holds it.
    light.set_env(env("2", "hunter3")).await.unwrap();
    assert_ne!(third, light.state().container);
    let labels = format!("{:?}", engine.spec(light.id()).unwrap());
    assert!(!labels.contains("hunter"), "{labels}");
    let error = light
        .set_env(light.env().with_secret("NEW", "[REDACTED]").unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("NEW"), "{error}");
    assert_eq!(
        light.state().restarts,
        0,
        "a change is no failure that was mended"
    );
    assert!(engine.concurrent_operations().is_empty());
}

#[tokio::test]
async fn variables_are_on_the_disk_before_anything_happens_and_outlive_the_host() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let first = supervisor(&engine, state.path()).await;
    let light = first.install(manifest("light")).await.unwrap();
    light.start().await.unwrap();
    let container = light.state().container;
    // The host ends while the old container is still being stopped.
    engine.hang_next(FakeOperation::Stop);
    let changing = tokio::spawn({
        let light = light.clone();
        async move { light.set_env(env("1", "hunter2")).await }
    });
    until(&light, |state| state.phase == Phase::Stopping).await;
    changing.abort();
    first.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop((first, light));

    let second = supervisor(&engine, state.path()).await;
    let light = second.plugin(manifest("light").id()).unwrap();
    until(&light, |state| {
        state.phase == Phase::Healthy && state.container != container
    })
    .await;
    assert_eq!(variable(&engine, &light, "KEY"), "hunter2");
    let container = light.state().container;
    second.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop((second, light));

    let third = supervisor(&engine, state.path()).await;
    let light = third.plugin(manifest("light").id()).unwrap();
    until(&light, |state| state.phase == Phase::Healthy).await;
    assert_eq!(light.state().container, container, "the same ones are adopted");
    assert_eq!(light.env().get("LEVEL"), Some("1"));
}

#[tokio::test]
async fn a_secret_variable_shows_in_no_line_that_the_plugin_prints() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = builder(&engine, state.path())
        .forward_logs(LogForwarding::default())
        .start()
        .await
        .unwrap();
    let light = supervisor.install(manifest("light")).await.unwrap();
    light.set_env(env("1", "hunter2")).await.unwrap();
    light.start().await.unwrap();
    engine.print(light.id(), LogSource::Stdout, "the key is hunter2");
    let mut lines = light.logs(&LogOptions::default());
    let line = lines.next().await.unwrap().unwrap();
    assert_eq!(line.text, "the key is [REDACTED]");
    // The container that is on its way out still has the old one.
    engine.hang_next(FakeOperation::Stop);
    let changing = tokio::spawn({
        let light = light.clone();
        async move { light.set_env(env("1", "hunter3")).await }
    });
    until(&light, |state| state.phase == Phase::Stopping).await;
    engine.print(light.id(), LogSource::Stdout, "it was hunter2 and is hunter3");
    let mut lines = light.logs(&LogOptions::default().tail(1));
    let line = lines.next().await.unwrap().unwrap();
    assert_eq!(line.text, "it was [REDACTED] and is [REDACTED]");
    changing.abort();
}

#[tokio::test]
async fn what_becomes_of_a_plugin_when_the_host_starts_is_chosen_apart_from_what_is_wanted_now() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let first = supervisor(&engine, state.path()).await;
    let never = first
        .install(manifest("never"))
        .autostart(Autostart::Never)
        .await
        .unwrap();
    let always = first.install(manifest("always")).await.unwrap();
    let usual = first.install(manifest("usual")).await.unwrap();
    always.set_autostart(Autostart::Always).await.unwrap();
    never.start().await.unwrap();
    usual.start().await.unwrap();
    // Chosen is for the next start; nothing happens now.
    assert_eq!(
        (always.state().autostart, always.state().phase),
        (Autostart::Always, Phase::Stopped)
    );
    assert_eq!(
        (never.state().autostart, never.state().phase),
        (Autostart::Never, Phase::Healthy)
    );
    first.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    drop((first, never, always, usual));

    let second = supervisor(&engine, state.path()).await;
    let of = |id| second.plugin(manifest(id).id()).unwrap();
    until(&of("always"), |state| state.phase == Phase::Healthy).await;
    until(&of("usual"), |state| state.phase == Phase::Healthy).await;
    let never = until(&of("never"), |state| state.phase == Phase::Stopped).await;
    assert_eq!(
        (never.desired, never.autostart),
        (Desired::Stopped, Autostart::Never)
    );
    // It is only not started by itself.
    of("never").start().await.unwrap();
    let container = of("never").state().container;
    second.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop(second);

    // The host alone was started again: what runs is adopted.
    let third = supervisor(&engine, state.path()).await;
    let never = third.plugin(manifest("never").id()).unwrap();
    let adopted = until(&never, |state| state.phase == Phase::Healthy).await;
    assert_eq!(adopted.container, container);
    assert_eq!(count(&engine, FakeOperation::Create), 3);
}
