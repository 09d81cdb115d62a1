//! What holds for every route.

use axum::body::Body;

use super::*;
use crate::{
    management::{
        route::{Input, Route},
        table::ROUTES,
    },
    supervisor::options::ShutdownMode,
};

fn path(route: &Route) -> String {
    route.path.replace("{id}", "nobody")
}

#[tokio::test]
async fn every_route_is_there_and_names_the_plugin_that_is_not() {
    let bed = Bed::new().await;
    for route in &ROUTES {
        let path = path(route);
        let method = route.method;
        let body = match route.input {
            Input::Json(_) => Body::from("{}"),
            _ => Body::empty(),
        };
        let response = bed.response(method, &path, &[JSON], body).await;
        if !route.path.contains("{id}") {
            assert!(
                !matches!(response.status().as_u16(), 404 | 405),
                "{method} {path}"
            );
            continue;
        }
        let answer = Answer::of(response).await;
        assert_eq!(answer.refused(404), "not_installed", "{method} {path}");
        assert!(answer.error().contains("\"nobody\""), "{}", answer.text);
        assert!(answer.error().contains("GET /v1/plugins"), "{}", answer.text);
    }
}

#[tokio::test]
async fn whatever_changes_something_takes_no_content_type_that_a_page_elsewhere_can_send() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    let forms: [&[(&str, &str)]; 6] = [
        &[],
        &[("content-type", "text/plain")],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "multipart/form-data; boundary=x")],
        &[("content-type", "text/plain; application/json")],
        &[("content-type", "")],
    ];
    for route in ROUTES
        .iter()
        .filter(|route| matches!(route.method, "POST" | "PUT"))
    {
        for headers in forms {
            let path = route.path.replace("{id}", "light");
            let method = route.method;
            let answer = bed.send(method, &path, headers, Body::from("{}")).await;
            assert_eq!(
                answer.refused(415),
                "unsupported_media_type",
                "{method} {path} {headers:?}"
            );
            assert!(answer.error().contains("application/json"), "{}", answer.text);
        }
    }
    assert_eq!(light.state().desired, crate::model::desired::Desired::Stopped);
    assert_eq!(bed.supervisor.plugins().len(), 1);
    // A browser asks before it sends these; nothing else may change anything.
    assert!(
        ROUTES
            .iter()
            .all(|route| route.method != "GET" || matches!(route.input, Input::None))
    );
}

#[tokio::test]
async fn a_parameter_that_is_not_known_is_refused_and_those_that_are_are_named() {
    let bed = Bed::new().await;
    bed.installed("light").await;
    for route in &ROUTES {
        let path = format!("{}?remove_dta=true", route.path.replace("{id}", "light"));
        let answer = bed.send(route.method, &path, &[JSON], Body::empty()).await;
        assert_eq!(answer.refused(400), "unknown_parameter", "{path}");
        for known in route.parameters.iter().filter(|parameter| !parameter.header) {
            assert!(answer.error().contains(known.name), "{}", answer.text);
        }
    }
    assert_eq!(bed.supervisor.plugins().len(), 1);
}

#[tokio::test]
async fn another_method_is_told_which_ones_the_path_takes() {
    let bed = Bed::new().await;
    let answer = bed.send("PATCH", "/v1/plugins/light", &[], Body::empty()).await;
    assert_eq!(answer.refused(405), "method_not_allowed");
    assert_eq!(answer.json["details"]["allowed"], json!(["GET", "DELETE"]));
    let allow = answer.headers[header::ALLOW].to_str().unwrap();
    assert!(allow.contains("GET") && allow.contains("DELETE"), "{allow}");
    let answer = bed.get("/v1/plugins/light/start").await;
    assert!(answer.error().contains("takes POST, not GET"), "{}", answer.text);
}

#[tokio::test]
async fn a_path_that_is_none_is_told_where_they_are_described() {
    let bed = Bed::new().await;
    for path in ["/v1/plugin", "/v2/plugins", "/v1/plugins/", "/v1/plugins/a/b/c/d"] {
        let answer = bed.get(path).await;
        assert_eq!(answer.refused(404), "not_found", "{path}");
        assert!(answer.error().contains("/openapi.json"), "{}", answer.text);
    }
}

#[tokio::test]
async fn after_the_supervisor_has_ended_everything_is_refused() {
    let bed = Bed::new().await;
    bed.supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    for route in &ROUTES {
        let method = route.method;
        let answer = bed.send(method, &path(route), &[JSON], Body::empty()).await;
        assert_eq!(answer.refused(503), "shutting_down", "{method} {}", route.path);
    }
}
