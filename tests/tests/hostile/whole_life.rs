//! A hostile package from download to uninstall, and the machine before and after.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bollard::{
    Docker,
    models::Volume,
    query_parameters::{
        InspectNetworkOptions, ListContainersOptionsBuilder, ListImagesOptionsBuilder, ListNetworksOptions,
        ListVolumesOptions,
    },
};
use hap_host::{ErrorKind, PluginSource, Policy, ShutdownMode, Supervisor, engine::Engine as _};
use hap_manifest::{
    Manifest,
    package::{PackOptions, pack},
};
use hap_tests::{
    docker::{Fixture, Instance, PrivateDocker, ask, in_private_network},
    outside::Outside,
};
use tokio::net::TcpListener;

use crate::{Operators, folder};

/// Longest that the plugin may take to have tried everything, on a busy machine.
const DEADLINE: Duration = Duration::from_secs(180);

/// What a package may have on the disk at most while it runs: its image, of which a build keeps each step, its log, and
/// what the engine writes down about a container.
const DISK: u64 = 64 << 20;

/// What is left of it afterwards: the engine's own books, which grow by themselves.
const BOOKS: u64 = 8 << 20;

/// Processes that its manifest may have: what the host gives where it is silent.
const PROCESSES: usize = 256;

/// Memory that a mount of the container may take at most.
const MOUNT: u64 = 64 << 20;

/// What the machine and the engine have.
#[derive(Debug, PartialEq, Eq)]
struct Machine {
    /// Programs of the package that run, in a container or not.
    strangers: BTreeSet<u32>,
    /// Each name of an image, and what it leads to.
    names: BTreeMap<String, String>,
    images: BTreeSet<String>,
    containers: BTreeSet<String>,
    /// Names of volumes on the disk, and of those that are memory.
    volumes: BTreeSet<String>,
    memory: BTreeSet<String>,
    networks: BTreeSet<String>,
    /// How often somebody came to the operator's services.
    visits: usize,
}

impl Machine {
    async fn look(docker: &Docker, visits: &AtomicUsize) -> Self {
        let all = ListImagesOptionsBuilder::default().all(true).build();
        let images = docker.list_images(Some(all)).await.unwrap();
        let named = images.iter().flat_map(|image| {
            image
                .repo_tags
                .iter()
                .map(|name| (name.clone(), image.id.clone()))
        });
        let all = ListContainersOptionsBuilder::default().all(true).build();
        let containers = docker.list_containers(Some(all)).await.unwrap();
        let volumes = docker.list_volumes(None::<ListVolumesOptions>).await.unwrap();
        let volumes = volumes.volumes.unwrap_or_default();
        let names_of = |all: &[Volume], memory: bool| {
            let is_memory = |volume: &Volume| volume.options.get("type").is_some_and(|kind| kind == "tmpfs");
            let named = all.iter().filter(|volume| is_memory(volume) == memory);
            named.map(|volume| volume.name.clone()).collect()
        };
        let networks = docker.list_networks(None::<ListNetworksOptions>).await.unwrap();
        Self {
            strangers: strangers(),
            names: named.filter(|(name, _)| name != "<none>:<none>").collect(),
            images: images.iter().map(|image| image.id.clone()).collect(),
            containers: containers.into_iter().filter_map(|one| one.id).collect(),
            volumes: names_of(&volumes, false),
            memory: names_of(&volumes, true),
            networks: networks.into_iter().filter_map(|one| one.name).collect(),
            visits: visits.load(Ordering::SeqCst),
        }
    }
}

/// Processes of this machine that run the package's program, wherever it lies.
fn strangers() -> BTreeSet<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let runs = |number: &u32| {
        let program = fs::read_link(format!("/proc/{number}/exe")).unwrap_or_default();
        program.file_name().is_some_and(|name| name == "stranger")
    };
    numbers.filter(runs).collect()
}

/// Bytes on the disk below a folder.
fn disk(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => disk(&entry.path()),
        Ok(found) => found.blocks() * 512,
        Err(_) => 0,
    });
    sizes.sum()
}

/// A service of the operator that nobody is to reach, and where it is.
async fn service(at: &str, visits: &Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind(at).await.unwrap();
    let address = listener.local_addr().unwrap();
    let visits = Arc::clone(visits);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            visits.fetch_add(1, Ordering::SeqCst);
        }
    });
    address
}

/// The machine's address on the network where the engine puts containers that name none.
async fn bridge(docker: &Docker) -> Ipv4Addr {
    let bridge = docker.inspect_network("bridge", None::<InspectNetworkOptions>);
    let addresses = bridge.await.unwrap().ipam.unwrap().config.unwrap();
    let subnet = addresses[0].subnet.as_deref().unwrap();
    let network: Ipv4Addr = subnet.split('/').next().unwrap().parse().unwrap();
    Ipv4Addr::from_bits(network.to_bits() + 1)
}

/// The package as somebody downloads it.
fn package(manifest: &Manifest, dockerfile: &str) -> Vec<u8> {
    let program = [(Fixture::Stranger, "stranger")];
    let folder = folder(manifest, dockerfile, &program);
    fs::write(folder.path().join("README.md"), "# Friendly").unwrap();
    pack(folder.path(), &PackOptions::new()).unwrap().into_bytes()
}

const BEGINNING: &str = "FROM scratch\nCOPY stranger /stranger\nENTRYPOINT [\"/stranger\"]\n";

#[test]
#[ignore = "needs root and dockerd"]
fn s01_to_s14_a_strangers_package_leaves_the_machine_as_it_was_from_download_to_uninstall() {
    in_private_network(|| async {
        let private = PrivateDocker::start(false).await;
        let instance = Instance::on(private.engine().await).unwrap();
        let docker = Docker::connect_with_host(&private.uri()).unwrap();
        let operators = Operators::build(&instance, "postgres:15", "FROM scratch\nCOPY file /secret\n").await;

        let visits = Arc::new(AtomicUsize::new(0));
        let loopback = service("127.0.0.1:0", &visits).await;
        let bridged = service(&format!("{}:0", bridge(&docker).await), &visits).await;
        let outside = Outside::new().unwrap();

        let state = tempfile::tempdir().unwrap();
        let supervisor = Supervisor::builder(instance.engine().clone(), state.path())
            .instance(instance.name().clone())
            .policy(Policy::default().max_stop_timeout(Duration::from_secs(2)))
            .measure_isolation_every(None)
            .start()
            .await
            .unwrap();
        // So that its containers come and go before the machine is looked at.
        assert!(supervisor.measure_isolation().await.unwrap().holds());
        let before = Machine::look(&docker, &visits).await;
        let disk_before = disk(&private.data());

        let manifest = Manifest::builder("friendly", "Friendly", "1.0.0", "postgres:15")
            .network_access(false)
            .stop_timeout("24h")
            .env_var(
                "STRANGER_TARGETS",
                format!("{loopback},{bridged},{}", outside.address()),
            )
            .build()
            .unwrap();

        // What would run something while it is installed is looked at, and refused.
        for attack in [
            format!("{BEGINNING}RUN [\"/stranger\"]\n"),
            format!("{BEGINNING}ADD http://{loopback}/ /page\n"),
            format!("FROM {}\nCOPY stranger /stranger\n", operators.tag),
            format!("{BEGINNING}COPY --from={} /secret /secret\n", operators.tag),
        ] {
            let downloaded = state.path().join("downloaded.zip");
            fs::write(&downloaded, package(&manifest, &attack)).unwrap();
            supervisor
                .review(PluginSource::package(&downloaded), [])
                .await
                .unwrap();
            let error = supervisor
                .install(PluginSource::package(&downloaded))
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotPermitted, "{attack}: {error}");
            assert_eq!(Machine::look(&docker, &visits).await, before, "{attack}");
        }

        let copies = format!(
            "{BEGINNING}LABEL io.hap.instance=\"{}\"\nVOLUME [\"/bin\", \"/scratch\"]\nSTOPSIGNAL SIGHUP\n",
            instance.name()
        );
        let downloaded = state.path().join("friendly.zip");
        fs::write(&downloaded, package(&manifest, &copies)).unwrap();
        let plugin = supervisor
            .install(PluginSource::package(&downloaded))
            .await
            .unwrap();
        let installed = Machine::look(&docker, &visits).await;
        assert_eq!((installed.strangers.len(), installed.visits), (0, 0));
        assert_eq!(installed.names["postgres:15"], before.names["postgres:15"]);
        plugin.start().await.unwrap();
        let container = plugin.state().container.unwrap();
        let observed = instance.engine().inspect(&container).await.unwrap();
        let at = observed.address.unwrap();
        let report = tokio::time::timeout(DEADLINE, async {
            loop {
                match ask(at, "/report").await {
                    Ok(report) if report.ends_with("done") => return report,
                    _ => tokio::time::sleep(Duration::from_millis(200)).await,
                }
            }
        });
        let report = report.await.unwrap();

        assert!(!report.contains("reached"), "{report}");
        let written = report.lines().filter_map(|line| line.strip_prefix("wrote "));
        let written: BTreeMap<_, u64> = written
            .filter_map(|line| line.split_once(' '))
            .map(|(place, bytes)| (place, bytes.parse().unwrap()))
            .collect();
        assert!(written.contains_key("/tmp"), "it tried: {report}");
        assert!(written.values().all(|bytes| *bytes <= MOUNT), "{report}");
        let running = Machine::look(&docker, &visits).await;
        assert!((2..=PROCESSES).contains(&running.strangers.len()), "{running:?}");
        assert_eq!(running.visits, 0);
        // What stands in place of the image's volumes is memory, as the bound of each shows.
        assert_eq!(running.networks, before.networks);
        let taken = disk(&private.data()).saturating_sub(disk_before);
        assert!(taken <= DISK, "{taken} bytes");

        let ended = async {
            plugin.stop().await.unwrap();
            plugin.uninstall().remove_data(true).await.unwrap();
        };
        tokio::time::timeout(DEADLINE, ended).await.unwrap();
        supervisor.prune_images().await.unwrap();
        assert_eq!(Machine::look(&docker, &visits).await, before);
        let left = disk(&private.data()).saturating_sub(disk_before);
        assert!(left <= BOOKS, "{left} bytes");
        supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
        operators.remove().await;
    });
}
