//! What plugins ask for beyond the default, and what becomes of it.

use hap_host::{
    Access, ErrorKind, FailureCause, InstallRequest, Phase, PluginSource, Policy, PolicyViolation,
    ShutdownMode,
    engine::{FakeEngine, FakeImage, FakeOperation},
};
use hap_manifest::{
    Manifest,
    permission::{Permission, requested},
};

use crate::{builder, count, manifest, manifest_with, supervisor, until};

const ASKS: &str = r#","device_access":true,"devices":["/dev/ttyUSB0"],"capabilities":["NET_RAW"],
    "writable_rootfs":true,"memory_limit":"2g""#;

#[tokio::test]
async fn what_was_not_granted_is_refused_before_anything_is_done_and_all_of_it_is_told() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let manifest = manifest_with("meter", ASKS);
    engine.set_image(manifest.image(), FakeImage::Pullable);
    let error = supervisor.install(manifest.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotPermitted);
    let asked: Vec<_> = error
        .violations()
        .iter()
        .filter_map(PolicyViolation::missing_permission)
        .cloned()
        .collect();
    assert_eq!(asked.len(), 4, "{error}");
    for words in ["/dev/ttyUSB0", "NET_RAW", "program files", "2 GiB of memory"] {
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
    assert_eq!(
        (
            count(&engine, FakeOperation::Image),
            count(&engine, FakeOperation::Pull)
        ),
        (0, 0)
    );
    assert!(supervisor.plugins().is_empty());

    // The very list is what a caller grants after its user has agreed.
    let installation = asked
        .into_iter()
        .fold(supervisor.install(manifest), InstallRequest::grant);
    let meter = installation.await.unwrap();
    meter.start().await.unwrap();
    let spec = engine.spec(meter.id()).unwrap();
    assert_eq!(spec.devices[0].path, "/dev/ttyUSB0");
    assert_eq!(spec.capabilities, ["NET_RAW"]);
    assert!(spec.writable_rootfs);
    let permissions = meter.permissions();
    assert_eq!((permissions.granted.len(), permissions.violations), (4, vec![]));
}

#[tokio::test]
async fn a_maximum_is_told_with_both_values_and_no_grant_lifts_it() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let policy = Policy::default().max_memory("1g".parse().unwrap());
    let supervisor = builder(&engine, state.path())
        .policy(policy)
        .start()
        .await
        .unwrap();
    let error = supervisor
        .install(manifest_with("meter", ASKS))
        .grant_all_requested(true)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotPermitted);
    assert_eq!(error.violations().len(), 1);
    assert!(
        error.to_string().contains("2g") && error.to_string().contains("1g"),
        "{error}"
    );
}

#[tokio::test]
async fn a_default_limit_is_no_more_than_a_plugin_gets_at_most() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let policy = Policy::default().max_memory("100m".parse().unwrap());
    let supervisor = builder(&engine, state.path())
        .policy(policy)
        .start()
        .await
        .unwrap();
    let light = supervisor.install(manifest("light")).await.unwrap();
    light.start().await.unwrap();
    assert_eq!(engine.spec(light.id()).unwrap().limits.memory_bytes, 100 << 20);
}

#[tokio::test]
async fn grants_outlive_the_host_and_a_stricter_policy_stops_only_whom_it_concerns() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let first = supervisor(&engine, state.path()).await;
    let meter = first
        .install(manifest_with("meter", ASKS))
        .grant_all_requested(true)
        .await
        .unwrap();
    let light = first.install(manifest("light")).await.unwrap();
    meter.start().await.unwrap();
    light.start().await.unwrap();
    first.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop(first);

    // The same policy: both are adopted.
    let second = supervisor(&engine, state.path()).await;
    for id in [meter.id(), light.id()] {
        until(&second.plugin(id).unwrap(), |state| state.phase == Phase::Healthy).await;
    }
    assert_eq!(count(&engine, FakeOperation::Start), 2);
    second.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop(second);

    let strict = Policy::default().devices(Access::Denied);
    let third = builder(&engine, state.path())
        .policy(strict)
        .start()
        .await
        .unwrap();
    let meter = third.plugin(meter.id()).unwrap();
    let failed = until(&meter, |state| state.phase == Phase::Failed).await;
    let failure = failed.failure.unwrap();
    assert_eq!(failure.cause, FailureCause::NotPermitted);
    assert!(failure.message.contains("/dev/ttyUSB0"), "{failure}");
    until(&third.plugin(light.id()).unwrap(), |state| {
        state.phase == Phase::Healthy
    })
    .await;
    let running = engine
        .containers()
        .into_iter()
        .filter(|one| one.exit.is_none())
        .count();
    assert_eq!(running, 1, "the one that is no longer permitted was stopped");
    let error = meter.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotPermitted);
    third.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    drop((third, meter));

    // What was granted is still so when the policy gives it again.
    let fourth = supervisor(&engine, state.path()).await;
    let meter = fourth.plugin(&"meter".parse().unwrap()).unwrap();
    until(&meter, |state| state.phase == Phase::Healthy).await;
}

#[tokio::test]
async fn a_grant_that_is_taken_back_stops_the_plugin_and_a_new_one_lets_it_run_again() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let first = supervisor(&engine, state.path()).await;
    let manifest = manifest_with("meter", ASKS);
    let meter = first
        .install(manifest.clone())
        .grant_all_requested(true)
        .await
        .unwrap();
    meter.start().await.unwrap();
    meter.set_grants([Permission::WritableRoot]).await.unwrap();
    until(&meter, |state| state.phase == Phase::Failed).await;
    assert_eq!(meter.permissions().granted, [Permission::WritableRoot]);
    assert_eq!(meter.permissions().violations.len(), 3);
    first.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    drop(first);

    let second = supervisor(&engine, state.path()).await;
    let meter = second.plugin(meter.id()).unwrap();
    until(&meter, |state| state.phase == Phase::Failed).await;
    meter.set_grants(requested(&manifest)).await.unwrap();
    until(&meter, |state| state.phase == Phase::Healthy).await;
    assert!(engine.concurrent_operations().is_empty());
}

/// A folder with the light, at `version`, and this Dockerfile.
fn folder(version: &str, dockerfile: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifest = manifest("light")
        .to_builder()
        .version(version)
        .image("postgres:15");
    std::fs::write(
        folder.path().join("manifest.json"),
        manifest.build().unwrap().to_json(),
    )
    .unwrap();
    std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    folder
}

const COPIES: &str = "FROM scratch\nCOPY light /light\n";
const RUNS: &str = "FROM alpine:3\nRUN id\n";

fn asked(refusals: &[PolicyViolation]) -> Vec<&Permission> {
    refusals
        .iter()
        .filter_map(PolicyViolation::missing_permission)
        .collect()
}

#[tokio::test]
async fn a_build_that_runs_something_is_shown_refused_and_granted_like_any_permission() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let runs = folder("1.0.0", RUNS);
    let review = supervisor
        .review(PluginSource::folder(runs.path()), [])
        .await
        .unwrap();
    assert_eq!(review.consent.requested[0].permission, Permission::Build);
    assert_eq!(asked(&review.violations), [&Permission::Build]);
    assert_eq!(
        review.consent.build_steps,
        ["line 1: FROM alpine:3", "line 2: RUN id"]
    );
    let error = supervisor
        .install(PluginSource::folder(runs.path()))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), asked(error.violations())),
        (ErrorKind::NotPermitted, vec![&Permission::Build])
    );
    assert_eq!(count(&engine, FakeOperation::Build), 0);

    let light = supervisor
        .install(PluginSource::folder(runs.path()))
        .grant(Permission::Build)
        .await
        .unwrap();
    assert_eq!(light.permissions().granted, [Permission::Build]);
    assert!(
        light
            .permissions()
            .consent
            .permissions()
            .any(|asked| *asked == Permission::Build)
    );
    // What was granted stays granted: the next version of it builds too.
    let next = folder("1.1.0", RUNS);
    light.update(PluginSource::folder(next.path())).await.unwrap();
    // Revoked, it holds for no later version, and what is installed goes on.
    light.set_grants([]).await.unwrap();
    assert_eq!(light.permissions().violations, []);
    light.start().await.unwrap();
    let next = folder("1.2.0", RUNS);
    let error = light.update(PluginSource::folder(next.path())).await.unwrap_err();
    assert_eq!(asked(error.violations()), [&Permission::Build]);
    light
        .update(PluginSource::folder(next.path()))
        .grant(Permission::Build)
        .await
        .unwrap();
    assert_eq!(light.permissions().granted, [Permission::Build]);
}

#[tokio::test]
async fn a_grant_for_a_build_is_not_kept_by_a_version_that_only_copies() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let copies = folder("1.0.0", COPIES);
    let light = supervisor
        .install(PluginSource::folder(copies.path()))
        .grant_all_requested(true)
        .grant(Permission::Build)
        .await
        .unwrap();
    assert!(!light.permissions().granted.contains(&Permission::Build));
    light.set_grants([Permission::Build]).await.unwrap();
    assert_eq!(light.permissions().granted, []);
    let runs = folder("1.1.0", RUNS);
    let error = light.update(PluginSource::folder(runs.path())).await.unwrap_err();
    assert_eq!(asked(error.violations()), [&Permission::Build]);
}

#[tokio::test]
async fn what_is_built_has_the_hosts_name_whatever_the_manifest_says() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let copies = folder("1.0.0+home.1", COPIES);
    supervisor
        .install(PluginSource::folder(copies.path()))
        .await
        .unwrap();
    let kept = engine.kept();
    assert!(kept.iter().all(|image| !image.contains("postgres")), "{kept:?}");
    assert!(kept[0].contains("hap/default/light:1.0.0_home.1"), "{kept:?}");
}

#[tokio::test]
async fn images_come_from_where_they_may_and_builds_only_where_they_are_allowed() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let policy = Policy::default()
        .allow_images("ghcr.io/acme".parse().unwrap())
        .local_builds(false);
    let supervisor = builder(&engine, state.path())
        .policy(policy)
        .start()
        .await
        .unwrap();
    let error = supervisor.install(manifest("light")).await.unwrap_err();
    assert!(error.to_string().contains("ghcr.io/acme"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("manifest.json"), manifest("light").to_json()).unwrap();
    std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    let error = supervisor
        .install(PluginSource::folder(folder.path()))
        .await
        .unwrap_err();
    assert!(
        matches!(error.violations(), [PolicyViolation::LocalBuild]),
        "{error}"
    );
    assert_eq!(count(&engine, FakeOperation::Build), 0);
}

#[tokio::test]
async fn a_review_of_another_version_says_what_is_new_gone_and_more() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let version = |version: &str, memory: &str| {
        let manifest = Manifest::builder("meter", "Meter", version, "example/meter:1");
        manifest.network_access(version == "1.0.0").memory_limit(memory)
    };
    let old = version("1.0.0", "64m").build().unwrap();
    let fresh = supervisor.review(old.clone(), []).await.unwrap();
    assert_eq!(fresh.consent.changes, None);
    supervisor.install(old).await.unwrap();
    let new = version("1.1.0", "256m").capability("NET_RAW").build().unwrap();
    let review = supervisor.review(new, []).await.unwrap();
    let changes = review.consent.changes.as_ref().unwrap();
    assert_eq!((changes.added.len(), changes.removed.len()), (1, 1));
    let text = review.consent.to_string();
    for line in [
        "From whoever may publish example/meter.",
        "  new   send and receive raw network packets (NET_RAW)",
        "  gone  reach the internet and the home network",
        "  more  memory: 64 MiB -> 256 MiB",
    ] {
        assert!(text.lines().any(|told| told == line), "{line}\n{text}");
    }
}
