use hap_host::engine::{Engine, EnvVar, TmpfsMount};
use hap_tests::docker::{Instance, ask, probe_image};

use super::{bystander, run};

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_plugin_has_no_privileges_and_writes_nowhere_but_to_memory() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    instance.engine().prepare(instance.name()).await.unwrap();
    let mut spec = instance.spec("light", &probe_image().await);
    spec.tmpfs.push(TmpfsMount::new("/cache".to_owned(), 1 << 20));
    let (_, address) = run(&instance, &spec).await;

    let status = ask(address, "/read?/proc/self/status").await.unwrap();
    let line = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap()
            .trim()
            .to_owned()
    };
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(line(set), "0000000000000000", "{set}");
    }
    assert_eq!(line("NoNewPrivs:"), "1");
    assert_eq!(line("Seccomp:"), "2");
    // Something else is the first process and reaps.
    assert_ne!(line("Pid:"), "1");

    let mounts = ask(address, "/read?/proc/self/mounts").await.unwrap();
    for (path, size) in [("/tmp", "size=65536k"), ("/cache", "size=1024k")] {
        let mount = mounts
            .lines()
            .find(|line| line.split(' ').nth(1) == Some(path))
            .unwrap();
        for option in ["nosuid", "nodev", "noexec", size] {
            assert!(mount.contains(option), "{option} in {mount}");
        }
    }
    for path in ["/x", "/etc/x", "/probe"] {
        let error = ask(address, &format!("/write?{path}")).await.unwrap_err();
        assert!(error.contains("Read-only file system"), "{path}: {error}");
    }
    for path in ["/tmp/x", "/cache/x"] {
        assert_eq!(ask(address, &format!("/write?{path}")).await.unwrap(), "written");
    }
    assert_eq!(
        ask(address, "/read?/proc/sys/kernel/hostname")
            .await
            .unwrap()
            .trim(),
        "light"
    );
    ask(address, "/connect?/var/run/docker.sock").await.unwrap_err();
    ask(address, "/read?/var/run/docker.sock").await.unwrap_err();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn what_a_spec_grants_is_granted() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    instance.engine().prepare(instance.name()).await.unwrap();
    let mut spec = instance.spec("light", &probe_image().await);
    spec.writable_rootfs = true;
    spec.user = Some("1234:5678".to_owned());
    spec.env = vec![EnvVar::plain("A", "1"), EnvVar::secret("A", "two words = 2")];
    let (_, address) = run(&instance, &spec).await;
    assert_eq!(ask(address, "/env?A").await.unwrap(), "two words = 2");
    let status = ask(address, "/read?/proc/self/status").await.unwrap();
    assert!(status.contains("Uid:\t1234\t1234\t1234\t1234"), "{status}");
    assert_eq!(ask(address, "/write?/tmp/x").await.unwrap(), "written");
    let error = ask(address, "/write?/x").await.unwrap_err();
    assert!(
        error.contains("Permission denied"),
        "the root is writable, though not by this user: {error}"
    );
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn the_engine_holds_the_limits_of_the_spec() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    instance.engine().prepare(instance.name()).await.unwrap();
    let id = instance
        .engine()
        .create(&instance.spec("light", &probe_image().await))
        .await
        .unwrap();
    let found = bystander(&instance)
        .inspect_container(id.as_str(), None)
        .await
        .unwrap();
    let host = found.host_config.unwrap();
    assert_eq!((host.memory, host.memory_swap), (Some(64 << 20), Some(64 << 20)));
    assert_eq!((host.nano_cpus, host.pids_limit), (Some(1_000_000_000), Some(64)));
    let files = &host.ulimits.unwrap()[0];
    assert_eq!(
        (files.name.as_deref(), files.soft, files.hard),
        (Some("nofile"), Some(4096), Some(4096))
    );
    let log = host.log_config.unwrap();
    assert_eq!(log.typ.as_deref(), Some("json-file"));
    assert_eq!(log.config.unwrap()["max-file"], "3");
    assert_eq!(
        (host.privileged, host.readonly_rootfs, host.init),
        (Some(false), Some(true), Some(true))
    );
    for (mode, shared) in [
        (host.ipc_mode, "host"),
        (host.pid_mode, "host"),
        (host.uts_mode, "host"),
    ] {
        assert_ne!(mode.as_deref(), Some(shared));
    }
    assert!(host.binds.unwrap_or_default().is_empty());
    assert!(host.port_bindings.unwrap_or_default().is_empty());
}
