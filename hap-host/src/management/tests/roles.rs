//! What each role may do.

use axum::body::Body;

use super::*;
use crate::management::role::Role;

/// Every operation of the document: its method, its path, and the role that it says it is for.
fn operations() -> Vec<(String, String, Role)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, methods)| {
        methods
            .as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| {
                let role = operation["x-hap-role"].as_str().unwrap().parse().unwrap();
                (method.to_uppercase(), path.replace("{id}", "light"), role)
            })
    });
    operations.collect()
}

async fn asked(bed: &Bed, role: Role, method: &str, path: &str) -> Response {
    // Whole enough to be carried out where it is let in.
    let path = match path {
        "/v1/orphans/data" => "/v1/orphans/data?plugin=gone",
        "/v1/orphans/sweep" => "/v1/orphans/sweep?minimum_age_s=0",
        path => path,
    };
    let request = Request::builder()
        .method(method)
        .uri(format!("/api{path}"))
        .header(JSON.0, JSON.1)
        .extension(role)
        .body(Body::empty())
        .unwrap();
    let call = bed.router.clone().oneshot(request);
    tokio::time::timeout(DEADLINE, call).await.unwrap().unwrap()
}

#[tokio::test]
async fn no_role_gets_through_to_an_operation_that_is_for_another() {
    let bed = Bed::new().await;
    bed.installed("light").await;
    let before = bed.get("/v1/plugins/light").await.text;
    let mut refused = [0, 0, 0];
    for (method, path, needed) in operations() {
        for (role, refused) in Role::all().into_iter().zip(&mut refused) {
            if role >= needed {
                continue;
            }
            let answer = Answer::of(asked(&bed, role, &method, &path).await).await;
            assert_eq!(answer.refused(403), "forbidden_role", "{role} {method} {path}");
            assert_eq!(answer.json["details"]["needed"], needed.as_str());
            assert!(answer.error().contains(needed.as_str()), "{}", answer.text);
            check(&method, &path, &answer);
            *refused += 1;
        }
    }
    assert_eq!(bed.get("/v1/plugins/light").await.text, before);
    // Of those that change something none is for a viewer, and six are for an operator.
    let changing = operations().iter().filter(|(method, ..)| method != "GET").count();
    assert_eq!(refused, [changing, changing - 6, 0]);
}

#[tokio::test]
async fn each_role_gets_through_to_what_is_for_it() {
    let bed = Bed::new().await;
    bed.installed("light").await;
    // What removes the plugin comes last.
    let mut operations = operations();
    operations.sort_by_key(|(method, path, _)| method == "DELETE" && path == "/v1/plugins/light");
    for (method, path, needed) in operations {
        for role in Role::all().into_iter().filter(|role| *role >= needed) {
            // The stream of an answer is not read.
            let status = asked(&bed, role, &method, &path).await.status();
            assert_ne!(status, StatusCode::FORBIDDEN, "{role} {method} {path}");
        }
    }
}

#[tokio::test]
async fn whoever_is_refused_by_role_is_not_told_whether_a_plugin_is_there() {
    let bed = Bed::new().await;
    bed.installed("light").await;
    let mut answers = Vec::new();
    for id in ["light", "nobody"] {
        let path = format!("/v1/plugins/{id}/start");
        answers.push(
            Answer::of(asked(&bed, Role::Viewer, "POST", &path).await)
                .await
                .text,
        );
    }
    assert_eq!(answers[0], answers[1]);
}
