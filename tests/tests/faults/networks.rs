//! Somebody takes plugins off their network, or the network away.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bollard::{
    Docker,
    models::{Ipam, IpamConfig, NetworkCreateRequest, NetworkDisconnectRequest},
    query_parameters::{InspectContainerOptions, InspectNetworkOptions},
};
use hap_manifest::env;
use hap_tests::docker::{Instance, OWNER};

use crate::{
    bed::Bed,
    report::{BY_HAND, Row, record},
    victim::Victim,
};

/// What a test does by hand, to the network of plugins without network access.
struct Hand {
    docker: Docker,
    instance: String,
    network: String,
}

impl Hand {
    fn of(bed: &Bed) -> Self {
        let instance = bed.instance.name().to_string();
        Self {
            docker: Docker::connect_with_host(bed.instance.engine().uri()).unwrap(),
            network: format!("hap-{instance}-isolated"),
            instance,
        }
    }

    async fn disconnect(&self, victim: &Victim) {
        let request = NetworkDisconnectRequest {
            container: victim.plugin.state().container.unwrap().as_str().to_owned(),
            force: Some(true),
        };
        self.docker
            .disconnect_network(&self.network, request)
            .await
            .unwrap();
    }

    /// The engine refuses while it still takes somebody out of it.
    async fn remove(&self) {
        let removed = async {
            while let Err(error) = self.docker.remove_network(&self.network).await {
                assert!(error.to_string().contains("active endpoints"), "{error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), removed)
            .await
            .unwrap();
    }

    async fn subnet(&self) -> String {
        let options = None::<InspectNetworkOptions>;
        let seen = self.docker.inspect_network(&self.network, options).await.unwrap();
        let configs = seen.ipam.unwrap().config.unwrap();
        configs.into_iter().find_map(|config| config.subnet).unwrap()
    }

    /// Somebody else's network takes a subnet.
    async fn take(&self, subnet: &str) {
        let request = NetworkCreateRequest {
            name: format!("taken-{}", self.instance),
            internal: Some(true),
            ipam: Some(Ipam {
                config: Some(vec![IpamConfig {
                    subnet: Some(subnet.to_owned()),
                    ..IpamConfig::default()
                }]),
                ..Ipam::default()
            }),
            labels: Some(HashMap::from([(OWNER.to_owned(), self.instance.clone())])),
            ..NetworkCreateRequest::default()
        };
        self.docker.create_network(request).await.unwrap();
    }

    /// Where a plugin was told that the platform is.
    async fn platform_of(&self, victim: &Victim) -> String {
        let container = victim.plugin.state().container.unwrap();
        let options = None::<InspectContainerOptions>;
        let seen = self
            .docker
            .inspect_container(container.as_str(), options)
            .await
            .unwrap();
        let variables = seen.config.unwrap().env.unwrap();
        let url = variables
            .iter()
            .find_map(|variable| variable.strip_prefix(env::PLATFORM_API_URL));
        url.unwrap().to_owned()
    }
}

/// Waits until a victim that lost its network is healthy again, and fills the row.
async fn healed(bed: &Bed, victim: &Victim, since: Instant, fault: &'static str, expected: &'static str) {
    let id = victim.plugin.id();
    let detected = bed.timeline.failed(id, since).await;
    let healthy = bed.timeline.healthy(id, detected).await;
    let told = victim.explained().await;
    // How the last check failed depends on when the container was looked at last.
    let (seen, _) = told.split_once(", the last one").unwrap();
    victim.lost_nothing().await;
    record(&Row {
        table: BY_HAND,
        fault,
        expected,
        seen: seen.to_owned(),
        detected: Some(detected - since),
        healthy: Some(healthy - since),
    });
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_container_that_was_taken_off_its_network_is_put_back() {
    let bed = Bed::new().await;
    let (hand, victim) = (Hand::of(&bed), bed.victim("unplugged", "").await);
    let since = Instant::now();
    hand.disconnect(&victim).await;
    let again = "made anew after three missed health checks, on its network";
    healed(&bed, &victim, since, "container taken off its network", again).await;
    bed.end(&[victim]).await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_network_that_was_removed_is_made_again_and_nobody_is_told_an_old_address() {
    let bed = Bed::alone_on(Instance::new().await.unwrap()).await;
    let (hand, mut victim) = (Hand::of(&bed), bed.victim("unwired", "").await);

    victim.plugin.stop().await.unwrap();
    hand.remove().await;
    let since = Instant::now();
    victim.plugin.start().await.unwrap();
    let started = since.elapsed();
    victim.lost_nothing().await;
    record(&Row {
        table: BY_HAND,
        fault: "network removed while the plugin is stopped",
        expected: "made again with the next start, with a new container",
        seen: format!("`{}`, no failure", victim.plugin.state().phase),
        detected: None,
        healthy: Some(started),
    });

    let since = Instant::now();
    hand.disconnect(&victim).await;
    hand.remove().await;
    let anew = "made again after three missed health checks, with a new container";
    healed(
        &bed,
        &victim,
        since,
        "network removed while the plugin runs",
        anew,
    )
    .await;

    let (subnet, before) = (hand.subnet().await, hand.platform_of(&victim).await);
    let since = Instant::now();
    hand.disconnect(&victim).await;
    hand.remove().await;
    hand.take(&subnet).await;
    let elsewhere = "made again on another one; the new container is told where the platform is now, and its events \
                     arrive there";
    let fault = "network removed while the plugin runs, and its subnet taken";
    healed(&bed, &victim, since, fault, elsewhere).await;
    assert_ne!(hand.subnet().await, subnet);
    assert_ne!(hand.platform_of(&victim).await, before);
    assert_eq!(victim.act("emit:2").await, "2");
    victim.events += 2;
    bed.end(&[victim]).await;
}
