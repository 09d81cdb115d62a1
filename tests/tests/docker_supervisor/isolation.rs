use std::net::SocketAddr;

use hap_host::ShutdownMode;
use hap_tests::{
    docker::{Instance, ask, probe_image},
    outside::Outside,
};

use crate::{address, probe, probe_on, supervisor};

/// Whether the plugin behind `from` can open a connection to `to`.
async fn reaches(from: SocketAddr, to: SocketAddr) -> bool {
    ask(from, &format!("/connect?{to}")).await.is_ok()
}

#[tokio::test]
#[ignore = "needs a Docker engine and root"]
async fn network_access_decides_what_a_plugin_reaches() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let Some(outside) = Outside::new() else { return };
    let state = tempfile::tempdir().unwrap();
    let image = probe_image().await;
    let supervisor = supervisor(&instance, state.path()).await;
    let isolated = supervisor.install(probe("isolated", &image, "")).await.unwrap();
    let neighbour = supervisor.install(probe("neighbour", &image, "")).await.unwrap();
    let open = |id| probe_on(id, &image, true, "");
    let outbound = supervisor.install(open("outbound")).await.unwrap();
    let other = supervisor.install(open("other")).await.unwrap();
    for plugin in [&isolated, &neighbour, &outbound, &other] {
        plugin.start().await.unwrap();
    }
    let isolated_at = address(&instance, &isolated).await;
    let neighbour_at = address(&instance, &neighbour).await;
    let outbound_at = address(&instance, &outbound).await;
    let other_at = address(&instance, &other).await;

    // Each is told where the platform is, and reaches it there.
    for at in [isolated_at, outbound_at] {
        let url = ask(at, "/env?PLATFORM_API_URL").await.unwrap();
        let platform = url
            .trim_start_matches("http://")
            .split('/')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!(reaches(at, platform).await, "{url}");
    }
    // Whoever is outside is really there: one with network access reaches it.
    assert!(reaches(outbound_at, outside.address()).await);
    assert!(!reaches(isolated_at, outside.address()).await);
    for (from, to) in [
        (isolated_at, neighbour_at),
        (isolated_at, outbound_at),
        (outbound_at, other_at),
    ] {
        assert!(!reaches(from, to).await, "{from} reaches {to}");
    }
    // The engine opens this one for a moment while another test makes networks, as docs/security.md tells.
    let mut tries = 0;
    while reaches(outbound_at, isolated_at).await {
        tries += 1;
        assert!(tries < 5, "{outbound_at} reaches {isolated_at} again and again");
    }
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_plugin_cannot_post_as_another() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let image = probe_image().await;
    let supervisor = supervisor(&instance, state.path()).await;
    let mut tokens = Vec::new();
    for id in ["one", "two"] {
        let plugin = supervisor.install(probe(id, &image, "")).await.unwrap();
        plugin.start().await.unwrap();
        tokens.push(
            ask(address(&instance, &plugin).await, "/env?HAP_API_TOKEN")
                .await
                .unwrap(),
        );
    }
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = |id: &str, token: &str| {
        let url = format!(
            "http://127.0.0.1:{}/plugins/{id}/api/v1/events",
            supervisor.events_port()
        );
        http.post(url)
            .bearer_auth(token)
            .body(r#"{"type":"motion","data":{}}"#)
            .send()
    };
    assert_eq!(post("one", &tokens[0]).await.unwrap().status(), 202);
    assert_eq!(post("two", &tokens[0]).await.unwrap().status(), 401);
    assert_eq!(post("nobody", &tokens[0]).await.unwrap().status(), 401);
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
