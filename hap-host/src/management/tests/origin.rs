//! Pages of other sites, and names that lead here.

use axum::body::Body;

use super::*;
use crate::management::{ManagementOptions, route::Output, table::ROUTES};

const SITE: &str = "sec-fetch-site";

#[tokio::test]
async fn nothing_changes_for_a_page_of_another_site_whatever_it_can_send() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    let foreign: [&[(&str, &str)]; 8] = [
        &[JSON, (SITE, "cross-site")],
        &[JSON, (SITE, "same-site")],
        &[JSON, (SITE, "")],
        &[
            JSON,
            ("host", "127.0.0.1:8090"),
            ("origin", "http://evil.example"),
        ],
        &[
            JSON,
            ("host", "127.0.0.1:8090"),
            ("origin", "http://127.0.0.1:3000"),
        ],
        &[JSON, ("host", "127.0.0.1:8090"), ("origin", "null")],
        &[JSON, ("origin", "http://127.0.0.1:8090")],
        &[
            JSON,
            ("host", "127.0.0.1:8090"),
            ("origin", "http://127.0.0.1:8090"),
            ("origin", "http://evil.example"),
        ],
    ];
    for route in &ROUTES {
        let path = route.path.replace("{id}", "light");
        let method = route.method;
        let guarded = route.method != "GET" || matches!(route.output, Output::Events(_));
        for headers in foreign {
            let response = bed.response(method, &path, headers, Body::from("{}")).await;
            if !guarded {
                assert_ne!(response.status(), 403, "{method} {path} {headers:?}");
                continue;
            }
            let answer = Answer::of(response).await;
            check(method, &path, &answer);
            assert_eq!(answer.refused(403), "cross_site", "{method} {path} {headers:?}");
            assert!(answer.error().contains("allow_origin"), "{}", answer.text);
        }
    }
    assert_eq!(light.state().desired, crate::model::desired::Desired::Stopped);
}

#[tokio::test]
async fn programs_and_pages_of_the_same_server_are_let_through() {
    let bed = Bed::new().await;
    bed.installed("light").await;
    let own: [&[(&str, &str)]; 6] = [
        &[JSON],
        &[JSON, (SITE, "none")],
        // A proxy put another name in place of the browser's.
        &[
            JSON,
            ("host", "127.0.0.1:8090"),
            (SITE, "same-origin"),
            ("origin", "https://home.example.com"),
        ],
        &[
            JSON,
            ("host", "127.0.0.1:8090"),
            ("origin", "http://127.0.0.1:8090"),
        ],
        &[JSON, ("host", "localhost"), ("origin", "http://localhost:80")],
        &[JSON, ("host", "[::1]:8090"), ("origin", "http://[::1]:8090")],
    ];
    for headers in own {
        let answer = bed
            .send("POST", "/v1/plugins/light/stop", headers, Body::empty())
            .await;
        answer.good();
    }
}

#[tokio::test]
async fn a_name_that_is_not_the_servers_is_answered_nothing() {
    let bed = Bed::new().await;
    for host in [
        "evil.example",
        "evil.example:8090",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evillocalhost",
        "2130706433.example",
        "[evil]",
        "",
    ] {
        let answer = bed
            .send("GET", "/v1/plugins", &[("host", host)], Body::empty())
            .await;
        assert_eq!(answer.refused(421), "unknown_host", "{host}");
        assert!(answer.error().contains("allow_host"), "{}", answer.text);
    }
    for host in [
        "localhost",
        "LOCALHOST:8090",
        "hap.localhost",
        "192.168.1.7:80",
        "[fd00::1]:8090",
    ] {
        bed.send("GET", "/v1/plugins", &[("host", host)], Body::empty())
            .await
            .good();
    }
}

#[tokio::test]
async fn the_embedder_allows_names_and_origins_of_its_own() {
    let bed = Bed::new().await;
    let options = ManagementOptions::default()
        .allow_host("Home.example.com")
        .allow_origin("https://ui.example.com/");
    let ask = |options: ManagementOptions, host: &'static str, origin: &'static str| {
        let router = bed.supervisor.management_router_with(options);
        let request = Request::post("/v1/orphans/sweep?minimum_age_s=0")
            .header(JSON.0, JSON.1)
            .header("host", host)
            .header("origin", origin)
            .header(SITE, "cross-site")
            .body(Body::empty())
            .unwrap();
        async move { router.oneshot(request).await.unwrap().status().as_u16() }
    };
    let (host, origin) = ("home.EXAMPLE.com:8443", "https://ui.example.com");
    assert_eq!(ask(options.clone(), host, origin).await, 200);
    assert_eq!(ask(options.clone(), host, "https://evil.example").await, 403);
    assert_eq!(ask(options.clone(), host, "http://ui.example.com").await, 403);
    assert_eq!(ask(options.clone(), "evil.example", origin).await, 421);
    assert_eq!(ask(options.allow_any_host(), "other.example", origin).await, 200);
}

#[tokio::test]
async fn every_answer_keeps_browsers_from_guessing_keeping_and_framing_it() {
    let bed = Bed::new().await;
    for (method, path) in [
        ("GET", "/v1/plugins"),
        ("GET", "/openapi.json"),
        ("GET", "/v1/metrics"),
        ("GET", "/v1/events"),
        ("GET", "/v1/plugins/nobody"),
        ("GET", "/nothing/here"),
        ("PATCH", "/v1/plugins"),
        ("POST", "/v1/orphans/sweep"),
    ] {
        let response = bed.response(method, path, &[], Body::empty()).await;
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        let policy = header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
    }
}
