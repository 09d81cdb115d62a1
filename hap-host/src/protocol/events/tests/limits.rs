use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::stream;

use super::*;

fn event_of(bytes: usize) -> String {
    let frame = json!({"type": "a", "data": ""}).to_string().len();
    json!({"type": "a", "data": "x".repeat(bytes - frame)}).to_string()
}

#[tokio::test]
async fn an_event_has_a_bound_in_size() {
    let bench = Bench::new().await;
    bench.post(event_of(256 * 1024)).await.accepted(1, 0);
    bench
        .post(event_of(256 * 1024 + 1))
        .await
        .refused(StatusCode::PAYLOAD_TOO_LARGE, "event_too_large");
    let batch = format!("[{}]", [event_of(200), event_of(256 * 1024 + 1)].join(","));
    bench
        .post(batch)
        .await
        .refused(StatusCode::PAYLOAD_TOO_LARGE, "event_too_large");
}

#[tokio::test]
async fn a_batch_has_a_bound_in_number() {
    let bench = Bench::new().await;
    let batch = format!("[{}]", vec![r#"{"type":"a"}"#; 501].join(","));
    bench
        .post(batch)
        .await
        .refused(StatusCode::PAYLOAD_TOO_LARGE, "batch_too_large");
}

#[tokio::test]
async fn a_body_has_a_bound_in_size_announced_or_not() {
    let bench = Bench::new().await;
    let mut request = by_token("light", 1, MOTION);
    request
        .headers_mut()
        .insert(header::CONTENT_LENGTH, (4 * 1024 * 1024 + 1).into());
    bench
        .send(request)
        .await
        .refused(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large");

    let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b' '; 4096])));
    let answer = bench.post(Body::from_stream(endless)).await;
    answer.refused(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large");
}

#[tokio::test]
async fn json_that_is_nested_too_deep_is_refused() {
    let bench = Bench::new().await;
    for depth in [65, 100_000] {
        let body = format!(
            r#"{{"type":"a","data":{}{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        );
        bench
            .post(body)
            .await
            .refused(StatusCode::BAD_REQUEST, "too_deep");
    }
    let body = format!(r#"{{"type":"a","data":{}{}}}"#, "[".repeat(60), "]".repeat(60));
    bench.post(body).await.accepted(1, 0);
    items(&mut bench.all(), 1).await;
}

/// A body that comes one byte a second.
fn trickle() -> Body {
    Body::from_stream(stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
    }))
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_cut_after_fifteen_seconds() {
    let bench = Bench::new().await;
    let start = tokio::time::Instant::now();
    bench
        .post(trickle())
        .await
        .refused(StatusCode::REQUEST_TIMEOUT, "body_timeout");
    assert_eq!(start.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn requests_in_flight_are_bounded_by_plugin() {
    let bench = Bench::new().await;
    let slow: Vec<_> = (0..8)
        .map(|_| {
            let router = bench.inbox.router();
            tokio::spawn(async move { router.oneshot(by_token("light", 1, trickle())).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let answer = bench.post(MOTION).await;
    answer.refused(StatusCode::TOO_MANY_REQUESTS, "too_many_requests");
    assert_eq!(answer.retry_after, Some(1));
    bench.send(by_token("lock", 2, MOTION)).await.accepted(1, 0);
    for slow in slow {
        assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::REQUEST_TIMEOUT);
    }
    bench.post(MOTION).await.accepted(1, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_frees_its_place() {
    let bench = Bench::new().await;
    for _ in 0..20 {
        let gone = tokio::time::timeout(Duration::from_secs(2), bench.post(trickle())).await;
        assert!(gone.is_err());
    }
    bench.post(MOTION).await.accepted(1, 0);
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_kept_by_plugin_and_says_when_to_come_again() {
    let bench = Bench::with(EventRetention::default(), rate(10, 20)).await;
    let batch = format!("[{}]", vec![r#"{"type":"a"}"#; 20].join(","));
    bench.post(batch.clone()).await.accepted(20, 0);
    let answer = bench.post(batch.clone()).await;
    answer.refused(StatusCode::TOO_MANY_REQUESTS, "too_many_events");
    assert_eq!(answer.retry_after, Some(2));
    bench
        .send(by_token("lock", 2, batch.clone()))
        .await
        .accepted(20, 0);
    tokio::time::sleep(Duration::from_secs(2)).await;
    bench.post(batch).await.accepted(20, 0);
}

#[tokio::test]
async fn a_stranger_does_not_use_up_a_plugins_rate() {
    let bench = Bench::with(EventRetention::default(), rate(1, 2)).await;
    for _ in 0..50 {
        bench
            .send(by_token("light", 2, MOTION))
            .await
            .refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    bench.post(MOTION).await.accepted(1, 0);
}
