//! An engine whose networks are not on this machine.

use std::time::{Duration, Instant};

use hap_host::engine::{DockerEngine, Engine as _, EngineErrorKind};
use hap_tests::docker::{Instance, in_private_network};

#[test]
#[ignore = "needs a Docker engine and root"]
fn s13_an_engine_whose_networks_are_elsewhere_is_refused_at_once_with_what_to_do() {
    in_private_network(|| async {
        // Its socket is a file and is reached from in here; its networks are not.
        let instance = Instance::on(DockerEngine::connect().await.unwrap()).unwrap();
        let began = Instant::now();
        let error = instance.engine().prepare(instance.name()).await.unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(error.kind(), EngineErrorKind::Unsupported);
        for part in ["not on this machine", "--network host", "isolated"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    });
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s13_what_is_proved_covers_the_networks_of_the_instance_and_nothing_else() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let began = Instant::now();
    let platform = instance.engine().prepare(instance.name()).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(platform.covers(platform.isolated_gateway) && platform.covers(platform.outbound_gateway));
    for elsewhere in ["192.0.2.1", "10.255.255.1", "172.17.0.2", "2001:db8::1"] {
        assert!(!platform.covers(elsewhere.parse().unwrap()), "{elsewhere}");
    }
}
