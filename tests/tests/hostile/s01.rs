//! Installing runs a stranger's program.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use hap_host::{
    ErrorKind, InstallRequest, PluginSource, Policy, PolicyViolation,
    engine::{Progress, ProgressSink},
};
use hap_manifest::{PidsLimit, permission::Permission};
use hap_tests::docker::{Fixture, Instance};
use tokio::net::TcpListener;

use crate::{Operators, folder, forget, modest, supervisor};

/// A service on the machine's loopback, and how often somebody came to it.
async fn secret_service() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((_connection, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, seen)
}

/// Installs without a grant.
fn nothing(request: InstallRequest) -> InstallRequest {
    request
}

const STEP: [(Fixture, &str); 1] = [(Fixture::Step, "step")];

/// Installs with these grants; the lines that steps printed.
async fn build(
    supervisor: &hap_host::Supervisor,
    folder: &std::path::Path,
    grants: impl FnOnce(InstallRequest) -> InstallRequest,
) -> (Result<hap_host::PluginHandle, hap_host::Error>, Vec<String>) {
    let (sink, mut progress) = ProgressSink::stream();
    let request = supervisor.install(PluginSource::folder(folder)).progress(sink);
    let installed = grants(request).await;
    let mut lines = Vec::new();
    while let Some(report) = progress.next().await {
        if let Progress::Step(line) = report
            && let Some(told) = line.strip_prefix("step ")
        {
            lines.push(told.to_owned());
        }
    }
    (installed, lines)
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s01_a_package_that_asks_for_nothing_runs_fetches_and_reads_nothing_of_this_computer() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let supervisor = supervisor(&instance, state.path(), Policy::default()).await;
    let (port, seen) = secret_service().await;
    let private = format!("hap-tests-private-{}:1", instance.name());
    let private = Operators::build(&instance, &private, "FROM scratch\nCOPY file /secret\n").await;
    let from = &private.tag;
    for attack in [
        format!("FROM scratch\nADD http://127.0.0.1:{port}/ /page\n"),
        format!("FROM scratch\nadd \\\n  [\"http://127.0.0.1:{port}/\", \"/page\"]\n"),
        format!("FROM scratch\nENV U=http://127.0.0.1:{port}/\nADD $U /page\n"),
        format!("FROM scratch\nADD http:'/'/127.0.0.1:{port}/ /page\n"),
        "FROM scratch\nCOPY step /step\nRUN [\"/step\"]\n".to_owned(),
        "FROM scratch\nCOPY step /step\nru\\\nn [\"/step\"]\n".to_owned(),
        format!("FROM {from} AS p\nFROM scratch\nCOPY --from=p /secret /secret\n"),
        format!("FROM scratch\nCOPY --from={from} /secret /secret\n"),
        format!("ARG I={from}\nFROM $I\nCOPY file /file\n"),
    ] {
        let folder = folder(&modest("modest", "modest:1"), &attack, &STEP);
        let (installed, lines) = build(&supervisor, folder.path(), nothing).await;
        let error = installed.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotPermitted, "{attack}: {error}");
        assert!(
            error
                .violations()
                .iter()
                .any(|one| one.missing_permission() == Some(&Permission::Build)),
            "{error}"
        );
        assert_eq!(lines, [""; 0], "{attack}");
    }
    assert_eq!(seen.load(Ordering::SeqCst), 0);
    assert!(supervisor.plugins().is_empty());
    private.remove().await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s01_a_granted_build_has_no_network_and_is_bounded_in_processes_and_memory() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let policy = Policy::default()
        .build_memory("64m".parse().unwrap())
        .build_processes(PidsLimit::new(32).unwrap());
    let supervisor = supervisor(&instance, state.path(), policy).await;
    let granted = |request: InstallRequest| request.grant(Permission::Build);
    let run = |mode: &str| {
        format!(
            "FROM scratch\nCOPY step /step\nENV NO_CACHE={}\nRUN [\"/step\", \"{mode}\"]\n",
            instance.name()
        )
    };

    let report = folder(&modest("reports", "reports:1"), &run("report"), &STEP);
    let (installed, lines) = build(&supervisor, report.path(), granted).await;
    installed.unwrap();
    let interfaces: Vec<_> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("interface "))
        .collect();
    assert_eq!(interfaces, ["lo"], "{lines:?}");
    forget(&supervisor, "reports").await;

    let forks = folder(&modest("forks", "forks:1"), &run("fork"), &STEP);
    let (installed, lines) = build(&supervisor, forks.path(), granted).await;
    installed.unwrap();
    let children = lines
        .iter()
        .find_map(|line| line.strip_prefix("children "))
        .unwrap();
    assert!(children.parse::<usize>().unwrap() <= 32, "{lines:?}");
    forget(&supervisor, "forks").await;

    let hogs = folder(&modest("hogs", "hogs:1"), &run("hog"), &STEP);
    let (installed, lines) = build(&supervisor, hogs.path(), granted).await;
    assert_eq!(installed.unwrap_err().kind(), ErrorKind::Image);
    assert_eq!(lines, [""; 0]);
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s01_with_every_grant_the_engine_itself_fetches_nothing() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let supervisor = supervisor(&instance, state.path(), Policy::development()).await;
    let (port, seen) = secret_service().await;
    let everything = |request: InstallRequest| request.grant_all_requested(true);
    let adds = format!("FROM scratch\nADD http://127.0.0.1:{port}/ /page\n");
    let adds = folder(&modest("adds", "adds:1"), &adds, &[]);
    let (installed, _) = build(&supervisor, adds.path(), everything).await;
    let error = installed.unwrap_err();
    assert!(
        matches!(error.violations(), [PolicyViolation::Dockerfile { line: 2, .. }]),
        "{error}"
    );

    // What an image brings along for whoever builds upon it.
    let base = format!("hap-tests-trigger-{}:1", instance.name());
    let trigger = format!("FROM scratch\nCOPY file /file\nONBUILD ADD http://127.0.0.1:{port}/ /page\n");
    let base = Operators::build(&instance, &base, &trigger).await;
    let upon = folder(&modest("upon", "upon:1"), &format!("FROM {}\n", base.tag), &[]);
    let (installed, _) = build(&supervisor, upon.path(), everything).await;
    let error = installed.unwrap_err();
    assert!(error.to_string().contains("ONBUILD"), "{error}");
    assert_eq!(seen.load(Ordering::SeqCst), 0);
    base.remove().await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s01_a_granted_build_takes_no_image_of_the_operator_past_the_policy() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let policy = Policy::development().allow_images("localhost:1/acme".parse().unwrap());
    let supervisor = supervisor(&instance, state.path(), policy).await;
    let private = format!("hap-tests-private-{}:1", instance.name());
    let posing = format!("localhost:1/acme/{}:1", instance.name());
    let dockerfile = "FROM scratch\nCOPY file /secret\n";
    let private = Operators::build(&instance, &private, dockerfile).await;
    let posing = Operators::build(&instance, &posing, dockerfile).await;
    let plugin = |image: &str| folder(&modest("takes", "takes:1"), &format!("FROM {image}\n"), &[]);

    let (installed, _) = build(&supervisor, plugin(&private.tag).path(), nothing).await;
    let error = installed.unwrap_err();
    assert!(
        matches!(error.violations(), [PolicyViolation::BaseImage { .. }]),
        "{error}"
    );
    // One that only has such a name is not from there.
    let (installed, _) = build(&supervisor, plugin(&posing.tag).path(), nothing).await;
    assert_eq!(installed.unwrap_err().kind(), ErrorKind::Image);
    private.remove().await;
    posing.remove().await;
}
