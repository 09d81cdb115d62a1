//! What newcomers saw of a host.

use std::{collections::HashMap, path::Path, time::Duration};

use hap_host::{
    Access, ErrorKind, EventKind, HealthPolicy, Phase, PluginHandle, Policy, StreamItem, Supervisor,
    engine::{
        EngineErrorKind, Exit, FakeEngine, FakeImage, FakeOperation, LogOptions, LogSource, Progress,
        ProgressSink, SimulatedHealth,
    },
};
use hap_manifest::Manifest;
use hap_tests::spans::Spans;
use serde_json::Value;
use tower::ServiceExt as _;

/// Longest wait for anything here. Generous, because the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);

async fn host(engine: &FakeEngine, state: &Path) -> Supervisor {
    let mut health = HealthPolicy::default();
    health.interval = Duration::from_millis(20);
    health.retries = 1_000;
    let builder = Supervisor::builder(engine.clone(), state).health_policy(health);
    builder.start().await.unwrap()
}

fn manifest(id: &str, version: &str, image: &str, more: &str) -> Manifest {
    let text = format!(
        r#"{{"id":"{id}","name":"{id}","version":"{version}","description":"d","author":"a","image":"{image}"{more}}}"#
    );
    Manifest::from_json(&text).unwrap().manifest
}

async fn until(plugin: &PluginHandle, phase: Phase) {
    let there = plugin.wait_for(|state| state.phase == phase);
    tokio::time::timeout(DEADLINE, there).await.unwrap().unwrap();
}

/// The problems of all plugins, as `GET /v1/plugins` lists them.
async fn problems(host: &Supervisor) -> HashMap<String, (String, Option<String>)> {
    let request = axum::http::Request::get("/v1/plugins").header("host", "localhost");
    let request = request.body(axum::body::Body::empty()).unwrap();
    let answer = host.management_router().oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    let listed: Value = serde_json::from_slice(&body).unwrap();
    let all = listed.get("plugins").unwrap_or(&listed).as_array().unwrap();
    let text = |one: &Value, key: &str| one.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    all.iter()
        .map(|one| {
            let told = (text(one, "phase").unwrap(), text(one, "problem"));
            (text(one, "id").unwrap(), told)
        })
        .collect()
}

/// A plugin that is degraded, that misses health checks or that waits had no problem in the list.
#[tokio::test]
async fn d11_the_list_says_why_a_plugin_is_not_well() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let host = host(&engine, state.path()).await;
    let needs = r#","depends_on":["hub"]"#;
    let mut all = HashMap::new();
    for (id, more) in [("hub", ""), ("lamp", needs), ("light", ""), ("silent", "")] {
        let plugin = host.install(manifest(id, "1.0.0", "x:1", more)).await.unwrap();
        plugin.start().await.unwrap();
        all.insert(id, plugin);
    }
    engine.set_health(all["light"].id(), SimulatedHealth::Degraded);
    engine.set_health(
        all["silent"].id(),
        SimulatedHealth::Failing("it answered 500".to_owned()),
    );
    all["hub"].stop().await.unwrap();
    until(&all["light"], Phase::Degraded).await;
    until(&all["lamp"], Phase::Degraded).await;
    until(&all["silent"], Phase::Unhealthy).await;
    let told = problems(&host).await;
    for (id, phase, words) in [
        ("light", "degraded", "works only in part"),
        ("lamp", "degraded", "it depends on hub, which is stopped"),
        ("silent", "unhealthy", "it answered 500"),
    ] {
        let (found, problem) = &told[id];
        assert_eq!(found, phase);
        assert!(
            problem.as_ref().is_some_and(|problem| problem.contains(words)),
            "{id}: {problem:?}"
        );
    }
    assert_eq!(told["hub"], ("stopped".to_owned(), None));
    // A start that waits for another plugin says so, too.
    all["lamp"].stop().await.unwrap();
    all["lamp"].set_desired(hap_host::Desired::Running).await.unwrap();
    until(&all["lamp"], Phase::Waiting).await;
    let told = problems(&host).await;
    assert!(told["lamp"].1.as_ref().unwrap().contains("hub"), "{told:?}");
    engine.set_health(all["silent"].id(), SimulatedHealth::Healthy);
    until(&all["silent"], Phase::Healthy).await;
    assert_eq!(problems(&host).await["silent"].1, None);
}

/// An update from 0.1.0 to 0.1.0 was committed, whatever was in it.
#[tokio::test]
async fn d13_an_update_to_the_same_version_is_refused_unless_it_is_asked_for() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let host = host(&engine, state.path()).await;
    let light = host
        .install(manifest("light", "0.1.0", "light:1", ""))
        .await
        .unwrap();
    let rebuilt = || manifest("light", "0.1.0", "light:2", "");
    for same in [rebuilt(), light.manifest().as_ref().clone()] {
        let error = light.update(same).allow_downgrade(true).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(text.contains("0.1.0 is the version that it has"), "{text}");
        assert!(text.contains("allow_same_version"), "{text}");
    }
    assert_eq!(light.manifest().image().to_string(), "light:1");
    light.update(rebuilt()).allow_same_version(true).await.unwrap();
    assert_eq!(light.manifest().image().to_string(), "light:2");
}

/// A failure was told before the last lines of its run were read, and its hint pointed to them.
#[tokio::test]
async fn d01_a_failure_is_told_with_the_last_lines_of_its_run() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let host = host(&engine, state.path()).await;
    let light = host
        .install(manifest("light", "1.0.0", "light:1", ""))
        .await
        .unwrap();
    light.start().await.unwrap();
    engine.print(
        light.id(),
        LogSource::Stderr,
        "HAP_DATA_DIR=/data: cannot write there",
    );
    let mut events = host.events();
    engine.crash(light.id(), Exit::code(78));
    let mut phases = Vec::new();
    let failure = loop {
        let item = tokio::time::timeout(DEADLINE, events.next())
            .await
            .unwrap()
            .unwrap();
        let StreamItem::Event(event) = item else { continue };
        match event.kind {
            EventKind::Failed(failure) => break failure,
            EventKind::Phase { to, .. } => phases.push(to),
            _ => {}
        }
    };
    let lines = ["HAP_DATA_DIR=/data: cannot write there"];
    assert_eq!(failure.last_lines, lines);
    assert_eq!(light.state().failure.unwrap().last_lines, lines);
    assert_eq!(phases, [], "what came of the failure is told after it");
    let item = tokio::time::timeout(DEADLINE, events.next())
        .await
        .unwrap()
        .unwrap();
    let StreamItem::Event(event) = item else {
        panic!("{item:?}")
    };
    let to_failed = |kind: &EventKind| {
        matches!(
            kind,
            EventKind::Phase {
                to: Phase::Failed,
                ..
            }
        )
    };
    assert!(to_failed(&event.kind), "{event:?}");
}

/// Rules that can never admit anything were taken silently.
#[tokio::test]
async fn d14_a_policy_that_can_never_admit_anything_is_warned_of_at_the_start() {
    for (policy, word) in [
        (Policy::home().unsigned_packages(false), "no key is trusted"),
        (
            Policy::home().host_device("/dev/sda".parse().unwrap()),
            "no plugin gets /dev/sda",
        ),
        (
            Policy::home()
                .allow_capability("NET_ADMIN".parse().unwrap())
                .deny_capability("NET_ADMIN".parse().unwrap()),
            "no plugin gets the capability NET_ADMIN",
        ),
        (
            Policy::home().own_user(false).root(Access::Allowed),
            "plugins may run as root, and no manifest may choose its user",
        ),
    ] {
        let spans = Spans::default();
        let _default = tracing::subscriber::set_default(spans.subscriber());
        let state = tempfile::tempdir().unwrap();
        let builder = Supervisor::builder(FakeEngine::new(), state.path()).policy(policy);
        builder.start().await.unwrap();
        let told = spans.named("hap_host::supervisor::builder::start");
        let told: Vec<_> = told
            .iter()
            .filter_map(|event| event.fields.get("message"))
            .filter(|text| text.starts_with("of the policy"))
            .collect();
        assert!(told.len() == 1 && told[0].contains(word), "{word}: {told:?}");
    }
}

/// An image that cannot be pulled was 17 seconds of silence, and then the engine's raw text.
#[tokio::test(start_paused = true)]
async fn d12_a_pull_that_fails_tells_what_it_does_and_what_to_look_at() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let host = host(&engine, state.path()).await;
    let light = || manifest("light", "1.0.0", "ghcr.io/acme/light:9", "");
    engine.set_image(light().image(), FakeImage::Pullable);
    for _ in 0..5 {
        engine.fail_next(FakeOperation::Pull, EngineErrorKind::Failed);
    }
    let (sink, mut progress) = ProgressSink::stream();
    let installing = tokio::spawn({
        let (host, light) = (host.clone(), light());
        async move { host.install(light).progress(sink).await }
    });
    let (mut told, mut asked) = (Vec::new(), Vec::new());
    while let Some(report) = progress.next().await {
        let Progress::Step(words) = report else { continue };
        told.push(words);
        // Somebody else who asks learns as much.
        asked.extend(host.installing().into_iter().filter_map(|one| one.step));
    }
    assert!(
        !asked.is_empty() && asked.iter().all(|step| told.contains(step)),
        "{asked:?}"
    );
    assert_eq!(
        told[0],
        "ghcr.io/acme/light:9 is not on this machine and is pulled from ghcr.io"
    );
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(
        told[1..].iter().all(|words| words.contains("tried again in")),
        "{told:?}"
    );
    let error = installing.await.unwrap().unwrap_err().report();
    assert!(
        error.contains("does ghcr.io exist, and does this machine reach it?"),
        "{error}"
    );

    for (image, words) in [
        (FakeImage::Missing, "is the name right? ghcr.io was asked for it"),
        (FakeImage::Denied, "docker login ghcr.io"),
    ] {
        engine.set_image(light().image(), image);
        let error = host.install(light()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Image);
        let told = error.report();
        for words in [words, "under exactly that name (`docker image ls`)"] {
            assert!(told.contains(words), "{told}");
        }
    }
}

/// The host's clock was asked whether the engine's was set back, and may be another one.
#[tokio::test]
async fn d02_a_stream_of_lines_goes_on_while_the_clocks_are_set() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let hour = Duration::from_secs(3600);
    let host = host(&engine, state.path()).await;
    let light = host
        .install(manifest("light", "1.0.0", "light:1", ""))
        .await
        .unwrap();
    engine.set_clock_behind(hour);
    light.start().await.unwrap();
    let print = |text: &str| engine.print(light.id(), LogSource::Stdout, text);
    print("first");
    let mut lines = light.logs(&LogOptions::default().follow(true));
    let mut next = async || {
        loop {
            let line = tokio::time::timeout(DEADLINE, lines.next()).await.unwrap();
            let line = line.unwrap().unwrap();
            if line.source != LogSource::Host {
                return line.text;
            }
        }
    };
    assert_eq!(next().await, "first");
    // Back, forward and back again, each time with a new run in the same container.
    for (behind, text) in [(3 * hour, "second"), (hour, "third"), (2 * hour, "fourth")] {
        let container = light.state().container;
        engine.set_clock_behind(behind);
        light.restart().await.unwrap();
        assert_eq!(light.state().container, container);
        print(text);
        assert_eq!(next().await, text);
    }
}

/// A stream that follows ended with each run, and was empty without a container.
#[tokio::test]
async fn d02_a_stream_of_lines_goes_on_over_restarts_with_a_marker_between_runs() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let host = host(&engine, state.path()).await;
    let light = host
        .install(manifest("light", "1.0.0", "light:1", ""))
        .await
        .unwrap();
    let mut lines = light.logs(&LogOptions::default().follow(true));
    let mut next = async || {
        let line = tokio::time::timeout(DEADLINE, lines.next()).await.unwrap();
        line.map(|line| line.unwrap())
            .map(|line| (line.source, line.text))
    };
    let (waited, _) = tokio::join!(next(), async {
        light.start().await.unwrap();
        engine.print(light.id(), LogSource::Stdout, "first run");
    });
    let printed = |text: &str| Some((LogSource::Stdout, text.to_owned()));
    assert_eq!(waited, printed("first run"));
    // A crash, after which the container is started again; and a stop by hand, and a start.
    for (end, text) in [("crash", "second run"), ("stop", "third run")] {
        let before = light.state().restarts;
        if end == "crash" {
            engine.crash(light.id(), Exit::code(3));
            let again = light.wait_for(|state| state.restarts > before && state.phase == Phase::Healthy);
            tokio::time::timeout(DEADLINE, again).await.unwrap().unwrap();
        } else {
            light.stop().await.unwrap();
            light.start().await.unwrap();
        }
        engine.print(light.id(), LogSource::Stdout, text);
        let (source, marker) = next().await.unwrap();
        assert_eq!(source, LogSource::Host);
        assert!(marker.contains("a new run begins"), "{marker}");
        assert_eq!(marker.contains("exit code 3"), end == "crash", "{marker}");
        assert_eq!(next().await, printed(text));
    }
    light.uninstall().await.unwrap();
    assert_eq!(next().await, None, "and ends with the plugin");
}
