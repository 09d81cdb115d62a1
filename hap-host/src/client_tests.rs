use std::convert::Infallible;

use axum::{
    Router,
    body::Body,
    http::{StatusCode, header},
    routing::{get, post},
};
use serde_json::json;
use tokio::net::TcpListener;

use super::*;

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn caller() -> Caller {
    Caller {
        plugin: PluginId::new("light").unwrap(),
        token: ApiToken::from_bytes(&[7; 32]),
    }
}

const SECOND: Duration = Duration::from_secs(1);

async fn command(router: Router) -> Result<CommandResponse, Error> {
    let client = PluginClient::new(serve(router).await).unwrap();
    client
        .command(&caller(), "/command", &CommandRequest::new("turn_on"), SECOND)
        .await
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
    let client = PluginClient::new(address).unwrap();
    let sent = client
        .command(&caller(), "/command", &CommandRequest::new("turn_on"), SECOND)
        .await;
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
    let client = PluginClient::new(address).unwrap();
    let sent = client
        .command(&caller(), "/command", &CommandRequest::new("turn_on"), SECOND)
        .await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::Interrupted);
}

#[tokio::test]
async fn an_oversized_request_is_refused_before_it_is_sent() {
    let client = PluginClient::new("127.0.0.1:9".parse().unwrap()).unwrap();
    let request = CommandRequest::new("store").with_params(json!({"text": "x".repeat(MAX_REQUEST_BYTES)}));
    let sent = client.command(&caller(), "/command", &request, SECOND).await;
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
        let result = probe(&probe_client().unwrap(), address, "/health", SECOND).await;
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
    let result = probe(&probe_client().unwrap(), address, "/health", SECOND / 10).await;
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
    let result = probe(&probe_client().unwrap(), address, "/health", SECOND).await;
    assert_eq!(
        result,
        ProbeResult::Missed("/health answered HTTP 503: no broker forged line".to_owned())
    );
}
