use super::*;
use hap_manifest::ApiToken;

fn token() -> ApiToken {
    ApiToken::from_bytes(&[7; 32])
}

fn ping(authorization: Option<&str>) -> Request<Body> {
    let mut request = post("/command", r#"{"command":"ping"}"#);
    if let Some(value) = authorization {
        request
            .headers_mut()
            .insert("authorization", value.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn without_the_issued_token_only_health_answers() {
    let lamp = Running::start(settings().with_api_token(token())).await;
    let right = token();
    let other = ApiToken::from_bytes(&[8; 32]);
    for wrong in [
        None,
        Some("Bearer"),
        Some("Bearer "),
        Some(right.expose()),
        Some(&*format!("Basic {}", right.expose())),
        Some(&*format!("Bearer {}", other.expose())),
        Some(&*format!("Bearer {}x", right.expose())),
    ] {
        let answer = lamp.send(ping(wrong)).await;
        answer.check_refusal(401, "unauthorized");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
    for scheme in ["Bearer", "bearer"] {
        lamp.send(ping(Some(&format!("{scheme} {}", right.expose()))))
            .await
            .check_ok("pong");
    }
    assert_eq!(lamp.get("/health").await.status, 200);
    for path in ["/status", "/describe", "/metrics", "/nothing"] {
        lamp.get(path).await.check_refusal(401, "unauthorized");
    }
}

#[tokio::test]
async fn the_request_id_and_the_trace_reach_the_plugin_and_the_answer() {
    let lamp = Running::start(settings()).await;
    let mut request = post("/command", r#"{"command":"request"}"#);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request
        .headers_mut()
        .insert("x-request-id", "req-1".parse().unwrap());
    request
        .headers_mut()
        .insert("traceparent", trace.parse().unwrap());
    let answer = lamp.send(request).await;
    assert_eq!(
        (&answer.json["result"]["id"], &answer.json["result"]["trace"]),
        (&Value::from("req-1"), &Value::from(trace))
    );
    assert_eq!(answer.headers["x-request-id"], "req-1");

    let answer = lamp.command(r#"{"command":"request"}"#).await;
    assert_eq!(
        answer.json["result"]["id"].as_str().unwrap(),
        answer.headers["x-request-id"]
    );
    let begun = answer.json["result"]["trace"].as_str().unwrap();
    assert!(
        hap_manifest::TraceParent::parse(begun).is_some_and(|trace| !trace.is_sampled()),
        "{begun}"
    );
}
