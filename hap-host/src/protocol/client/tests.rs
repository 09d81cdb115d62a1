use std::convert::Infallible;

use axum::{
    Router,
    body::Body,
    http::{StatusCode, header},
    routing::{get, post},
};
use hap_manifest::PluginId;
use serde_json::json;
use tokio::net::TcpListener;

use super::probe::{probe, probe_client};
use super::{reply::MAX_QUOTED_CHARS, *};
use crate::model::{probe::ProbeResult, redact::Redactor};

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn client(address: SocketAddr) -> PluginClient {
    let plugin = PluginId::new("light").unwrap();
    PluginClient::new(plugin, &ApiToken::from_bytes(&[7; 32]), address).unwrap()
}

const SECOND: Duration = Duration::from_secs(1);

fn in_a_second() -> CallOptions {
    CallOptions {
        timeout: SECOND,
        ..CallOptions::default()
    }
}

fn with_request_id(id: &str) -> CallOptions {
    CallOptions {
        request_id: Some(id.to_owned()),
        ..CallOptions::default()
    }
}

fn with_key(key: &str) -> CallOptions {
    CallOptions {
        idempotency_key: Some(key.to_owned()),
        ..CallOptions::default()
    }
}

async fn command(router: Router) -> Result<CommandResponse, Error> {
    turn_on(serve(router).await, &in_a_second()).await
}

async fn turn_on(address: SocketAddr, options: &CallOptions) -> Result<CommandResponse, Error> {
    let request = CommandRequest::new("turn_on");
    client(address).command("/command", &request, options).await
}

fn answering(status: StatusCode, body: &'static str) -> Router {
    Router::new().route("/command", post(move || async move { (status, body) }))
}

#[tokio::test]
async fn an_answer_keeps_its_result_and_what_else_the_plugin_says() {
    let router = answering(
        StatusCode::OK,
        r#"{"success":true,"result":"on","data":{"a":1},"topic":"x"}"#,
    );
    let response = command(router).await.unwrap();
    assert_eq!(response.result, json!("on"));
    assert_eq!(response.extra["topic"], json!("x"));
}

#[tokio::test]
async fn a_refusal_is_a_refusal_with_either_status() {
    for status in [StatusCode::OK, StatusCode::UNPROCESSABLE_ENTITY] {
        let error = command(answering(
            status,
            r#"{"success":false,"error":"no such lamp","code":"unknown_lamp"}"#,
        ))
        .await
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert_eq!(error.wire().unwrap().code.as_deref(), Some("unknown_lamp"));
        assert!(error.to_string().contains("no such lamp"), "{error}");
    }
}

#[tokio::test]
async fn garbage_is_no_answer_whatever_its_status() {
    let error = command(answering(StatusCode::OK, "<html>")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidReply);
    let error = command(answering(StatusCode::BAD_GATEWAY, "<html>"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert_eq!(error.wire().unwrap().error, "<html>");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let router = Router::new()
        .route(
            "/command",
            post(|| async { (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]) }),
        )
        .route(
            "/elsewhere",
            post(|| async { r#"{"success":true,"result":"stolen"}"# }),
        );
    assert_eq!(command(router).await.unwrap_err().kind(), ErrorKind::InvalidReply);
}

#[tokio::test]
async fn a_reply_past_the_limit_is_cut_off() {
    let router = Router::new().route("/command", post(|| async { "x".repeat(MAX_REPLY_BYTES + 1) }));
    let error = command(router).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidReply);
    assert!(error.to_string().contains("larger than"), "{error}");
}

#[tokio::test]
async fn json_nested_without_end_is_refused_and_does_not_overflow_the_stack() {
    let router = Router::new().route("/command", post(|| async { "[".repeat(1_000_000) }));
    assert_eq!(command(router).await.unwrap_err().kind(), ErrorKind::InvalidReply);
}

#[tokio::test]
async fn one_that_accepts_and_never_answers_is_a_timeout() {
    let router = Router::new().route("/command", post(std::future::pending::<&'static str>));
    assert_eq!(command(router).await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn nobody_there_is_unreachable_so_nothing_was_delivered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let sent = turn_on(address, &in_a_second()).await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::Unreachable);
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_is_interrupted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"succ")
            .await;
    });
    let sent = turn_on(address, &in_a_second()).await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::Interrupted);
}

#[tokio::test]
async fn an_oversized_request_is_refused_before_it_is_sent() {
    let client = client("127.0.0.1:9".parse().unwrap());
    let request = CommandRequest::new("store").with_params(json!({"text": "x".repeat(MAX_REQUEST_BYTES)}));
    let sent = client.command("/command", &request, &in_a_second()).await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn any_2xx_is_healthy_even_without_a_body_that_can_be_read() {
    for (body, degraded) in [
        ("", false),
        ("ok", false),
        (r#"{"status":"healthy"}"#, false),
        (r#"{"status":"degraded"}"#, true),
    ] {
        let address = serve(Router::new().route("/health", get(move || async move { body }))).await;
        let result = probe(&probe_client(), address, "/health", SECOND, &Redactor::default()).await;
        assert_eq!(
            result,
            ProbeResult::Answered {
                degraded,
                message: None
            }
        );
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_takes_nothing_away_from_a_good_status() {
    let body = || async { Body::from_stream(futures_util::stream::pending::<Result<String, Infallible>>()) };
    let address = serve(Router::new().route("/health", get(body))).await;
    let result = probe(
        &probe_client(),
        address,
        "/health",
        SECOND / 10,
        &Redactor::default(),
    )
    .await;
    let degraded = false;
    assert_eq!(
        result,
        ProbeResult::Answered {
            degraded,
            message: None
        }
    );
}

#[tokio::test]
async fn a_health_check_that_fails_says_why() {
    let down = Router::new().route(
        "/health",
        get(|| async {
            (
                StatusCode::SERVICE_UNAVAILABLE,
                r#"{"status":"unhealthy","message":"no broker\nforged line"}"#,
            )
        }),
    );
    let address = serve(down).await;
    let result = probe(&probe_client(), address, "/health", SECOND, &Redactor::default()).await;
    assert_eq!(
        result,
        ProbeResult::Missed("/health answered HTTP 503: no broker forged line".to_owned())
    );
}

#[tokio::test]
async fn what_a_plugin_says_of_its_health_is_told_without_its_secrets_also_where_it_is_cut() {
    let redactor = Redactor::new(["hunter2".to_owned()]);
    for (status, ahead) in [
        (StatusCode::OK, 0),
        (StatusCode::OK, MAX_QUOTED_CHARS - 4),
        (StatusCode::SERVICE_UNAVAILABLE, 0),
        (StatusCode::SERVICE_UNAVAILABLE, MAX_QUOTED_CHARS - 4),
    ] {
        let message = format!("{}hunter2 does not fit", "x".repeat(ahead));
        let body = json!({"status": "degraded", "message": message}).to_string();
        let address = serve(Router::new().route("/health", get(move || async move { (status, body) }))).await;
        let said = match probe(&probe_client(), address, "/health", SECOND, &redactor).await {
            ProbeResult::Answered { message, .. } => message.unwrap(),
            ProbeResult::Missed(reason) => reason,
            ProbeResult::NotAsked(lack) => lack.to_owned(),
        };
        assert!(said.contains("[RED") && !said.contains("hun"), "{said}");
    }
}

/// Hands out what each request was, and breaks the connection instead of answering so many of them.
async fn breaking(broken: usize) -> (SocketAddr, tokio::sync::mpsc::Receiver<String>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, requests) = tokio::sync::mpsc::channel(16);
    tokio::spawn(async move {
        for n in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut request, mut chunk) = (String::new(), [0; 4096]);
            while !request.ends_with('}') {
                let read = stream.read(&mut chunk).await.unwrap();
                request.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
            }
            seen.send(request.to_ascii_lowercase()).await.unwrap();
            if n >= broken {
                let body = r#"{"success":true,"result":"on"}"#;
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all((head + body).as_bytes()).await.unwrap();
            }
        }
    });
    (address, requests)
}

fn received(requests: &mut tokio::sync::mpsc::Receiver<String>) -> Vec<String> {
    std::iter::from_fn(|| requests.try_recv().ok()).collect()
}

#[tokio::test]
async fn a_command_that_may_have_been_delivered_is_not_sent_again() {
    let (address, mut requests) = breaking(1).await;
    let sent = turn_on(address, &in_a_second()).await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::Interrupted);
    let requests = received(&mut requests);
    assert_eq!(requests.len(), 1);
    assert!(!requests[0].contains("idempotency-key"));
}

#[tokio::test]
async fn a_command_with_an_idempotency_key_is_sent_again_under_the_same_key() {
    let (address, mut requests) = breaking(2).await;
    let options = with_key("order-4711");
    turn_on(address, &options).await.unwrap();
    let requests = received(&mut requests);
    assert_eq!(requests.len(), 3);
    assert!(
        requests
            .iter()
            .all(|request| request.contains("idempotency-key: order-4711\r\n"))
    );
    let id = |request: &str| request.split_once("x-request-id: ").unwrap().1[..36].to_owned();
    assert_eq!(id(&requests[0]), id(&requests[2]));

    let (address, mut requests) = breaking(10).await;
    let sent = turn_on(address, &options).await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(received(&mut requests).len(), 3, "and no more");
}

#[tokio::test]
async fn nothing_is_sent_again_past_the_deadline() {
    let (address, mut requests) = breaking(10).await;
    let options = CallOptions {
        timeout: Duration::from_millis(90),
        ..with_key("k")
    };
    turn_on(address, &options).await.unwrap_err();
    assert_eq!(received(&mut requests).len(), 1);
}

#[tokio::test]
async fn the_callers_trace_goes_on_and_its_request_id_is_used() {
    let (address, mut requests) = breaking(0).await;
    let parent = TraceParent::new([1; 16], [2; 8], true);
    let options = CallOptions {
        trace: Some(parent),
        ..with_request_id("call-1")
    };
    turn_on(address, &options).await.unwrap();
    let request = received(&mut requests).remove(0);
    assert!(request.contains("x-request-id: call-1\r\n"), "{request}");
    assert!(request.contains("x-request-timeout-ms: 30000\r\n"), "{request}");
    let (_, rest) = request.split_once("traceparent: ").unwrap();
    let told = TraceParent::parse(&rest[..55]).unwrap();
    assert_eq!(told.trace_id(), parent.trace_id());
    assert_ne!(told.span_id(), parent.span_id());
    let token = ApiToken::from_bytes(&[7; 32]);
    let authorization = format!("authorization: bearer {}\r\n", token.expose());
    assert!(request.contains(&authorization.to_ascii_lowercase()), "{request}");
}

#[tokio::test]
async fn ids_that_are_no_header_are_refused_by_name() {
    let address = "127.0.0.1:9".parse().unwrap();
    for (options, what) in [
        (with_request_id("two\r\nlines"), "request id"),
        (with_key(""), "idempotency key"),
        (with_key(&"x".repeat(129)), "idempotency key"),
    ] {
        let error = turn_on(address, &options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(what), "{error}");
    }
}
