use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use bollard::{
    models::{Network, NetworkCreateRequest},
    query_parameters::ListNetworksOptionsBuilder,
};
use hap_host::engine::{DockerEngine, Engine, EngineErrorKind, NetworkMode, SubnetPool, labels};
use hap_tests::docker::{Instance, ask, probe_image};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{bystander, run};

async fn listed(instance: &Instance) -> Vec<Network> {
    let filters = HashMap::from([("label", vec![format!("{}={}", labels::INSTANCE, instance.name())])]);
    let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
    bystander(instance).list_networks(Some(options)).await.unwrap()
}

/// Answers whoever connects to `address` with "platform"; `None` when the host has no such address.
async fn platform_at(address: IpAddr) -> SocketAddr {
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let bound = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 64];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"platform").await;
        }
    });
    bound
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn preparing_is_idempotent_and_the_networks_have_their_shape() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    let first = engine.prepare(instance.name()).await.unwrap();
    let second = engine.prepare(instance.name()).await.unwrap();
    assert_eq!(first, second);
    assert_ne!(first.isolated_gateway, first.outbound_gateway);
    let networks = listed(&instance).await;
    assert_eq!(networks.len(), 2);
    for network in networks {
        let isolated = network.name.as_deref() == Some(format!("hap-{}-isolated", instance.name()).as_str());
        assert_eq!(network.internal, Some(isolated));
        assert_eq!(
            network.options.unwrap()["com.docker.network.bridge.enable_icc"],
            "false"
        );
        assert_eq!(network.labels.unwrap()[labels::SCHEMA], "1");
        let ipam = network.ipam.unwrap().config.unwrap();
        let subnet = ipam[0].subnet.as_deref().unwrap();
        assert!(
            subnet.starts_with("10.213.") && subnet.ends_with(".0/24"),
            "{subnet}"
        );
    }
    engine.teardown(instance.name()).await.unwrap();
    engine.teardown(instance.name()).await.unwrap();
    assert!(listed(&instance).await.is_empty());
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn two_hosts_that_prepare_at_once_share_one_pair_of_networks() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let mut engines = Vec::new();
    for _ in 0..4 {
        engines.push(DockerEngine::connect_to(instance.engine().uri()).await.unwrap());
    }
    let prepared = engines.iter().map(|engine| engine.prepare(instance.name()));
    for platform in futures_util::future::join_all(prepared).await {
        platform.unwrap();
    }
    // Whoever was overtaken sees it with the next look.
    let settled = engines[0].prepare(instance.name()).await.unwrap();
    for engine in &engines {
        assert_eq!(engine.prepare(instance.name()).await.unwrap(), settled);
    }
    assert_eq!(listed(&instance).await.len(), 2);
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_younger_twin_is_removed_and_one_without_isolation_is_replaced() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    let docker = bystander(&instance);
    let name = format!("hap-{}-outbound", instance.name());
    let ours = HashMap::from([(labels::INSTANCE.to_owned(), instance.name().to_string())]);
    let open = NetworkCreateRequest {
        name: name.clone(),
        labels: Some(ours),
        ..Default::default()
    };
    docker.create_network(open.clone()).await.unwrap();
    let replaced = engine.prepare(instance.name()).await.unwrap();
    assert!(
        listed(&instance)
            .await
            .iter()
            .all(|network| network.options.as_ref().is_some_and(|all| !all.is_empty()))
    );
    // Newer engines refuse this.
    if docker.create_network(open).await.is_ok() {
        assert_eq!(listed(&instance).await.len(), 3);
        assert_eq!(engine.prepare(instance.name()).await.unwrap(), replaced);
        assert_eq!(listed(&instance).await.len(), 2);
    }
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_network_in_use_survives_a_teardown() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let (id, _) = run(&instance, &instance.spec("light", &probe_image().await)).await;
    engine.teardown(instance.name()).await.unwrap();
    let left: Vec<_> = listed(&instance)
        .await
        .into_iter()
        .filter_map(|network| network.name)
        .collect();
    assert_eq!(left, [format!("hap-{}-isolated", instance.name())]);
    engine.remove(&id).await.unwrap();
    engine.teardown(instance.name()).await.unwrap();
    assert!(listed(&instance).await.is_empty());
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn an_isolated_plugin_reaches_the_platform_and_nothing_else() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    let platform = engine.prepare(instance.name()).await.unwrap();
    let image = probe_image().await;
    let (_, isolated) = run(&instance, &instance.spec("isolated", &image)).await;
    let (_, neighbour) = run(&instance, &instance.spec("neighbour", &image)).await;
    let mut spec = instance.spec("outbound", &image);
    spec.network = NetworkMode::Outbound;
    let (_, outbound) = run(&instance, &spec).await;

    for (plugin, mode) in [
        (isolated, NetworkMode::Isolated),
        (outbound, NetworkMode::Outbound),
    ] {
        let listener = platform_at(platform.gateway(mode)).await;
        assert_eq!(
            ask(plugin, &format!("/fetch?{listener}")).await.unwrap(),
            "platform",
            "{mode:?}"
        );
    }
    for (from, to) in [
        (isolated, neighbour),
        (isolated, outbound),
        (outbound, isolated),
        (neighbour, isolated),
    ] {
        assert!(!reaches(from, to).await, "{from} to {to}");
    }
    // Seen from inside: there is no way to elsewhere, or one that ends at an address that nobody has.
    let routes = ask(isolated, "/read?/proc/net/route").await.unwrap();
    let gateways = routes.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (destination, gateway) = (fields.next()?, fields.next()?);
        let gateway = u32::from_str_radix(gateway, 16).unwrap();
        (destination == "00000000").then(|| IpAddr::from(gateway.to_ne_bytes()))
    });
    for gateway in gateways {
        assert_ne!(gateway, platform.isolated_gateway, "{routes}");
        assert!(!reaches(isolated, SocketAddr::new(gateway, 80)).await, "{routes}");
    }
    // Not even the host, except on its own network.
    let elsewhere = platform_at(platform.outbound_gateway).await;
    assert!(!reaches(isolated, elsewhere).await);
    // An address of documentation: no packet of ours leaves the machine.
    assert!(!reaches(isolated, SocketAddr::from(([198, 51, 100, 1], 80))).await);
    let begun = Instant::now();
    ask(isolated, "/resolve?example.com").await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// Whether one address reaches another time and again. The engine takes its rules between networks away for a moment
/// whenever a network is made, as other tests do meanwhile, so a single connection proves nothing.
async fn reaches(from: SocketAddr, to: SocketAddr) -> bool {
    for _ in 0..4 {
        if let Err(error) = ask(from, &format!("/connect?{to}")).await {
            assert!(
                // The last where the engine gives an internal network no default route.
                ["timed out", "No route to host", "Network is unreachable"]
                    .iter()
                    .any(|way| error.contains(way)),
                "{error}"
            );
            return false;
        }
    }
    true
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn plugins_with_network_access_do_not_reach_each_other() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    instance.engine().prepare(instance.name()).await.unwrap();
    let image = probe_image().await;
    let mut addresses = Vec::new();
    for plugin in ["one", "two"] {
        let mut spec = instance.spec(plugin, &image);
        spec.network = NetworkMode::Outbound;
        addresses.push(run(&instance, &spec).await.1);
    }
    assert!(!reaches(addresses[0], addresses[1]).await);
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn taken_subnets_are_passed_over_and_a_full_pool_says_so() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let Some(other) = Instance::new().await else {
        return;
    };
    // Room for two: the two networks of one instance.
    let pool = SubnetPool::new([10, 214, 77, 0].into(), 28, 29).unwrap();
    let engine = instance.engine().clone().with_subnet_pool(pool);
    let platform = engine.prepare(instance.name()).await.unwrap();
    let mut gateways = [platform.isolated_gateway, platform.outbound_gateway].map(|ip| ip.to_string());
    gateways.sort();
    assert_eq!(gateways, ["10.214.77.1", "10.214.77.9"]);
    let error = engine.prepare(other.name()).await.unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::Failed, "it is tried again");
    for part in [
        "no free subnet is left in 10.214.77.0/28",
        "in the way is the network",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
}
