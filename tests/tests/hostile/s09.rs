//! The event listener and its neighbours.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use hap_host::{PluginHandle, ShutdownMode, Supervisor, engine::Engine as _};
use hap_manifest::{ImageRef, Manifest};
use hap_tests::docker::{Instance, ask, probe_image};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

/// Time for an answer. Generous, because the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(30);

fn probe(id: &str, image: &ImageRef, network_access: bool) -> Manifest {
    let text = format!(
        r#"{{"id":"{id}","name":"Probe","version":"1.0.0","description":"d","author":"tests","image":"{image}",
            "network_access":{network_access}}}"#
    );
    Manifest::from_json(&text).unwrap().manifest
}

/// A plugin that runs, where it is, and where it finds the platform.
async fn started(
    supervisor: &Supervisor,
    instance: &Instance,
    manifest: Manifest,
) -> (PluginHandle, SocketAddr, SocketAddr) {
    let plugin = supervisor.install(manifest).await.unwrap();
    plugin.start().await.unwrap();
    let container = plugin.state().container.unwrap();
    let observed = instance.engine().inspect(&container).await.unwrap();
    let at = observed.address.unwrap();
    let url = ask(at, "/env?PLATFORM_API_URL").await.unwrap();
    let platform = url.trim_start_matches("http://").split('/').next().unwrap();
    let platform = platform.parse().unwrap();
    (plugin, at, platform)
}

/// A connection from one of the machine's addresses.
async fn connect(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    socket.connect(to).await
}

/// What the listener answers to a request from one of the machine's addresses: nothing where it
/// closes the connection unheard.
async fn answer(from: IpAddr, to: SocketAddr) -> String {
    let Ok(mut stream) = connect(from, to).await else {
        return String::new();
    };
    let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let asked = async {
        let mut text = Vec::new();
        // Closed before or after the request was written: both say nothing.
        let _ = stream.write_all(request.as_bytes()).await;
        let _ = stream.read_to_end(&mut text).await;
        String::from_utf8(text).unwrap()
    };
    tokio::time::timeout(DEADLINE, asked).await.unwrap()
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s09_a_neighbour_with_a_route_is_dropped_before_anything_is_read() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let image = probe_image().await;
    let builder = Supervisor::builder(instance.engine().clone(), state.path());
    let supervisor = builder.instance(instance.name().clone()).start().await.unwrap();
    let (_, isolated_plugin, isolated) =
        started(&supervisor, &instance, probe("isolated", &image, false)).await;
    let (_, outbound_plugin, outbound) =
        started(&supervisor, &instance, probe("outbound", &image, true)).await;
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, isolated.port()));
    // An address of the machine on another network stands for a neighbour that routes by it.
    for (from, to) in [
        (outbound.ip(), isolated),
        (isolated.ip(), outbound),
        (isolated.ip(), loopback),
        (outbound.ip(), loopback),
    ] {
        assert_eq!(answer(from, to).await, "", "{from} to {to}");
    }
    for (from, to) in [
        (loopback.ip(), isolated),
        (loopback.ip(), loopback),
        (loopback.ip(), outbound),
        (isolated.ip(), isolated),
    ] {
        let heard = answer(from, to).await;
        assert!(heard.starts_with("HTTP/1.1 404"), "{from} to {to}: {heard}");
    }
    for (plugin, to) in [(isolated_plugin, isolated), (outbound_plugin, outbound)] {
        let heard = ask(plugin, &format!("/fetch?{to}")).await.unwrap();
        assert!(heard.contains(" 404 "), "{plugin} to {to}: {heard}");
    }
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s09_idle_connections_of_this_machine_keep_no_plugin_from_delivering() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let image = probe_image().await;
    let builder = Supervisor::builder(instance.engine().clone(), state.path());
    let supervisor = builder.instance(instance.name().clone()).start().await.unwrap();
    let (_, at, platform) = started(&supervisor, &instance, probe("isolated", &image, false)).await;
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, platform.port()));
    // An unprivileged user has all of these addresses; the gateway is one of the machine's too.
    let mut held = Vec::new();
    for last in 1..=4 {
        for _ in 0..250 {
            held.push(
                connect(Ipv4Addr::new(127, 0, 0, last).into(), loopback)
                    .await
                    .unwrap(),
            );
        }
    }
    for _ in 0..50 {
        held.push(connect(platform.ip(), platform).await.unwrap());
    }
    for _ in 0..8 {
        let said = ask(at, &format!("/fetch?{platform}")).await.unwrap();
        assert!(
            said.starts_with("HTTP/1.0 404") || said.starts_with("HTTP/1.1 404"),
            "{said}"
        );
    }
    assert_eq!(held.len(), 1_050);
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
