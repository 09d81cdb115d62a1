use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;
use crate::engine::{error::EngineErrorKind, progress::ProgressSink, spec::VolumeMount};

#[tokio::test]
async fn a_plugin_runs_with_its_environment_and_nothing_else() {
    let bench = Bench::new();
    let id = bench.started("light", "env | sort; pwd; exec sleep 600").await;
    let address = bench.engine.inspect(&id).await.unwrap().address.unwrap();
    assert!(address.ip().is_loopback());
    bench.said(&id, &format!("PORT={}", address.port())).await;
    bench.said(&id, &format!("HAP_API_TOKEN={SECRET}")).await;
    let work = bench
        .engine
        .state_folder()
        .join("containers/hap.default.light/work");
    bench.said(&id, &work.display().to_string()).await;
    let written = lines(&bench.engine, &id, &LogOptions::default()).await;
    // The shell adds some of its own.
    let foreign = |line: &&String| line.starts_with("CARGO") || line.starts_with("HOME=");
    assert_eq!(written.iter().find(foreign), None);
}

#[tokio::test]
async fn a_container_without_a_program_is_refused_with_how_to_give_one() {
    let bench = Bench::new();
    let mut spec = bench.spec("light", "");
    for program in [
        None,
        Some("/nowhere/light".into()),
        Some("/etc/passwd".into()),
        Some("/".into()),
    ] {
        spec.program = program;
        let error = bench.engine.create(&spec).await.unwrap_err();
        assert_eq!(error.kind(), EngineErrorKind::Rejected);
        assert!(error.to_string().contains("process_program"), "{error}");
    }
}

#[tokio::test]
async fn images_are_taken_as_given_and_cannot_be_made() {
    let bench = Bench::new();
    let image = "light:1".parse().unwrap();
    assert_eq!(bench.engine.image(&image).await.unwrap().as_str(), "light:1");
    let error = bench.engine.pull(&image, ProgressSink::none()).await.unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::Unsupported);
    let capabilities = bench.engine.capabilities();
    assert!(!capabilities.isolation && !capabilities.limits);
}

#[tokio::test]
async fn a_name_is_given_once_and_is_free_again_after_the_removal() {
    let bench = Bench::new();
    let spec = bench.spec("light", "");
    let first = bench.engine.create(&spec).await.unwrap();
    for engine in [&bench.engine, &bench.second()] {
        let error = engine.create(&spec).await.unwrap_err();
        assert_eq!(error.kind(), EngineErrorKind::Conflict);
    }
    bench.engine.remove(&first).await.unwrap();
    let second = bench.engine.create(&spec).await.unwrap();
    assert_ne!(first, second);
    let error = bench.engine.inspect(&first).await.unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::NotFound);
}

#[tokio::test]
async fn of_many_that_create_one_name_at_once_a_single_one_succeeds() {
    let bench = Bench::new();
    let spec = bench.spec("light", "");
    let engines: Vec<_> = (0..8).map(|_| bench.second()).collect();
    let all = futures_util::future::join_all(engines.iter().map(|engine| engine.create(&spec))).await;
    assert_eq!(all.iter().filter(|created| created.is_ok()).count(), 1);
    assert_eq!(bench.engine.list(&spec.instance).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_instance_sees_its_own_containers_only() {
    let bench = Bench::new();
    let id = bench.engine.create(&bench.spec("light", "")).await.unwrap();
    let mut other = bench.spec("lamp", "");
    other.instance = InstanceName::new("other").unwrap();
    bench.engine.create(&other).await.unwrap();
    let listed = bench.engine.list(&InstanceName::default()).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].id, listed[0].status), (&id, ContainerStatus::Created));
}

#[tokio::test]
async fn the_state_is_open_to_this_user_only_and_holds_no_secret() {
    let bench = Bench::new();
    let id = bench.started("light", "exec sleep 600").await;
    bench.engine.stop(&id, GRACE).await.unwrap();
    let state = bench.engine.state_folder();
    assert_eq!(fs::metadata(state).unwrap().permissions().mode() & 0o777, 0o700);
    let files = files(state);
    assert!(files.iter().any(|file| file.ends_with("record.json")));
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let found = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
        assert!(!found, "{}", file.display());
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o077,
            0,
            "{}",
            file.display()
        );
    }
    assert!(!format!("{:?}", bench.engine).contains(SECRET));
}

#[tokio::test]
async fn data_outlives_its_container_until_it_is_removed_by_name() {
    let bench = Bench::new();
    let commands =
        "if [ -e \"$HAP_DATA_DIR/kept\" ]; then echo kept; else echo new; fi; : > \"$HAP_DATA_DIR/kept\"";
    let mut spec = bench.spec("light", commands);
    spec.volumes = vec![VolumeMount::new(
        "hap.default.light.data".to_owned(),
        "/data".to_owned(),
    )];
    spec.env.push(EnvVar::plain("HAP_DATA_DIR", "/data"));
    for expected in ["new", "kept"] {
        let id = bench.engine.create(&spec).await.unwrap();
        bench.engine.start(&id).await.unwrap();
        bench.ended(&id).await;
        assert_eq!(
            lines(&bench.engine, &id, &LogOptions::default()).await,
            [expected]
        );
        bench.engine.remove(&id).await.unwrap();
    }
    let volume = bench.engine.state_folder().join("volumes/hap.default.light.data");
    let other = InstanceName::new("other").unwrap();
    bench.engine.remove_volumes(&other, &spec.plugin).await.unwrap();
    bench
        .engine
        .remove_volumes(&spec.instance, &"lamp".parse().unwrap())
        .await
        .unwrap();
    assert!(volume.exists());
    for _ in 0..2 {
        bench
            .engine
            .remove_volumes(&spec.instance, &spec.plugin)
            .await
            .unwrap();
        assert!(!volume.exists());
    }
}

#[tokio::test]
async fn a_volume_of_another_plugin_is_not_handed_out() {
    let bench = Bench::new();
    let mut spec = bench.spec("light", "");
    spec.volumes = vec![VolumeMount::new("data".to_owned(), "/data".to_owned())];
    bench.engine.create(&spec).await.unwrap();
    let mut thief = bench.spec("lamp", "");
    thief.volumes.clone_from(&spec.volumes);
    let error = bench.engine.create(&thief).await.unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::Rejected);
    assert!(error.to_string().contains("plugin light"), "{error}");
}

#[tokio::test]
async fn a_program_that_the_kernel_cannot_run_is_refused_at_its_start() {
    let bench = Bench::new();
    let mut spec = bench.spec("light", "");
    let program = bench.script("broken", "");
    fs::write(&program, [0x7f, b'E', b'L', b'F', 0]).unwrap();
    spec.program = Some(program.clone());
    let id = bench.engine.create(&spec).await.unwrap();
    let error = bench.engine.start(&id).await.unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::Rejected);
    let exit = bench.engine.inspect(&id).await.unwrap().exit.unwrap();
    assert!(exit.error.contains("broken"), "{exit}");
    fs::remove_file(program).unwrap();
    let error = bench.engine.start(&id).await.unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::NotFound);
}

#[tokio::test]
async fn a_port_that_somebody_took_is_replaced_at_the_next_start() {
    let bench = Bench::new();
    let id = bench.started("light", "exec sleep 600").await;
    let first = bench.engine.inspect(&id).await.unwrap().address.unwrap();
    bench.engine.stop(&id, GRACE).await.unwrap();
    assert_eq!(bench.engine.inspect(&id).await.unwrap().address, None);
    let _taken = std::net::TcpListener::bind(first).unwrap();
    bench.engine.start(&id).await.unwrap();
    assert_ne!(bench.engine.inspect(&id).await.unwrap().address.unwrap(), first);
}

#[tokio::test]
async fn statistics_cover_the_whole_group_and_need_a_running_process() {
    let bench = Bench::new();
    let id = bench
        .started(
            "light",
            "sleep 600 & i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo busy; wait",
        )
        .await;
    bench.said(&id, "busy").await;
    let sample = bench.engine.stats(&id).await.unwrap();
    assert!(
        sample.pids >= 2 && sample.memory_bytes > 0 && !sample.cpu_time.is_zero(),
        "{sample:?}"
    );
    bench.engine.stop(&id, GRACE).await.unwrap();
    let error = bench.engine.stats(&id).await.unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::Failed);
}
