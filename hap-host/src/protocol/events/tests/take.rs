use hap_manifest::TraceParent;

use super::*;

#[tokio::test]
async fn a_short_event_of_a_script_is_stored_whole() {
    let bench = Bench::new().await;
    bench
        .post(r#"{"type":"motion","data":{"room":"hall"}}"#)
        .await
        .accepted(1, 0);
    let Delivery::Event(received) = bench.all().next().await.unwrap().unwrap() else {
        panic!()
    };
    assert_eq!(received.plugin, id("light"));
    assert_eq!(received.event.source, "/plugins/light");
    assert_eq!(received.event.data, json!({"room": "hall"}));
    assert!(!received.event.id.is_empty());
}

#[tokio::test]
async fn the_trace_of_a_request_is_that_of_its_events_unless_they_name_their_own() {
    let bench = Bench::new().await;
    let (own, sent) = (
        TraceParent::new([1; 16], [2; 8], true),
        TraceParent::new([3; 16], [4; 8], false),
    );
    let batch = json!([{"type": "a"}, {"type": "b", "traceparent": own.to_string()}, {"type": "c", "traceparent": 7}]);
    let mut request = by_token("light", 1, batch.to_string());
    let header = sent.to_string().parse().unwrap();
    request.headers_mut().insert(TraceParent::HEADER, header);
    bench.send(request).await.accepted(3, 0);
    // One that cannot be read costs nothing but itself.
    let mut request = by_token("light", 1, r#"{"type":"d"}"#);
    request
        .headers_mut()
        .insert(TraceParent::HEADER, "odd".parse().unwrap());
    bench.send(request).await.accepted(1, 0);
    let mut all = bench.all();
    for wanted in [Some(sent), Some(own), None, None] {
        let Delivery::Event(event) = all.next().await.unwrap().unwrap() else {
            panic!()
        };
        assert_eq!(event.traceparent(), wanted, "{event:?}");
    }
}

#[tokio::test]
async fn it_is_on_the_disk_when_the_answer_comes() {
    let bench = Bench::new().await;
    bench.post(MOTION).await.accepted(1, 0);
    let path = bench._folder.path().join("hap.db");
    let rows: i64 = rusqlite::Connection::open(path)
        .unwrap()
        .query_row("SELECT count(*) FROM events", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn a_repeated_event_is_taken_once_also_within_a_batch() {
    let bench = Bench::new().await;
    bench.post(MOTION).await.accepted(1, 0);
    bench.post(MOTION).await.accepted(0, 1);
    let batch = json!([{"type": "a", "id": "1"}, {"type": "a", "id": "2"}, {"type": "b", "id": "2"}]);
    bench.post(batch.to_string()).await.accepted(1, 2);
    bench.post("[]").await.accepted(0, 0);
}

#[tokio::test]
async fn a_full_batch_is_taken_in_order() {
    let bench = Bench::new().await;
    let batch: Vec<_> = (0..500)
        .map(|n| json!({"type": "a", "id": n.to_string()}))
        .collect();
    bench.post(json!(batch).to_string()).await.accepted(500, 0);
    let wanted: Vec<_> = (0..500).map(|n| n.to_string()).collect();
    assert_eq!(items(&mut bench.all(), 500).await, wanted);
}

#[tokio::test]
async fn a_large_batch_goes_the_same_way() {
    let bench = Bench::new().await;
    let batch: Vec<_> = (0..20)
        .map(|n| json!({"type": "a", "id": n.to_string(), "data": "x".repeat(150_000)}))
        .collect();
    let body = json!(batch).to_string();
    bench
        .send(signed("light", 1, now(), &body, &body))
        .await
        .accepted(20, 0);
    let tampered = body.replacen("xx", "xy", 1);
    bench
        .send(signed("light", 1, now(), &body, &tampered))
        .await
        .refused(StatusCode::UNAUTHORIZED, "unauthorized");
    bench
        .send(signed("ghost", 1, now(), &body, &body))
        .await
        .refused(StatusCode::UNAUTHORIZED, "unauthorized");
}

#[tokio::test]
async fn all_media_types_of_events_and_none_are_taken() {
    let bench = Bench::new().await;
    for (value, status) in [
        (None, 202),
        (Some("application/json"), 202),
        (Some("Application/JSON; charset=utf-8"), 202),
        (Some("application/cloudevents+json"), 202),
        (Some("application/cloudevents-batch+json; charset=utf-8"), 202),
        (Some("application/x-www-form-urlencoded"), 415),
        (Some("text/plain"), 415),
        (Some("application/jsonx"), 415),
    ] {
        let mut request = by_token("light", 1, MOTION);
        request.headers_mut().remove(header::CONTENT_TYPE);
        if let Some(value) = value {
            request
                .headers_mut()
                .insert(header::CONTENT_TYPE, value.parse().unwrap());
        }
        assert_eq!(bench.send(request).await.status, status, "{value:?}");
    }
    let mut request = by_token("light", 1, MOTION);
    request
        .headers_mut()
        .insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
    bench
        .send(request)
        .await
        .refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type");
}

#[tokio::test]
async fn what_is_no_event_is_refused_with_its_place() {
    let bench = Bench::new().await;
    for body in ["", "{", "[{]", "7", "{}", r#"[{"type":"a"},{}]"#] {
        bench
            .post(body)
            .await
            .refused(StatusCode::BAD_REQUEST, "invalid_event");
    }
    let answer = bench.post(r#"[{"type":"a"},{"type":""}]"#).await;
    answer.refused(StatusCode::BAD_REQUEST, "invalid_event");
    assert_eq!(answer.body["details"]["index"], 1);
    assert_eq!(bench.store.last_seq(), 0, "all or none");
}

#[tokio::test]
async fn other_paths_and_methods_are_refused_in_the_same_shape() {
    let bench = Bench::new().await;
    let get = Request::get("/plugins/light/api/v1/events")
        .body(Body::empty())
        .unwrap();
    bench
        .send(get)
        .await
        .refused(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
    for path in ["/", "/plugins", "/plugins/light/api/v2/events"] {
        let post = Request::post(path).body(Body::empty()).unwrap();
        bench.send(post).await.refused(StatusCode::NOT_FOUND, "not_found");
    }
}

#[tokio::test]
async fn a_store_that_fails_says_come_again() {
    let bench = Bench::new().await;
    bench.store.close().await;
    let answer = bench.post(MOTION).await;
    answer.refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    assert_eq!(answer.retry_after, Some(5));
}
